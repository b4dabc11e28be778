#include "traffic.h"

#include <linux/filter.h>
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>

#include <cerrno>
#include <vector>

namespace anyprobe {
namespace {

SystemError failed(const char* syscall) { return {errno, syscall}; }

// Filter is a classic BPF program in the making; it sees packets from their IP header on. Each test is followed by the end of
// the packets that fail it.
class Filter {
 public:
  void keep_if(uint16_t width, uint32_t at, uint32_t value) { test(width, at, value, 1, 0); }
  void drop_if(uint16_t width, uint32_t at, uint32_t value) { test(width, at, value, 0, 1); }

  SystemError attach(int fd) {
    program_.push_back(BPF_STMT(BPF_RET | BPF_K, 1));  // one octet is the least that counts
    const sock_fprog given{static_cast<uint16_t>(program_.size()), program_.data()};
    const bool done = setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &given, sizeof(given)) == 0;
    return done ? SystemError{} : failed("setsockopt SO_ATTACH_FILTER");
  }

 private:
  void test(uint16_t width, uint32_t at, uint32_t value, uint8_t if_so, uint8_t if_not) {
    program_.push_back(BPF_STMT(static_cast<uint16_t>(BPF_LD | width | BPF_ABS), at));
    program_.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, if_so, if_not));
    program_.push_back(BPF_STMT(BPF_RET | BPF_K, 0));
  }

  std::vector<sock_filter> program_;
};

constexpr uint32_t ancillary(int at) { return static_cast<uint32_t>(SKF_AD_OFF + at); }

// The destination lies at one place in each family, however long the headers behind it are.
SystemError attach_filter(int fd, bool ipv6, const Address& address) {
  Filter filter;
  filter.keep_if(BPF_B, ancillary(SKF_AD_PKTTYPE), PACKET_HOST);  // not what another host gets and we overhear
  filter.drop_if(BPF_H, ancillary(SKF_AD_HATYPE), ARPHRD_LOOPBACK);
  const uint32_t destination = ipv6 ? 24 : 16;
  for (uint32_t word = 0; word < (ipv6 ? 4 : 1); ++word) {
    filter.keep_if(BPF_W, destination + 4 * word, ntohl(address.s6_addr32[word]));
  }
  return filter.attach(fd);
}

}  // namespace

SystemError TrafficCounter::open(bool ipv6, const Address& address, std::unique_ptr<TrafficCounter>* counter) {
  // Protocol 0 receives nothing until bind() names one, and by then the filter stands.
  const int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return failed("socket AF_PACKET");
  counter->reset(new TrafficCounter(fd));
  if (SystemError e = attach_filter(fd, ipv6, address)) return e;
  // A ring of one frame, which the first packet fills for good: all others only add to the count of drops. The receive queue
  // of a socket would keep the packets themselves, and with them memory that the device's driver waits for.
  const auto page = static_cast<unsigned>(getpagesize());
  const tpacket_req ring{page, 1, page, 1};
  if (setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &ring, sizeof(ring)) != 0) return failed("setsockopt PACKET_RX_RING");
  sockaddr_ll any{};
  any.sll_family = AF_PACKET;
  any.sll_protocol = htons(ipv6 ? ETH_P_IPV6 : ETH_P_IP);
  if (bind(fd, reinterpret_cast<sockaddr*>(&any), sizeof(any)) != 0) return failed("bind AF_PACKET");
  return {};
}

uint64_t TrafficCounter::total() {
  tpacket_stats since_last{};  // reading them sets them to zero
  socklen_t size = sizeof(since_last);
  // Cannot fail on a packet socket. tp_packets has the dropped ones in it.
  if (getsockopt(fd_, SOL_PACKET, PACKET_STATISTICS, &since_last, &size) == 0) total_ += since_last.tp_packets;
  return total_;
}

}  // namespace anyprobe
