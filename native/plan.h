// A plan as the engine runs it: query templates, targets and the schedule, read once from the two buffers that
// src/engine/compile.ts packs. Lengths and ranges are checked again here; meaning was checked there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "peer.h"

namespace anyprobe {

// kLongestNs bounds every time that is given (some 31 years), so that sums of a few stay in range.
inline constexpr int64_t kLongestNs = 1'000'000'000'000'000'000;
// A rate is between one probe in 11 days and a thousand million a second.
inline constexpr double kLowestQps = 1e-6, kHighestQps = 1e9;
inline constexpr uint32_t kMostPorts = 1024;
// Linux has taken 128 segments in a send since 6.9, and 64 before.
inline constexpr uint32_t kLongestTrain = 128;

// PackedTemplate heads each query in the templates buffer; its octets follow.
struct PackedTemplate {
  uint16_t length;
  int16_t id_at;             // -1: no id on the wire
  uint16_t question_length;  // octets after the DNS header that an answer repeats; 0: plain UDP
  uint16_t reserved;
};

// PackedTarget is one row of the table buffer.
struct PackedTarget {
  double start_ns;     // due, of an interval schedule first due, so long after the start (replay and interval schedules)
  double interval_ns;  // 0: paused (interval schedules)
  uint32_t probe;      // the tag of its rows
  uint32_t query;      // index of its template
  uint8_t address[16];
  uint16_t port;
  uint8_t family;  // 4 or 6
  uint8_t reserved[5];
  uint8_t source[16];  // zeros: the schedule's
};
static_assert(sizeof(PackedTemplate) == 8 && sizeof(PackedTarget) == 64);

struct Template {
  Template(const uint8_t* octets, size_t length, int id_at, size_t question_length);

  std::vector<uint8_t> octets;  // padded to whole blocks, one at least
  size_t length;
  int id_at;
  size_t question_length;
  bool dns() const { return question_length > 0; }
};

// Target is small, because every probe looks at it twice.
struct Target {
  uint32_t probe;
  uint32_t query;
  uint32_t peer;  // index into the plan's peers
};

// Start is what only matters of a target when its run begins.
struct Start {
  int64_t start_ns;
  int64_t interval_ns;
  Address source;  // its own or the schedule's; none: what the kernel chooses
};

// Queries are copied in blocks of this size: that takes a few instructions where a call for the exact length takes many.
inline constexpr size_t kBlockOctets = 64;

// Schedule says when, from where and how.
struct Schedule {
  double rate_qps = 0;    // open loop: probes in all per second
  bool poisson = false;   // at random times of that rate, not evenly
  uint32_t inflight = 0;  // closed loop: so many in flight
  bool replay = false;    // each target once, at its own time. With none of the three, each target by its own interval
  int64_t start_ns = 0;   // rate and replay: CLOCK_MONOTONIC of the first due time; 0: now
  uint64_t count = 0;     // probes in all; 0: without end
  int64_t timeout_ns = 0;
  uint32_t ports = 1;      // source ports that sends take turns on
  uint32_t train = 1;      // most queries in a train: one send of many datagrams; 1: none
  int64_t train_ns = 0;    // a train is no longer than so much time's worth of queries to its peer
  bool transmit_stamps = false;
  bool whole = false;  // no query should need to be cut into fragments, on any path (set by unpack)
  bool raw = false;         // packets of our own making (raw.h), not a socket for each port
  uint32_t first_port = 0;  // raw: where the reserved ports begin; 0: where there is room
  Address source4{}, source6{};
  uint32_t mark = 0;        // 0: none
  bool local_only = false;  // only this node may answer
};

struct Plan {
  std::vector<Template> templates;
  std::vector<Peer> peers;  // each once
  std::vector<Target> targets;
  std::vector<Start> starts;  // of each target
  Schedule schedule;
};

// unpack reads both buffers into `plan`; a fault comes back as a sentence, an empty one means none.
std::string unpack(const uint8_t* templates, size_t template_octets, const uint8_t* table, size_t table_octets,
                   Plan* plan);

}  // namespace anyprobe
