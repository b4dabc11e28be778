// One shard's share of a submitted plan: its targets, its sockets, its pacer.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "pacer.h"
#include "plan.h"
#include "raw.h"
#include "socket.h"

namespace anyprobe {

// Ports are sockets that sends to some targets take turns on: one port is one path of an ECMP network, and one worker of
// a server that shares its port (SO_REUSEPORT).
struct Ports {
  uint32_t first = 0;  // index into the run's sockets
  uint32_t count = 1;
  uint32_t next = 0;
};

// Run is owned by one shard thread once it was posted there.
struct Run {
  uint32_t id;
  Plan plan;
  AnyPacer pacer;
  uint64_t left;           // probes still to send
  uint32_t window;         // most in flight
  int64_t stall_bound_ns;  // a shard that stood still for longer voids what was in flight
  std::shared_ptr<const Shuffle> shuffle = std::make_shared<Shuffle>();
  std::unique_ptr<Raw> raw[2]{};  // by family: IPv4, IPv6; none: sockets do it themselves
  std::vector<std::unique_ptr<Socket>> sockets{};
  std::vector<Ports> ports{};
  std::vector<uint16_t> ports_of{};  // per target
  uint32_t in_flight = 0;
  int64_t next_expiry_ns = kNever;  // nothing expires before
  bool blocked = false;             // a due probe could not be sent: no room

  bool closed_loop() const { return std::holds_alternative<WindowPacer>(pacer); }
  // next_due tells when to send again. A full window waits for answers.
  int64_t next_due() const {
    if (left == 0) return kNever;
    return std::visit(
        [this](const auto& pacer) {
          bool full = window != UINT32_MAX && in_flight + std::min<uint64_t>(pacer.next_train(), left) > window;
          return full ? kNever : pacer.next_due();
        },
        pacer);
  }
  // begin_round lets every set of ports begin with the same.
  void begin_round(uint32_t port) {
    for (Ports& set : ports) set.next = port % set.count;
  }
  // next_socket gives the next of a target's sockets that has room for so many, or none.
  Socket* next_socket(uint32_t target, uint32_t probes);
};

// share cuts a plan into at most `shards` runs and opens their sockets. Target i goes to shard i % shards; where there are
// fewer targets than shards, each shard has them all and a part of the rate.
SystemError share(uint32_t id, const Plan& plan, uint32_t shards, int64_t start_ns,
                  std::vector<std::unique_ptr<Run>>* runs);

}  // namespace anyprobe
