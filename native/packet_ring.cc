#include "packet_ring.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <atomic>
#include <cerrno>
#include <vector>

#include "clock.h"

namespace anyprobe {
namespace {

// 8 MiB: some 40 ms at 100,000 answers/s. A frame holds a packet of an Ethernet; of a longer one it holds the beginning.
constexpr uint32_t kFrameOctets = 2048, kFrames = 4096, kBlockOctets = 64 * 1024;
constexpr size_t kRingOctets = size_t{kFrameOctets} * kFrames;

SystemError failed(const char* syscall) { return {errno, syscall}; }

// Filter is a classic BPF program in the making; it sees packets from their IP header on. Jumps to `drop` are settled at
// its end.
class Filter {
 public:
  void load8(uint32_t at) { add(BPF_LD | BPF_B | BPF_ABS, at); }
  void load16(uint32_t at) { add(BPF_LD | BPF_H | BPF_ABS, at); }
  void add(uint16_t code, uint32_t k) { program_.push_back({code, 0, 0, k}); }
  void jump(uint16_t test, uint32_t k, uint8_t if_so, uint8_t if_not) {
    program_.push_back({static_cast<uint16_t>(BPF_JMP | test | BPF_K), if_so, if_not, k});
  }
  void drop_unless(uint16_t test, uint32_t k) { jump(test, k, 0, kToDrop); }
  void drop_if(uint16_t test, uint32_t k) { jump(test, k, kToDrop, 0); }

  SystemError attach(int fd) {
    add(BPF_RET | BPF_K, UINT32_MAX);
    size_t drop = program_.size();
    add(BPF_RET | BPF_K, 0);
    for (size_t at = 0; at < drop; ++at) {
      uint8_t distance = static_cast<uint8_t>(drop - at - 1);
      if (program_[at].jt == kToDrop) program_[at].jt = distance;
      if (program_[at].jf == kToDrop) program_[at].jf = distance;
    }
    sock_fprog given{static_cast<uint16_t>(program_.size()), program_.data()};
    bool done = setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &given, sizeof(given)) == 0;
    return done ? SystemError{} : failed("setsockopt SO_ATTACH_FILTER");
  }

 private:
  static constexpr uint8_t kToDrop = UINT8_MAX;
  std::vector<sock_filter> program_;
};

// attach_filter lets through UDP to the range that is for this host. Of a fragmented datagram it wants the first piece:
// that one has the ports, and shows that there was an answer.
SystemError attach_filter(int fd, bool ipv6, uint16_t first_port, uint32_t ports) {
  Filter filter;
  filter.load8(static_cast<uint32_t>(SKF_AD_OFF + SKF_AD_PKTTYPE));
  filter.drop_unless(BPF_JEQ, PACKET_HOST);
  // X becomes where the UDP header lies.
  if (ipv6) {
    filter.load8(6);
    filter.add(BPF_LDX | BPF_W | BPF_IMM, kIpv6Header);
    filter.jump(BPF_JEQ, IPPROTO_UDP, 6, 0);  // past the fragment header
    filter.drop_unless(BPF_JEQ, IPPROTO_FRAGMENT);
    filter.load16(kIpv6Header + 2);
    filter.drop_if(BPF_JSET, 0xfff8);
    filter.load8(kIpv6Header);
    filter.add(BPF_LDX | BPF_W | BPF_IMM, kIpv6Header + kIpv6FragmentHeader);
    filter.drop_unless(BPF_JEQ, IPPROTO_UDP);
  } else {
    filter.load8(9);
    filter.drop_unless(BPF_JEQ, IPPROTO_UDP);
    filter.load16(6);
    filter.drop_if(BPF_JSET, 0x1fff);
    filter.add(BPF_LDX | BPF_B | BPF_MSH, 0);
  }
  filter.add(BPF_LD | BPF_H | BPF_IND, 2);
  filter.drop_unless(BPF_JGE, first_port);
  filter.drop_if(BPF_JGT, first_port + ports - 1);
  return filter.attach(fd);
}

SystemError make_ring(int fd, uint8_t** frames) {
  int version = TPACKET_V2;
  if (setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)) != 0) {
    return failed("setsockopt PACKET_VERSION");
  }
  tpacket_req request{kBlockOctets, kRingOctets / kBlockOctets, kFrameOctets, kFrames};
  if (setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &request, sizeof(request)) != 0) {
    return failed("setsockopt PACKET_RX_RING");
  }
  void* memory = mmap(nullptr, kRingOctets, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) return failed("mmap PACKET_RX_RING");
  *frames = static_cast<uint8_t*>(memory);
  return {};
}

// What the kernel and we say to each other about a frame: who has it.
std::atomic_ref<uint32_t> status_of(tpacket2_hdr* frame) { return std::atomic_ref<uint32_t>(frame->tp_status); }

}  // namespace

SystemError PacketRing::open(bool ipv6, uint16_t first_port, uint32_t ports, std::unique_ptr<PacketRing>* ring) {
  // Protocol 0 receives nothing until bind() names one, and by then the filter stands.
  int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return failed("socket AF_PACKET");
  ring->reset(new PacketRing(fd, ipv6));
  if (SystemError e = attach_filter(fd, ipv6, first_port, ports)) return e;
  if (SystemError e = make_ring(fd, &(*ring)->frames_)) return e;
  // With it packets are stamped where they enter the kernel, as for other sockets; else where they enter the ring.
  int on = 1;
  if (setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)) != 0) return failed("setsockopt SO_TIMESTAMPNS");
  sockaddr_ll any{};
  any.sll_family = AF_PACKET;
  any.sll_protocol = htons(ipv6 ? ETH_P_IPV6 : ETH_P_IP);
  if (bind(fd, reinterpret_cast<sockaddr*>(&any), sizeof(any)) != 0) return failed("bind AF_PACKET");
  return {};
}

PacketRing::~PacketRing() {
  if (frames_) munmap(frames_, kRingOctets);
}

// ready gives the next frame where the kernel has filled it.
tpacket2_hdr* PacketRing::ready() {
  auto* frame = reinterpret_cast<tpacket2_hdr*>(frames_ + size_t{next_} * kFrameOctets);
  return status_of(frame).load(std::memory_order_acquire) & TP_STATUS_USER ? frame : nullptr;
}

void PacketRing::give_back(tpacket2_hdr* frame) {
  status_of(frame).store(TP_STATUS_KERNEL, std::memory_order_release);
  next_ = (next_ + 1) % kFrames;
}

// A checksum that nobody has looked at is verified here, since the packet was taken before the kernel does so.
// TP_STATUS_CSUMNOTREADY means a sender on this host (or in another namespace of it) that left it to a device: then there
// is none to verify. The IPv4 header's own checksum is left alone: UDP's covers the addresses and the length too.
bool PacketRing::parse(const tpacket2_hdr& frame, UdpPacket* packet, int64_t* stamp_ns) const {
  bool trusted = frame.tp_status & (TP_STATUS_CSUMNOTREADY | TP_STATUS_CSUM_VALID);
  *stamp_ns = frame.tp_sec * kNsPerSecond + frame.tp_nsec;
  return parse_udp(reinterpret_cast<const uint8_t*>(&frame) + frame.tp_net, frame.tp_snaplen, ipv6_,
                   trusted ? Checksum::kTrust : Checksum::kVerify, packet);
}

uint32_t PacketRing::dropped() {
  tpacket_stats stats{};  // since they were read last
  socklen_t size = sizeof(stats);
  if (getsockopt(fd_, SOL_PACKET, PACKET_STATISTICS, &stats, &size) == 0) dropped_ += stats.tp_drops;
  return dropped_;
}

}  // namespace anyprobe
