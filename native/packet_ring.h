// The receiving half of the raw transport: a packet socket whose kernel-side filter lets through only UDP to a range of
// ports, and whose packets lie in memory that is shared with the kernel. It sees packets before this host's firewall does.
#pragma once

#include <linux/if_packet.h>

#include <cstdint>
#include <memory>

#include "raw_packet.h"
#include "socket.h"

namespace anyprobe {

// PacketRing is used by one shard thread. Its frames are TPACKET_V2: the kernel hands over each packet at once and stamps
// it. V3 hands over blocks, which at low rates means when a timer of a millisecond or more runs out.
class PacketRing {
 public:
  // open wants CAP_NET_RAW. Nothing is queued but what the filter let through.
  static SystemError open(bool ipv6, uint16_t first_port, uint32_t ports, std::unique_ptr<PacketRing>* ring);
  ~PacketRing();

  // Readable while packets wait.
  int fd() const { return fd_; }

  // receive hands the packets that wait to take(const UdpPacket&, stamp_ns), `most` of them at most, and tells how many it
  // looked at. Stamps are the kernel's, CLOCK_REALTIME. The octets are gone when take returns. What is no good UDP datagram
  // goes to malformed().
  template <typename Take, typename Malformed>
  uint32_t receive(uint32_t most, Take take, Malformed malformed) {
    uint32_t seen = 0;
    for (; seen < most; ++seen) {
      tpacket2_hdr* frame = ready();
      if (!frame) break;
      UdpPacket packet;
      int64_t stamp_ns;
      parse(*frame, &packet, &stamp_ns) ? take(packet, stamp_ns) : malformed();
      give_back(frame);
    }
    return seen;
  }

  // dropped tells how many packets found the ring full since it was opened.
  uint32_t dropped();

 private:
  PacketRing(int fd, bool ipv6) : fd_(fd), ipv6_(ipv6) {}
  tpacket2_hdr* ready();
  bool parse(const tpacket2_hdr& frame, UdpPacket* packet, int64_t* stamp_ns) const;
  void give_back(tpacket2_hdr* frame);

  const Fd fd_;
  const bool ipv6_;
  uint8_t* frames_ = nullptr;
  uint32_t next_ = 0;
  uint32_t dropped_ = 0;
};

}  // namespace anyprobe
