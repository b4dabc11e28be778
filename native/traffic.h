// Counts the packets that others send to one address: what its users ask of it, whatever protocol or port they use. Nothing
// is read and next to nothing is kept: the kernel counts, for some 0.1 us a packet and counter of its family.
#pragma once

#include <cstdint>
#include <memory>

#include "peer.h"
#include "socket.h"
#include "system_error.h"

namespace anyprobe {

// TrafficCounter counts, from open() until it is destroyed, each IP packet to its address that comes in at any device but
// lo, where this host's own probes travel. It counts before this host's firewall does its work, and whether the address is
// assigned or not. Each fragment is a packet; packets that the kernel has joined (GRO, UDP_SEGMENT over a veth) are one.
class TrafficCounter {
 public:
  // open wants CAP_NET_RAW.
  static SystemError open(bool ipv6, const Address& address, std::unique_ptr<TrafficCounter>* counter);

  // total tells how many came so far. The kernel's own count has 32 bits: ask at least every 2^32 packets, which is every
  // 7 minutes at 10 million/s.
  uint64_t total();

 private:
  explicit TrafficCounter(int fd) : fd_(fd) {}

  const Fd fd_;
  uint64_t total_ = 0;
};

}  // namespace anyprobe
