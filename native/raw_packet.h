// One UDP datagram in one IP packet: built for the raw socket, read off the packet socket. Pure: octets in, octets out,
// no system call. parse_udp() bears any octets: it reads what others sent.
#pragma once

#include <cstddef>
#include <cstdint>

#include "peer.h"

namespace anyprobe {

inline constexpr size_t kUdpHeader = 8;
inline constexpr size_t kIpv4Header = 20;  // as we build it: without options
inline constexpr size_t kIpv6Header = 40;
inline constexpr size_t kIpv6FragmentHeader = 8;

constexpr size_t headers_of(bool ipv6) { return (ipv6 ? kIpv6Header : kIpv4Header) + kUdpHeader; }

// Flow is what the headers of a packet say: who sends to whom. Ports are in host order.
struct Flow {
  bool ipv6;
  Address source, destination;
  uint16_t source_port, destination_port;
};

// build_headers writes the headers_of(ipv6) octets that go before a payload of 65,507 octets at most.
void build_headers(const Flow& flow, const uint8_t* payload, size_t length, uint8_t* headers);

// UdpPacket is what parse_udp found; `payload` points into the octets that were read.
struct UdpPacket {
  Flow flow;
  const uint8_t* payload;
  size_t length;   // octets of the payload that are here
  size_t missing;  // the datagram is so much longer: the rest was not captured, or came in another fragment
  bool cut_short() const { return missing > 0; }
};

enum class Checksum {
  kVerify,  // a wrong one makes the packet no packet; a datagram that is cut short cannot be verified
  kTrust,   // somebody verified it, or it is not filled in yet: it never left this host
};

// parse_udp reads a packet from its IP header on; false where it is no UDP datagram, or not the beginning of one. IPv4
// options are passed over; of IPv6 extension headers only a fragment's is known.
bool parse_udp(const uint8_t* octets, size_t length, bool ipv6, Checksum checksum, UdpPacket* packet);

}  // namespace anyprobe
