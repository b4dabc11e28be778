// The address and port of a target, as the kernel takes it.
#pragma once

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

// PeerHash is for peers made by unpack(), whose unused octets are zero.
struct PeerHash {
  size_t operator()(const Peer& peer) const {
    return std::hash<std::string_view>()({reinterpret_cast<const char*>(&peer), sizeof(peer)});
  }
};

}  // namespace anyprobe
