// The packets of the raw transport: what is built is read back, and parse_udp() bears anything.
#include <arpa/inet.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <vector>

#include "../../native/raw_packet.h"
#include "../../native/wire.h"
#include "check.h"
#include "test.h"

using namespace anyprobe;

namespace {

using Octets = std::vector<uint8_t>;

Address address(const char* text, bool ipv6) {
  Address octets{};
  CHECK(inet_pton(ipv6 ? AF_INET6 : AF_INET, text, &octets) == 1);
  return octets;
}

Flow flow_of(bool ipv6) {
  return ipv6 ? Flow{true, address("2001:db8::1", true), address("2001:db8::53", true), 40001, 53}
              : Flow{false, address("198.18.0.1", false), address("198.18.0.53", false), 40001, 53};
}

Octets build(const Flow& flow, const Octets& payload) {
  Octets packet(headers_of(flow.ipv6));
  build_headers(flow, payload.data(), payload.size(), packet.data());
  packet.insert(packet.end(), payload.begin(), payload.end());
  return packet;
}

bool parse(const Octets& octets, bool ipv6, UdpPacket* packet, Checksum checksum = Checksum::kVerify) {
  return parse_udp(octets.data(), octets.size(), ipv6, checksum, packet);
}

// The sum of 16-bit words in one's complement, the plain way.
uint16_t plain_sum(const Octets& octets) {
  uint32_t total = 0;
  for (size_t i = 0; i < octets.size(); ++i) total += i % 2 ? octets[i] : octets[i] << 8u;
  while (total >> 16) total = (total & 0xffff) + (total >> 16);
  return static_cast<uint16_t>(total);
}

void what_is_built_is_read_back() {
  std::mt19937 random(17);
  for (bool ipv6 : {false, true}) {
    for (size_t length = 0; length < 300; ++length) {
      Flow flow = flow_of(ipv6);
      flow.source_port = static_cast<uint16_t>(random());
      Octets payload(length);
      for (uint8_t& octet : payload) octet = static_cast<uint8_t>(random());
      Octets packet = build(flow, payload);
      UdpPacket got;
      CHECK(parse(packet, ipv6, &got));
      CHECK(got.flow.ipv6 == ipv6 && got.flow.source_port == flow.source_port && got.flow.destination_port == 53);
      CHECK(std::memcmp(&got.flow.source, &flow.source, 16) == 0);
      CHECK(std::memcmp(&got.flow.destination, &flow.destination, 16) == 0);
      CHECK(!got.cut_short() && got.length == length && std::equal(payload.begin(), payload.end(), got.payload));
    }
  }
}

void checksums_are_those_of_the_standard() {
  for (bool ipv6 : {false, true}) {
    for (uint32_t value = 0; value < 65536; value += ipv6 ? 251 : 1) {
      Octets payload = {static_cast<uint8_t>(value >> 8), static_cast<uint8_t>(value), 1};
      Octets packet = build(flow_of(ipv6), payload);
      if (!ipv6) CHECK(plain_sum({packet.begin(), packet.begin() + kIpv4Header}) == 0xffff);
      size_t ip = packet.size() - kUdpHeader - payload.size(), addresses = ipv6 ? 32 : 8;
      // The datagram after its pseudo header: addresses, protocol, length.
      Octets covered(packet.begin() + static_cast<long>(ip - addresses), packet.end());
      covered.insert(covered.begin(), {0, 17, 0, static_cast<uint8_t>(kUdpHeader + payload.size())});
      CHECK(plain_sum(covered) == 0xffff);
      CHECK(read16(packet.data() + ip + 6) != 0);
    }
  }
}

void a_wrong_checksum_is_no_packet() {
  UdpPacket got;
  for (bool ipv6 : {false, true}) {
    Octets packet = build(flow_of(ipv6), {1, 2, 3});
    packet.back() ^= 1;
    CHECK(!parse(packet, ipv6, &got));
    CHECK(parse(packet, ipv6, &got, Checksum::kTrust));
    // None at all is allowed on IPv4 only.
    write16(packet.data() + headers_of(ipv6) - 2, 0);
    CHECK(parse(packet, ipv6, &got) == !ipv6);
  }
}

void options_padding_and_fragments_are_understood() {
  UdpPacket got;
  Octets packet = build(flow_of(false), {1, 2, 3});
  packet.resize(46);  // the least that an Ethernet frame carries
  CHECK(parse(packet, false, &got) && got.length == 3);
  packet = build(flow_of(false), {1, 2, 3});
  packet.insert(packet.begin() + kIpv4Header, {1, 1, 1, 0});
  packet[0] = 0x46;
  write16(&packet[2], static_cast<uint16_t>(packet.size()));
  CHECK(parse(packet, false, &got) && got.length == 3 && got.payload[2] == 3);

  Octets whole(600, 7);
  packet = build(flow_of(false), whole);
  write16(&packet[6], 0x2000);  // more to come
  write16(&packet[2], 228);
  packet.resize(228);
  CHECK(parse(packet, false, &got) && got.cut_short() && got.length == 200);
  write16(&packet[6], 0x2001);
  CHECK(!parse(packet, false, &got));

  packet = build(flow_of(true), whole);
  packet.insert(packet.begin() + kIpv6Header, {17, 0, 0, 1, 0, 0, 0, 9});
  packet[6] = 44;
  write16(&packet[4], 216);
  packet.resize(kIpv6Header + 216);
  CHECK(parse(packet, true, &got) && got.cut_short() && got.length == 200);
  write16(&packet[kIpv6Header + 2], 1 << 3 | 1);
  CHECK(!parse(packet, true, &got));
}

void a_capture_that_ends_early_is_cut_short() {
  UdpPacket got;
  for (bool ipv6 : {false, true}) {
    Octets packet = build(flow_of(ipv6), Octets(100, 9));
    for (size_t length = 0; length < packet.size(); ++length) {
      Octets part(packet.begin(), packet.begin() + static_cast<long>(length));
      part.shrink_to_fit();  // so that the sanitizer sees a read beyond it
      bool read = parse(part, ipv6, &got);
      CHECK(read == (length >= headers_of(ipv6)));
      if (read) CHECK(got.cut_short() && got.length == length - headers_of(ipv6));
    }
  }
}

void anything_is_borne() {
  std::mt19937 random(19);
  uint32_t taken = 0;
  for (int i = 0; i < 400000; ++i) {
    bool ipv6 = random() % 2;
    Octets packet = build(flow_of(ipv6), Octets(random() % 64, 5));
    for (uint32_t changes = random() % 4; changes > 0; --changes) {
      packet[random() % packet.size()] = static_cast<uint8_t>(random());
    }
    if (random() % 3 == 0) packet.resize(random() % (packet.size() + 1));
    packet.shrink_to_fit();
    UdpPacket got;
    if (!parse(packet, ipv6, &got, random() % 2 ? Checksum::kTrust : Checksum::kVerify)) continue;
    ++taken;
    CHECK(got.payload >= packet.data() && got.payload + got.length <= packet.data() + packet.size());
  }
  CHECK(taken > 1000);
}

}  // namespace

void test_raw() {
  what_is_built_is_read_back();
  checksums_are_those_of_the_standard();
  a_wrong_checksum_is_no_packet();
  options_padding_and_fragments_are_understood();
  a_capture_that_ends_early_is_cut_short();
  anything_is_borne();
}
