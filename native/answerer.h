// The answerer: a thread that sends every DNS query back with QR set, in the same buffers, a train as a train. It costs less
// than any generator, so what is measured against it is the generator. It reads nothing of a query but its length.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "peer.h"
#include "socket.h"
#include "system_error.h"

namespace anyprobe {

struct AnswererOptions {
  Peer address;          // port 0: a free one; the wildcard: each answer leaves from the address that was asked
  int cpu = -1;          // the one that the thread runs on; -1: any
  unsigned sockets = 1;  // that share the port
};

// open_listener binds a socket, with queues as large as the kernel gives; a port that was 0 is filled in. `coalesce`: datagrams
// of one length may arrive as one (UDP_GRO).
SystemError open_listener(Peer* address, bool coalesce, std::unique_ptr<Fd>* listener);

// is_wildcard tells whether answers need the address that was asked.
bool is_wildcard(const Peer& address);

// put appends a control message; gives the control's new length. The buffer must have room for it.
size_t put_control(msghdr& header, size_t at, int level, int type, const void* value, size_t size);

// keep_source makes the answer to `header`, which holds what was received, leave from the address that was asked: as
// put_control. Reads the whole control before it writes.
size_t keep_source(msghdr& header, bool ipv6);

class Answerer {
 public:
  static SystemError start(const AnswererOptions& options, std::unique_ptr<Answerer>* answerer);
  ~Answerer() { stop(); }
  Answerer(const Answerer&) = delete;
  Answerer& operator=(const Answerer&) = delete;

  // Waits for the thread; what it has not read stays unanswered. Idempotent; to be called by one thread.
  void stop();
  uint16_t port() const { return port_of(address_); }
  size_t sockets() const { return listeners_.size(); }
  // Queries that a socket got so far. Any thread may ask.
  uint64_t queries(size_t socket) const { return listeners_[socket].queries->load(std::memory_order_relaxed); }

 private:
  struct Listener {
    std::unique_ptr<Fd> fd;
    std::unique_ptr<std::atomic<uint64_t>> queries;  // written by the thread alone
  };

  explicit Answerer(const Peer& address) : address_(address) {}
  void answer();

  Peer address_;
  std::vector<Listener> listeners_;
  std::atomic<bool> ending_{false};
  std::thread thread_;
};

}  // namespace anyprobe
