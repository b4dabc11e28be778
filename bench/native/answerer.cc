// The bench's own answerer: one thread that sends every DNS query back with QR set, in the same buffers, a train as a
// train. It must cost less than any generator, so that what is measured is the generator. `answerer --help` tells its
// options; it prints "ready PORT", and, when it is told to end (SIGTERM), how many queries each of its sockets got.
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "host.h"

namespace anyprobe::bench {
namespace {

constexpr unsigned kBatch = 32;
// A coalesced train fills a buffer; the odd line keeps buffers from sharing cache sets.
constexpr size_t kBufferOctets = 65536 + 64;
constexpr int kQueueOctets = 16 << 20;
constexpr int kLookMs = 100;  // between two looks at whether to end

volatile sig_atomic_t ending = 0;

struct Options {
  sockaddr_in address{AF_INET, 0, {htonl(INADDR_LOOPBACK)}, {}};
  int cpu = -1;
  unsigned sockets = 1;
};

// Listener is one socket and the queries that it got.
struct Listener {
  int fd;
  uint64_t queries = 0;
};

// Batch is what one recvmmsg brings and one sendmmsg takes back, with nothing copied between.
class Batch {
 public:
  // answer reads a batch and sends it back; gives the number of queries in it.
  uint64_t answer(int fd, bool every_address) {
    for (unsigned i = 0; i < kBatch; ++i) {
      vectors_[i] = {&octets_[i * kBufferOctets], kBufferOctets};
      headers_[i].msg_hdr = {&peers_[i], sizeof(peers_[i]), &vectors_[i], 1, control_[i], sizeof(control_[i]), 0};
    }
    int got = recvmmsg(fd, headers_, kBatch, MSG_WAITFORONE, nullptr);
    if (got <= 0) return 0;
    uint64_t queries = 0;
    for (int i = 0; i < got; ++i) queries += turn(headers_[i], every_address);
    for (int sent = 0; sent < got;) {
      int more = sendmmsg(fd, headers_ + sent, static_cast<unsigned>(got - sent), 0);
      sent += more > 0 ? more : 1;  // what the kernel refuses is a lost answer
    }
    return queries;
  }

 private:
  // turn makes an answer of what arrived: QR in each segment, from the address that was asked, cut as it came.
  static uint64_t turn(mmsghdr& message, bool every_address) {
    msghdr& header = message.msg_hdr;
    size_t segment = message.msg_len;
    in_pktinfo asked{};
    for (cmsghdr* c = CMSG_FIRSTHDR(&header); c; c = CMSG_NXTHDR(&header, c)) {
      if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO) {
        int size;
        std::memcpy(&size, CMSG_DATA(c), sizeof(size));
        segment = static_cast<size_t>(size);
      }
      if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) std::memcpy(&asked, CMSG_DATA(c), sizeof(asked));
    }
    auto* octets = static_cast<uint8_t*>(header.msg_iov->iov_base);
    uint64_t queries = 0;
    for (size_t at = 0; at < message.msg_len; at += segment, ++queries) octets[at + 2] |= 0x80;
    header.msg_iov->iov_len = message.msg_len;
    size_t used = 0;
    if (segment < message.msg_len) used = put(header, used, SOL_UDP, UDP_SEGMENT, static_cast<uint16_t>(segment));
    if (every_address) used = put(header, used, IPPROTO_IP, IP_PKTINFO, in_pktinfo{0, asked.ipi_addr, {}});
    header.msg_controllen = used;
    return queries;
  }

  template <typename T>
  static size_t put(msghdr& header, size_t at, int level, int type, const T& value) {
    auto* c = reinterpret_cast<cmsghdr*>(static_cast<uint8_t*>(header.msg_control) + at);
    c->cmsg_level = level;
    c->cmsg_type = type;
    c->cmsg_len = CMSG_LEN(sizeof(value));
    std::memcpy(CMSG_DATA(c), &value, sizeof(value));
    return at + CMSG_SPACE(sizeof(value));
  }

  std::unique_ptr<uint8_t[]> octets_{new uint8_t[kBatch * kBufferOctets]};
  iovec vectors_[kBatch];
  sockaddr_in peers_[kBatch];
  mmsghdr headers_[kBatch];
  alignas(cmsghdr) uint8_t control_[kBatch][128];
};

Options parse(int argc, char** argv) {
  Options options;
  static const option kLong[] = {{"address", 1, nullptr, 'a'}, {"port", 1, nullptr, 'p'},
                                 {"cpu", 1, nullptr, 'c'},     {"reuseport", 1, nullptr, 'r'},
                                 {}};
  for (int letter; (letter = getopt_long(argc, argv, "", kLong, nullptr)) != -1;) {
    switch (letter) {
      case 'a': options.address.sin_addr = parse_address(optarg); break;
      case 'p': options.address.sin_port = htons(static_cast<uint16_t>(std::atoi(optarg))); break;
      case 'c': options.cpu = std::atoi(optarg); break;
      case 'r': options.sockets = static_cast<unsigned>(std::atoi(optarg)); break;
      default: fail("usage: answerer [--address A, 0.0.0.0: every one] [--port P] [--cpu N] [--reuseport SOCKETS]");
    }
  }
  return options;
}

// listen_at opens a socket; the first one's port is the others' too.
Listener listen_at(sockaddr_in& address, bool every_address) {
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) fail_errno("socket");
  set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
  set(fd, SOL_UDP, UDP_GRO, 1);
  if (every_address) set(fd, IPPROTO_IP, IP_PKTINFO, 1);
  grow_queues(fd, kQueueOctets);
  timeval look{0, kLookMs * 1000};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &look, sizeof(look));
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) fail_errno("bind");
  socklen_t size = sizeof(address);
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  return {fd};
}

int run(int argc, char** argv) {
  Options options = parse(argc, argv);
  pin_to(options.cpu);
  die_with_parent();
  struct sigaction action {};
  action.sa_handler = [](int) { ending = 1; };
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);

  bool every_address = options.address.sin_addr.s_addr == htonl(INADDR_ANY);
  std::vector<Listener> listeners;
  std::vector<pollfd> polls;
  for (unsigned i = 0; i < options.sockets; ++i) {
    listeners.push_back(listen_at(options.address, every_address));
    polls.push_back({listeners.back().fd, POLLIN, 0});
  }
  std::printf("ready %u\n", ntohs(options.address.sin_port));
  std::fflush(stdout);

  Batch batch;
  while (!ending) {
    if (polls.size() > 1 && poll(polls.data(), polls.size(), kLookMs) <= 0) continue;
    for (size_t i = 0; i < polls.size(); ++i) {
      if (polls.size() == 1 || polls[i].revents) {
        listeners[i].queries += batch.answer(listeners[i].fd, every_address);
      }
    }
  }
  std::printf("{\"queries\":[");
  for (size_t i = 0; i < listeners.size(); ++i) {
    std::printf("%s%llu", i ? "," : "", static_cast<unsigned long long>(listeners[i].queries));
  }
  std::printf("]}\n");
  return 0;
}

}  // namespace
}  // namespace anyprobe::bench

int main(int argc, char** argv) { return anyprobe::bench::run(argc, argv); }
