// One probe socket: bound to a source that is not anycast, unconnected so that every packet's route is looked up anew,
// with ICMP errors, kernel receive stamps and drop counts switched on.
#pragma once

#include <unistd.h>

#include <cstdint>
#include <memory>

#include "inflight.h"
#include "plan.h"
#include "system_error.h"

namespace anyprobe {

// Fd closes what it holds.
class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {}
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { ::close(fd_); }
  operator int() const { return fd_; }

 private:
  const int fd_;
};

struct Run;

struct Socket {
  Socket(int fd, uint32_t slots) : fd(fd), in_flight(slots) {}

  const Fd fd;
  Run* run = nullptr;  // its owner
  int id_at = 0;       // where its answers carry the id; -1: nowhere, they are told apart by order
  InFlight in_flight;
  uint32_t dropped = 0;  // SO_RXQ_OVFL as last seen
};

// open_socket makes a socket for the schedule's source, mark and guards; `slots` bounds what can be in flight on it.
SystemError open_socket(const Schedule& schedule, bool ipv6, uint32_t slots, std::unique_ptr<Socket>* socket);

// same_peer compares the address and port of two socket addresses of one family.
bool same_peer(const sockaddr_storage& a, const sockaddr_storage& b);

}  // namespace anyprobe
