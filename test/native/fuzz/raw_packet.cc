// Packets of any octets read by the raw transport. Input: what is asked of it (1: the family, whether the checksum is
// trusted), the packet from its IP header on.
#include "../../../native/raw_packet.h"

#include <cstring>

#include "../check.h"
#include "input.h"

using namespace anyprobe;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* octets, size_t length) {
  Input input(octets, length);
  const uint8_t asked = input.u8();
  const bool ipv6 = asked & 1;
  const Checksum checksum = asked & 2 ? Checksum::kVerify : Checksum::kTrust;
  const std::vector<uint8_t> packet = input.rest();
  UdpPacket udp;
  if (!parse_udp(packet.data(), packet.size(), ipv6, checksum, &udp)) return 0;
  // The payload lies within what was read: to the last octet, which ASan would see.
  CHECK(udp.payload >= packet.data() && udp.payload + udp.length <= packet.data() + packet.size());
  CHECK(udp.flow.ipv6 == ipv6);
  if (udp.cut_short()) return 0;
  // What is whole reads the same after it was built anew, with its checksum verified.
  std::vector<uint8_t> again(headers_of(ipv6) + udp.length);
  build_headers(udp.flow, udp.payload, udp.length, again.data());
  std::copy(udp.payload, udp.payload + udp.length, again.data() + headers_of(ipv6));
  UdpPacket same;
  CHECK(parse_udp(again.data(), again.size(), ipv6, Checksum::kVerify, &same));
  CHECK(same.length == udp.length && std::equal(same.payload, same.payload + same.length, udp.payload));
  CHECK(std::memcmp(&same.flow.source, &udp.flow.source, sizeof(Address)) == 0);
  CHECK(same.flow.source_port == udp.flow.source_port && same.flow.destination_port == udp.flow.destination_port);
  return 0;
}
