// One shard's share of a submitted plan: its targets, its sockets, its pacer.
#pragma once

#include <cstdint>
#include <memory>
#include <variant>
#include <vector>

#include "pacer.h"
#include "plan.h"
#include "socket.h"

namespace anyprobe {

// Run is owned by one shard thread once it was posted there.
struct Run {
  uint32_t id;
  Plan plan;
  std::vector<std::unique_ptr<Socket>> sockets;
  std::vector<uint16_t> socket_of;  // per target
  std::variant<RatePacer, IntervalPacer> pacer;
  uint64_t left;            // probes still to send
  int64_t stall_bound_ns;   // a shard that stood still for longer voids what was in flight
  bool blocked = false;     // a due probe could not be sent: no room

  int64_t next_due() const {
    if (left == 0) return kNever;
    return std::visit([](const auto& pacer) { return pacer.next_due(); }, pacer);
  }
  uint32_t in_flight() const {
    uint32_t sum = 0;
    for (const auto& socket : sockets) sum += socket->in_flight.size();
    return sum;
  }
};

// share cuts a plan into `shards` runs (target i goes to shard i % shards) and opens their sockets.
SystemError share(uint32_t id, const Plan& plan, uint32_t shards, int64_t start_ns,
                  std::vector<std::unique_ptr<Run>>* runs);

}  // namespace anyprobe
