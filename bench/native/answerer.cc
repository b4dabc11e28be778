// The bench's own answerer: native/answerer.h as a program, or, with one of the options from --limit on, a server of known
// behaviour. It prints "ready PORT", and, when it is told to end (SIGTERM), how many queries each of its sockets got and what
// became of them.
#include "../../native/answerer.h"

#include <getopt.h>
#include <signal.h>

#include <cstdio>
#include <cstdlib>
#include <memory>

#include "host.h"
#include "manner.h"

namespace anyprobe::bench {
namespace {

constexpr const char* kUsage =
    "usage: answerer [--address A, 0.0.0.0 or ::: every one] [--port P] [--cpu N] [--reuseport SOCKETS]\n"
    "  [--limit QPS [--burst-ms MS]] [--rcode-above QPS [--rcode N]] [--delay-above QPS --delay-ms MS]\n"
    "  [--freeze-ms MS --freeze-every-ms MS] [--truncate]";

volatile sig_atomic_t ending = 0;

struct Options {
  AnswererOptions answerer;
  Manner manner;
};

double number(const char* text) {
  char* end;
  double value = std::strtod(text, &end);
  if (end == text || *end || !(value >= 0)) fail("expected a number of 0 or more");
  return value;
}

Options parse(int argc, char** argv) {
  Options options;
  Manner& manner = options.manner;
  const char* text = "127.0.0.1";
  uint16_t port = 0;
  static const option kLong[] = {{"address", 1, nullptr, 'a'},     {"port", 1, nullptr, 'p'},
                                 {"cpu", 1, nullptr, 'c'},         {"reuseport", 1, nullptr, 'r'},
                                 {"limit", 1, nullptr, 'l'},       {"burst-ms", 1, nullptr, 'b'},
                                 {"rcode-above", 1, nullptr, 'R'}, {"rcode", 1, nullptr, 'o'},
                                 {"delay-above", 1, nullptr, 'd'}, {"delay-ms", 1, nullptr, 'D'},
                                 {"freeze-ms", 1, nullptr, 'f'},   {"freeze-every-ms", 1, nullptr, 'F'},
                                 {"truncate", 0, nullptr, 't'},    {}};
  for (int letter; (letter = getopt_long(argc, argv, "", kLong, nullptr)) != -1;) {
    switch (letter) {
      case 'a': text = optarg; break;
      case 'p': port = static_cast<uint16_t>(number(optarg)); break;
      case 'c': options.answerer.cpu = std::atoi(optarg); break;
      case 'r': options.answerer.sockets = static_cast<unsigned>(number(optarg)); break;
      case 'l': manner.limit_qps = number(optarg); break;
      case 'b': manner.burst_ms = number(optarg); break;
      case 'R': manner.refuse_above_qps = number(optarg); break;
      case 'o': manner.rcode = static_cast<int>(number(optarg)) & 0xf; break;
      case 'd': manner.delay_above_qps = number(optarg); break;
      case 'D': manner.delay_ms = number(optarg); break;
      case 'f': manner.freeze_ms = number(optarg); break;
      case 'F': manner.freeze_every_ms = number(optarg); break;
      case 't': manner.truncate = true; break;
      default: fail(kUsage);
    }
  }
  Address address{};
  const bool ipv6 = inet_pton(AF_INET6, text, &address) == 1;
  if (!ipv6 && inet_pton(AF_INET, text, &address) != 1) fail("expected an IPv4 or IPv6 address");
  options.answerer.address = peer_at(ipv6, address, port);
  if ((manner.freeze_ms > 0) != (manner.freeze_every_ms > manner.freeze_ms)) {
    fail("expected --freeze-ms below --freeze-every-ms");
  }
  if (manner.any() && options.answerer.sockets != 1) fail("expected one socket for a known behaviour");
  return options;
}

void ready(unsigned port) {
  std::printf("ready %u\n", port);
  std::fflush(stdout);
}

void check(const SystemError& error) {
  if (!error) return;
  errno = error.errnum;
  fail_errno(error.syscall);
}

unsigned long long whole(uint64_t count) { return count; }

void answer(const AnswererOptions& options) {
  sigset_t endings;
  sigemptyset(&endings);
  for (int one : {SIGTERM, SIGINT}) sigaddset(&endings, one);
  sigprocmask(SIG_BLOCK, &endings, nullptr);
  std::unique_ptr<Answerer> answerer;
  check(Answerer::start(options, &answerer));
  ready(answerer->port());
  // The answerer's thread takes no signals.
  int signal;
  sigwait(&endings, &signal);
  answerer->stop();
  std::printf("{\"queries\":[");
  for (size_t i = 0; i < answerer->sockets(); ++i) {
    std::printf("%s%llu", i ? "," : "", whole(answerer->queries(i)));
  }
  std::printf("]}\n");
}

void behave(const Options& options) {
  Peer address = options.answerer.address;
  std::unique_ptr<Fd> listener;
  check(open_listener(&address, false, &listener));
  pin_to(options.answerer.cpu);
  ready(port_of(address));
  const Told told = behave(*listener, address, options.manner, ending);
  std::printf("{\"queries\":[%llu],\"dropped\":%llu,\"refused\":%llu,\"delayed\":%llu,\"freezes\":%llu}\n",
              whole(told.queries), whole(told.dropped), whole(told.refused), whole(told.delayed), whole(told.freezes));
}

int run(int argc, char** argv) {
  const Options options = parse(argc, argv);
  die_with_parent();
  struct sigaction action {};
  action.sa_handler = [](int) { ending = 1; };
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
  if (options.manner.any()) {
    behave(options);
  } else {
    answer(options.answerer);
  }
  return 0;
}

}  // namespace
}  // namespace anyprobe::bench

int main(int argc, char** argv) { return anyprobe::bench::run(argc, argv); }
