#include "raw.h"

#include <arpa/inet.h>

#include <cerrno>
#include <cstring>
#include <random>

namespace anyprobe {
namespace {

SystemError failed(const char* syscall) { return {errno, syscall}; }

}  // namespace

SystemError RawSocket::open(const Schedule& schedule, bool ipv6, std::unique_ptr<RawSocket>* socket) {
  int family = ipv6 ? AF_INET6 : AF_INET;
  // IPPROTO_RAW: the headers are ours, and nothing is received.
  int fd = ::socket(family, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_RAW);
  if (fd < 0) return failed("socket SOCK_RAW");
  int asking_fd = ::socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  SystemError asking = asking_fd < 0 ? failed("socket") : SystemError{};
  socket->reset(new RawSocket(fd, asking_fd, ipv6));
  if (asking) return asking;
  if (SystemError e = route_as(schedule, ipv6, fd)) return e;
  return route_as(schedule, ipv6, asking_fd);
}

bool RawSocket::send(const Address& source, uint16_t port, const Peer& peer, const iovec& payload) {
  const bool given = !is_unset(source);
  const Address* from = given ? &source : choose_source(peer);
  if (!from) return false;
  Flow flow{ipv6_, *from, address_of(peer), port, port_of(peer)};
  uint8_t headers[headers_of(true)];
  build_headers(flow, static_cast<const uint8_t*>(payload.iov_base), payload.iov_len, headers);
  iovec pieces[2] = {{headers, headers_of(ipv6_)}, payload};
  Peer to = peer;
  if (ipv6_) to.v6.sin6_port = 0;  // it would be taken for a protocol (raw(7))
  msghdr message{&to, to.size(), pieces, 2, nullptr, 0, 0};
  // The kernel believes any header. Binding, each time anew, makes it see that the source is still this host's, and look
  // the route up from there.
  Peer own = peer_at(ipv6_, *from, 0);
  if (bind(fd_, &own.any, own.size()) == 0 && sendmsg(fd_, &message, 0) >= 0) return true;
  // The address may be gone that the kernel chose once: the next try asks again.
  int errnum = errno;
  if (!given) chosen_.erase(peer);
  errno = errnum;
  return false;
}

// choose_source tells the source that the kernel chooses for a peer, or none with errno. It is asked once per peer: it
// takes longer than a send.
const Address* RawSocket::choose_source(const Peer& peer) {
  auto known = chosen_.find(peer);
  if (known != chosen_.end()) return &known->second;
  sockaddr none{AF_UNSPEC, {}};  // forgets what was chosen for the peer before
  Peer own;
  socklen_t size = sizeof(own);
  if (connect(asking_fd_, &none, sizeof(none)) != 0 || connect(asking_fd_, &peer.any, peer.size()) != 0 ||
      getsockname(asking_fd_, &own.any, &size) != 0) {
    return nullptr;
  }
  return &(chosen_[peer] = address_of(own));
}

namespace {

constexpr uint32_t kPorts = 65536;
constexpr uint32_t kLowestPort = 32768;  // where the kernel's own choices begin
constexpr int kRangeTries = 64;

SystemError reserve(bool ipv6, uint32_t first_port, const std::vector<Reservation>& wanted,
                    const std::shared_ptr<const Shuffle>& shuffle, std::vector<std::unique_ptr<Socket>>* sockets) {
  sockets->clear();
  for (const Reservation& one : wanted) {
    std::unique_ptr<Socket> socket;
    uint16_t port = static_cast<uint16_t>(first_port + sockets->size());
    if (SystemError e = reserve_port(ipv6, one.source, port, InFlight(one.slots, shuffle), &socket)) return e;
    sockets->push_back(std::move(socket));
  }
  return {};
}

}  // namespace

SystemError open_raw(const Schedule& schedule, bool ipv6, uint32_t first_port, const std::vector<Reservation>& wanted,
                     const std::shared_ptr<const Shuffle>& shuffle, std::unique_ptr<Raw>* raw,
                     std::vector<std::unique_ptr<Socket>>* sockets) {
  *raw = std::make_unique<Raw>();
  // First what needs the privilege: its refusal says most.
  if (SystemError e = RawSocket::open(schedule, ipv6, &(*raw)->out)) return e;
  const uint32_t lowest = first_port ? first_port : kLowestPort;
  if (lowest + wanted.size() > kPorts) return {EADDRNOTAVAIL, "bind: out of ports"};
  const uint32_t bases = first_port ? 1 : kPorts - lowest - static_cast<uint32_t>(wanted.size()) + 1;
  SystemError refusal;
  for (int tries = 0; tries < (first_port ? 1 : kRangeTries); ++tries) {
    refusal = reserve(ipv6, lowest + std::random_device{}() % bases, wanted, shuffle, sockets);
    if (refusal.errnum != EADDRINUSE) break;
  }
  if (refusal) return refusal;
  for (const auto& socket : *sockets) {
    socket->raw = raw->get();
    (*raw)->sockets.push_back(socket.get());
  }
  return PacketRing::open(ipv6, sockets->front()->port, static_cast<uint32_t>(wanted.size()), &(*raw)->in);
}

}  // namespace anyprobe
