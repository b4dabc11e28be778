// The limit: a bare loop with the engine's system calls (the same options, batches, ancillary data) and nothing else.
// It knows no ids, keeps no rows, looks at no answer and no stamp: it counts octets. How near the engine comes is how
// little it adds.
//   closed loop    so many queries in flight; trains by UDP_SEGMENT, or with --train 1 batches of single datagrams
//   --targets N    each datagram to the next of N addresses
//   --rate R       sleeps to each query's time, sends it, and takes the answer of the one before
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

#include "host.h"

namespace anyprobe::bench {
namespace {

constexpr unsigned kSendBatch = 8;
constexpr int kReceiveBatch = 64;
constexpr unsigned kSingleOctets = 2048;
constexpr unsigned kTrainOctets = 65536 + 64;
constexpr int kQueueOctets = 16 << 20;
constexpr int kLostMs = 100;  // what is not back after so long of silence is lost

struct Options {
  sockaddr_in target{AF_INET, 0, {}, {}};
  uint32_t targets = 1;
  std::vector<uint8_t> query;
  int64_t in_flight = 4096;
  unsigned train = 64;
  unsigned ports = 64;
  double seconds = 2;
  double rate = 0;
  int cpu = -1;
};

std::vector<uint8_t> parse_hex(const std::string& text) {
  std::vector<uint8_t> octets;
  for (size_t i = 0; i + 1 < text.size(); i += 2) {
    octets.push_back(static_cast<uint8_t>(std::stoi(text.substr(i, 2), nullptr, 16)));
  }
  return octets;
}

Options parse(int argc, char** argv) {
  Options options;
  static const option kLong[] = {
      {"address", 1, nullptr, 'a'}, {"port", 1, nullptr, 'p'},    {"targets", 1, nullptr, 'n'},
      {"query", 1, nullptr, 'q'},   {"inflight", 1, nullptr, 'i'}, {"train", 1, nullptr, 't'},
      {"ports", 1, nullptr, 'o'},   {"seconds", 1, nullptr, 's'}, {"rate", 1, nullptr, 'r'},
      {"cpu", 1, nullptr, 'c'},     {}};
  for (int letter; (letter = getopt_long(argc, argv, "", kLong, nullptr)) != -1;) {
    switch (letter) {
      case 'a': options.target.sin_addr = parse_address(optarg); break;
      case 'p': options.target.sin_port = htons(static_cast<uint16_t>(std::atoi(optarg))); break;
      case 'n': options.targets = static_cast<uint32_t>(std::atoi(optarg)); break;
      case 'q': options.query = parse_hex(optarg); break;
      case 'i': options.in_flight = std::atoi(optarg); break;
      case 't': options.train = static_cast<unsigned>(std::atoi(optarg)); break;
      case 'o': options.ports = static_cast<unsigned>(std::atoi(optarg)); break;
      case 's': options.seconds = std::atof(optarg); break;
      case 'r': options.rate = std::atof(optarg); break;
      case 'c': options.cpu = std::atoi(optarg); break;
      default: fail("limit: see the head of limit.cc for the options");
    }
  }
  if (options.query.empty() || options.target.sin_port == 0) fail("limit: expected --address, --port and --query");
  return options;
}

class Limit {
 public:
  explicit Limit(const Options& options) : options_(options), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    for (unsigned i = 0; i < options.ports; ++i) open_port();
    for (unsigned i = 0; i < options.train; ++i) {
      octets_.insert(octets_.end(), options.query.begin(), options.query.end());
    }
    prepare_send();
    prepare_receive();
  }

  // loop keeps the queries in flight until the time is over.
  void loop() {
    int64_t end_ns = monotonic_ns() + static_cast<int64_t>(options_.seconds * kNsPerSecond);
    std::vector<epoll_event> events(options_.ports);
    while (monotonic_ns() < end_ns) {
      int64_t group = options_.train > 1 ? options_.train : kSendBatch;
      for (; in_flight_ + group <= options_.in_flight; in_flight_ += group) send();
      int ready = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), kLostMs);
      if (ready == 0) in_flight_ = 0;
      for (int i = 0; i < ready; ++i) receive(events[static_cast<size_t>(i)].data.fd);
    }
  }

  // beat sends at a fixed rate, and sleeps in between.
  void beat() {
    auto interval_ns = static_cast<int64_t>(kNsPerSecond / options_.rate);
    int64_t due_ns = monotonic_ns();
    int64_t end_ns = due_ns + static_cast<int64_t>(options_.seconds * kNsPerSecond);
    uint8_t answer[kSingleOctets];
    for (; due_ns < end_ns; due_ns += interval_ns, ++sent) {
      timespec due{due_ns / kNsPerSecond, due_ns % kNsPerSecond};
      clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, nullptr);
      sendto(sockets_[0], octets_.data(), options_.query.size(), 0, reinterpret_cast<const sockaddr*>(&options_.target),
             sizeof(options_.target));
      answered += recv(sockets_[0], answer, sizeof(answer), MSG_DONTWAIT) > 0;
    }
  }

  uint64_t sent = 0;
  uint64_t answered = 0;

 private:
  void open_port() {
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) fail_errno("socket");
    set(fd, SOL_SOCKET, SO_TIMESTAMPNS, 1);
    set(fd, SOL_SOCKET, SO_RXQ_OVFL, 1);
    set(fd, IPPROTO_IP, IP_RECVERR, 1);
    if (options_.train > 1) set(fd, SOL_UDP, UDP_GRO, 1);
    set(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE);
    grow_queues(fd, kQueueOctets);
    epoll_event event{EPOLLIN, {}};
    event.data.fd = fd;
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) fail_errno("epoll_ctl");
    sockets_.push_back(fd);
  }

  void prepare_send() {
    uint32_t first = ntohl(options_.target.sin_addr.s_addr);
    for (uint32_t i = 0; i < options_.targets; ++i) {
      sockaddr_in target = options_.target;
      target.sin_addr.s_addr = htonl(first + i);
      targets_.push_back(target);
    }
    send_vector_ = {octets_.data(), octets_.size()};
    for (auto& message : outgoing_) {
      message.msg_hdr = {targets_.data(), sizeof(sockaddr_in), &send_vector_, 1, nullptr, 0, 0};
    }
    if (options_.train == 1) return;
    auto* c = reinterpret_cast<cmsghdr*>(segment_);
    *c = {CMSG_LEN(sizeof(uint16_t)), SOL_UDP, UDP_SEGMENT};
    auto size = static_cast<uint16_t>(options_.query.size());
    std::memcpy(CMSG_DATA(c), &size, sizeof(size));
    outgoing_[0].msg_hdr.msg_control = segment_;
    outgoing_[0].msg_hdr.msg_controllen = CMSG_SPACE(sizeof(uint16_t));
  }

  // lay_out readies the first so many places of the inbox for the next call.
  void lay_out(int places) {
    for (int i = 0; i < places; ++i) {
      msghdr& header = incoming_[i].msg_hdr;
      header = {&peers_[i], sizeof(peers_[i]), &receive_vectors_[i], 1, control_[i], sizeof(control_[i]), 0};
    }
  }

  void prepare_receive() {
    size_t most = options_.train > 1 ? kTrainOctets : kSingleOctets;
    inbox_.resize(size_t{kReceiveBatch} * most);
    for (int i = 0; i < kReceiveBatch; ++i) receive_vectors_[i] = {&inbox_[static_cast<size_t>(i) * most], most};
    lay_out(kReceiveBatch);
  }

  // send sends one train, or one batch of single datagrams; the next goes out of the next port.
  void send() {
    int fd = sockets_[next_port_];
    next_port_ = next_port_ + 1 == sockets_.size() ? 0 : next_port_ + 1;
    if (options_.train > 1) {
      if (sendmmsg(fd, outgoing_, 1, 0) < 0) fail_errno("sendmmsg");
      sent += options_.train;
      return;
    }
    for (auto& message : outgoing_) {
      message.msg_hdr.msg_name = &targets_[next_target_];
      next_target_ = next_target_ + 1 == targets_.size() ? 0 : next_target_ + 1;
    }
    if (sendmmsg(fd, outgoing_, kSendBatch, 0) < 0) fail_errno("sendmmsg");
    sent += kSendBatch;
  }

  // receive reads a socket until a short batch.
  void receive(int fd) {
    for (int got = kReceiveBatch; got == kReceiveBatch;) {
      got = recvmmsg(fd, incoming_, kReceiveBatch, 0, nullptr);
      size_t octets = 0;
      for (int i = 0; i < got; ++i) octets += incoming_[i].msg_len;
      lay_out(got);
      auto answers = static_cast<int64_t>(octets / options_.query.size());
      answered += static_cast<uint64_t>(answers);
      in_flight_ = std::max<int64_t>(0, in_flight_ - answers);
    }
  }

  const Options& options_;
  int epoll_;
  std::vector<int> sockets_;
  std::vector<sockaddr_in> targets_;
  std::vector<uint8_t> octets_;
  std::vector<uint8_t> inbox_;
  iovec send_vector_{};
  iovec receive_vectors_[kReceiveBatch];
  sockaddr_storage peers_[kReceiveBatch];
  alignas(cmsghdr) uint8_t control_[kReceiveBatch][256];
  mmsghdr outgoing_[kSendBatch]{};
  mmsghdr incoming_[kReceiveBatch]{};
  alignas(cmsghdr) uint8_t segment_[CMSG_SPACE(sizeof(uint16_t))]{};
  int64_t in_flight_ = 0;
  size_t next_port_ = 0;
  size_t next_target_ = 0;
};

}  // namespace
}  // namespace anyprobe::bench

int main(int argc, char** argv) {
  using namespace anyprobe::bench;
  Options options = parse(argc, argv);
  pin_to(options.cpu);
  die_with_parent();
  Limit limit(options);
  double before = cpu_seconds();
  int64_t start_ns = monotonic_ns();
  if (options.rate > 0) {
    limit.beat();
  } else {
    limit.loop();
  }
  double seconds = static_cast<double>(monotonic_ns() - start_ns) / kNsPerSecond;
  std::printf("{\"answered\":%llu,\"sent\":%llu,\"seconds\":%.6f,\"cpuSeconds\":%.6f}\n",
              static_cast<unsigned long long>(limit.answered), static_cast<unsigned long long>(limit.sent), seconds,
              cpu_seconds() - before);
}
