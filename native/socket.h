// One probe socket: bound to a source that is not anycast, unconnected so that every packet's route is looked up anew,
// with ICMP errors, kernel receive stamps and drop counts switched on.
#pragma once

#include <unistd.h>

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

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

// TransmitLog knows which probes each of the last messages held, by the number that the kernel gives its transmit stamp.
class TransmitLog {
 public:
  struct Entry {
    uint32_t slot = InFlight::kNone;  // of its first probe
    uint32_t first = 0, last = 0;     // sequence numbers
  };
  bool kept() const { return !entries_.empty(); }
  void keep() { entries_.resize(kEntries); }
  void clear() {
    entries_.assign(entries_.size(), {});
    next_ = 0;
  }
  void add(const Entry& entry) { entries_[next_++ % kEntries] = entry; }
  Entry of(uint32_t key) const { return key < next_ && next_ - key <= kEntries ? entries_[key % kEntries] : Entry{}; }

 private:
  static constexpr uint32_t kEntries = 1024;
  std::vector<Entry> entries_;
  uint32_t next_ = 0;
};

struct Raw;
struct Run;

struct Socket {
  Socket(int fd, InFlight in_flight) : fd(fd), in_flight(std::move(in_flight)) {}

  const Fd fd;
  Run* run = nullptr;  // its owner
  uint16_t ports = 0;  // which of the run's sets it is in
  // least_octets tells how long an answer must be to carry an id.
  size_t least_octets() const { return id_at < 0 ? 0 : static_cast<size_t>(id_at) + 2; }
  int id_at = 0;       // where its answers carry the id; -1: nowhere, they are told apart by order
  uint16_t port = 0;   // its own
  Address source{};    // likewise; none: what the kernel chooses
  Raw* raw = nullptr;  // what sends and receives for it; none: it does so itself
  InFlight in_flight;
  uint32_t dropped = 0;  // packets that its receive queue dropped, as last seen
  TransmitLog transmitted;
};

// open_socket makes a socket for a source and the schedule's mark and guards; the table bounds what can be in flight on it.
SystemError open_socket(const Schedule& schedule, bool ipv6, const Address& source, InFlight in_flight,
                        std::unique_ptr<Socket>* socket);

// reserve_port makes a socket that only holds a port: packets to it are dropped without an ICMP error, and ICMP errors that
// packets from it meet come to its error queue.
SystemError reserve_port(bool ipv6, const Address& source, uint16_t port, InFlight in_flight,
                         std::unique_ptr<Socket>* socket);

// route_as makes a socket's packets take the routes that the schedule's mark and guards leave open.
SystemError route_as(const Schedule& schedule, bool ipv6, int fd);

// dropped_of asks how many packets the socket's receive queue has dropped (SO_MEMINFO); what SO_RXQ_OVFL tells comes only
// with the next packet.
uint32_t dropped_of(const Socket& socket);

// allow_fragments lets packets be cut up that were to stay whole, for a path that is too narrow; false: they may be already.
bool allow_fragments(const Socket& socket);

// restart_transmit_keys makes the kernel count transmit stamps from 0 again: a send that failed may have used up a number.
void restart_transmit_keys(Socket& socket);

}  // namespace anyprobe
