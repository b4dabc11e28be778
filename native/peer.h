// Addresses: of a target with its port, as the kernel takes it, and of a source.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <cstring>
#include <functional>
#include <string_view>

namespace anyprobe {

union Peer {
  sockaddr_in6 v6{};  // the widest first: it is what {} sets to zero
  sockaddr_in v4;
  sockaddr any;

  bool ipv6() const { return any.sa_family == AF_INET6; }
  socklen_t size() const { return ipv6() ? sizeof(v6) : sizeof(v4); }
};

inline bool operator==(const Peer& a, const Peer& b) {
  if (a.any.sa_family != b.any.sa_family) return false;
  if (!a.ipv6()) return a.v4.sin_port == b.v4.sin_port && a.v4.sin_addr.s_addr == b.v4.sin_addr.s_addr;
  return a.v6.sin6_port == b.v6.sin6_port && std::memcmp(&a.v6.sin6_addr, &b.v6.sin6_addr, sizeof(in6_addr)) == 0;
}

// Address is of either family: IPv4's is the first four octets, the others are zero. All zeros: none is given.
using Address = in6_addr;

inline bool operator==(const Address& a, const Address& b) { return std::memcmp(&a, &b, sizeof(a)) == 0; }
inline bool is_unset(const Address& address) { return address == in6addr_any; }

inline Address address_of(const Peer& peer) {
  if (peer.ipv6()) return peer.v6.sin6_addr;
  Address address{};
  std::memcpy(&address, &peer.v4.sin_addr, sizeof(in_addr));
  return address;
}

// peer_at makes an address and a port, which is in host order, what the kernel takes.
inline Peer peer_at(bool ipv6, const Address& address, uint16_t port) {
  Peer peer;
  if (ipv6) {
    peer.v6.sin6_family = AF_INET6;
    peer.v6.sin6_addr = address;
    peer.v6.sin6_port = htons(port);
  } else {
    peer.v4.sin_family = AF_INET;
    std::memcpy(&peer.v4.sin_addr, &address, sizeof(in_addr));
    peer.v4.sin_port = htons(port);
  }
  return peer;
}

// port_of is in host order; the port lies at the same place in both families.
inline uint16_t port_of(const Peer& peer) { return ntohs(peer.v4.sin_port); }

// PeerHash is for peers made by unpack(), whose unused octets are zero.
struct PeerHash {
  size_t operator()(const Peer& peer) const {
    return std::hash<std::string_view>()({reinterpret_cast<const char*>(&peer), sizeof(peer)});
  }
};

}  // namespace anyprobe
