#include "raw_packet.h"

#include <cstring>

#include "wire.h"

namespace anyprobe {
namespace {

constexpr uint8_t kHops = 64;
constexpr uint8_t kUdp = 17, kIpv6Fragment = 44;  // protocol numbers
constexpr uint16_t kDontFragment = 0x4000, kMoreFragments = 0x2000, kFragmentOffset = 0x1fff;

// sum adds octets as 16-bit words in one's complement (RFC 1071), which is the same in either order of octets: words are
// taken as they lie in memory.
uint64_t sum(const uint8_t* octets, size_t length) {
  uint64_t total = 0;
  for (; length >= 4; octets += 4, length -= 4) {
    uint32_t word;
    std::memcpy(&word, octets, 4);
    total += word;
  }
  if (length == 0) return total;
  uint32_t rest = 0;
  std::memcpy(&rest, octets, length);
  return total + rest;
}

// fold ends a sum; what it gives lies in memory as the sum's words did.
uint16_t fold(uint64_t total) {
  while (total >> 16) total = (total & 0xffff) + (total >> 16);
  return static_cast<uint16_t>(~total);
}

// sum_pseudo adds what a UDP checksum covers beside the datagram (RFC 768, RFC 8200 8.1).
uint64_t sum_pseudo(const Flow& flow, size_t length) {
  size_t address = flow.ipv6 ? 16 : 4;
  uint8_t rest[4] = {0, kUdp, static_cast<uint8_t>(length >> 8), static_cast<uint8_t>(length)};
  return sum(reinterpret_cast<const uint8_t*>(&flow.source), address) +
         sum(reinterpret_cast<const uint8_t*>(&flow.destination), address) + sum(rest, sizeof(rest));
}

void build_ipv4(const Flow& flow, uint8_t* ip, size_t length) {
  ip[0] = 0x45;
  ip[1] = 0;
  write16(ip + 2, static_cast<uint16_t>(length));
  // A packet that is never cut needs no id (RFC 6864), but for a 0 the kernel would choose one.
  write16(ip + 4, 1);
  write16(ip + 6, kDontFragment);
  ip[8] = kHops;
  ip[9] = kUdp;
  write16(ip + 10, 0);
  std::memcpy(ip + 12, &flow.source, 4);
  std::memcpy(ip + 16, &flow.destination, 4);
  uint16_t checksum = fold(sum(ip, kIpv4Header));
  std::memcpy(ip + 10, &checksum, 2);
}

void build_ipv6(const Flow& flow, uint8_t* ip, size_t udp_length) {
  // No flow label: routers that balance by it must look at the ports instead (RFC 6438).
  ip[0] = 0x60;
  ip[1] = ip[2] = ip[3] = 0;
  write16(ip + 4, static_cast<uint16_t>(udp_length));
  ip[6] = kUdp;
  ip[7] = kHops;
  std::memcpy(ip + 8, &flow.source, 16);
  std::memcpy(ip + 24, &flow.destination, 16);
}

// Payload is what an IP header promises to carry.
struct Payload {
  uint8_t protocol;
  size_t at, length;
  bool fragment;  // more of it comes in other packets
};

bool parse_ipv4(const uint8_t* ip, size_t length, Flow* flow, Payload* payload) {
  if (length < kIpv4Header || ip[0] >> 4 != 4) return false;
  size_t header = (ip[0] & 0x0f) * 4u, total = read16(ip + 2);
  if (header < kIpv4Header || total < header) return false;
  uint16_t fragment = read16(ip + 6);
  if (fragment & kFragmentOffset) return false;
  flow->source = flow->destination = {};
  std::memcpy(&flow->source, ip + 12, 4);
  std::memcpy(&flow->destination, ip + 16, 4);
  *payload = {ip[9], header, total - header, (fragment & kMoreFragments) != 0};
  return true;
}

bool parse_ipv6(const uint8_t* ip, size_t length, Flow* flow, Payload* payload) {
  if (length < kIpv6Header || ip[0] >> 4 != 6) return false;
  std::memcpy(&flow->source, ip + 8, 16);
  std::memcpy(&flow->destination, ip + 24, 16);
  *payload = {ip[6], kIpv6Header, read16(ip + 4), false};
  if (payload->protocol != kIpv6Fragment) return true;
  const uint8_t* header = ip + kIpv6Header;
  if (length < kIpv6Header + kIpv6FragmentHeader || payload->length < kIpv6FragmentHeader) return false;
  uint16_t fragment = read16(header + 2);  // 13 bits of offset, two reserved, one for more to come
  if (fragment >> 3) return false;
  *payload = {header[0], kIpv6Header + kIpv6FragmentHeader, payload->length - kIpv6FragmentHeader, (fragment & 1) != 0};
  return true;
}

}  // namespace

void build_headers(const Flow& flow, const uint8_t* payload, size_t length, uint8_t* headers) {
  size_t udp_length = kUdpHeader + length;
  uint8_t* udp = headers + headers_of(flow.ipv6) - kUdpHeader;
  flow.ipv6 ? build_ipv6(flow, headers, udp_length) : build_ipv4(flow, headers, kIpv4Header + udp_length);
  write16(udp, flow.source_port);
  write16(udp + 2, flow.destination_port);
  write16(udp + 4, static_cast<uint16_t>(udp_length));
  write16(udp + 6, 0);
  uint16_t checksum = fold(sum_pseudo(flow, udp_length) + sum(udp, kUdpHeader) + sum(payload, length));
  // 0 would say that there is none; it is sent as its other form (RFC 768).
  if (checksum == 0) checksum = 0xffff;
  std::memcpy(udp + 6, &checksum, 2);
}

bool parse_udp(const uint8_t* octets, size_t length, bool ipv6, Checksum checksum, UdpPacket* packet) {
  Payload payload;
  Flow& flow = packet->flow;
  flow.ipv6 = ipv6;
  if (!(ipv6 ? parse_ipv6 : parse_ipv4)(octets, length, &flow, &payload)) return false;
  if (payload.protocol != kUdp || payload.length < kUdpHeader || length < payload.at + kUdpHeader) return false;
  const uint8_t* udp = octets + payload.at;
  size_t told = read16(udp + 4);
  if (told < kUdpHeader || (told > payload.length && !payload.fragment)) return false;
  size_t here = length - payload.at;
  if (here > payload.length) here = payload.length;  // an Ethernet frame is padded
  if (here > told) here = told;
  flow.source_port = read16(udp);
  flow.destination_port = read16(udp + 2);
  packet->payload = udp + kUdpHeader;
  packet->length = here - kUdpHeader;
  packet->missing = told - here;
  if (checksum == Checksum::kTrust || packet->cut_short()) return true;
  bool none = read16(udp + 6) == 0;
  return none ? !ipv6 : fold(sum_pseudo(flow, told) + sum(udp, told)) == 0;
}

}  // namespace anyprobe
