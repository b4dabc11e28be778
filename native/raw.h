// The raw transport: packets of our own making leave through one raw socket, so that each can have any source port of a
// reserved range and any of this host's source addresses; answers come through a packet ring. The kernel routes each
// packet, so that rules and marks hold. It wants CAP_NET_RAW.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "packet_ring.h"
#include "peer.h"
#include "plan.h"
#include "socket.h"

namespace anyprobe {

// RawSocket sends; one shard thread uses it.
class RawSocket {
 public:
  static SystemError open(const Schedule& schedule, bool ipv6, std::unique_ptr<RawSocket>* socket);

  // Writable while packets can be sent.
  int fd() const { return fd_; }

  // send puts headers before a datagram and sends it; false with errno. A source that is no longer this host's is refused
  // (EADDRNOTAVAIL), and so is a packet that is longer than its link takes (EMSGSIZE). Without a source it is the one that
  // the kernel chooses for the peer.
  bool send(const Address& source, uint16_t port, const Peer& peer, const iovec& payload);

 private:
  RawSocket(int fd, int asking_fd, bool ipv6) : fd_(fd), asking_fd_(asking_fd), ipv6_(ipv6) {}
  const Address* choose_source(const Peer& peer);

  const Fd fd_;
  const Fd asking_fd_;  // a UDP socket that sends nothing: connecting it asks for a route
  const bool ipv6_;
  std::unordered_map<Peer, Address, PeerHash> chosen_;
};

// Raw is what one run has of one family. Its ports are reserved by sockets in a row, whose tables its probes stand in.
struct Raw {
  std::unique_ptr<RawSocket> out;
  std::unique_ptr<PacketRing> in;
  std::vector<Socket*> sockets;
  uint32_t dropped = 0;  // by the ring, as last seen

  // socket_at gives the socket of a port that the ring lets through.
  Socket& socket_at(uint16_t port) const { return *sockets[port - sockets.front()->port]; }
};

// Reservation is a port that is wanted.
struct Reservation {
  Address source;  // none: any
  uint32_t slots;
};

// open_raw reserves one port after another from `first_port` on, or where it finds room if that is 0.
SystemError open_raw(const Schedule& schedule, bool ipv6, uint32_t first_port, const std::vector<Reservation>& wanted,
                     const std::shared_ptr<const Shuffle>& shuffle, std::unique_ptr<Raw>* raw,
                     std::vector<std::unique_ptr<Socket>>* sockets);

}  // namespace anyprobe
