// What happened to a probe, as the engine tells it: the one source of outcomes, flags, counters and of the column
// layout that TypeScript reads. Pure data; nothing here knows of N-API.
#pragma once

#include <cstddef>
#include <cstdint>

namespace anyprobe {

// Outcome is what happened to one probe. The words are in src/probe/outcome.ts, in this order.
enum class Outcome : uint8_t {
  kAnswered,
  kTimeout,
  kUnreachable,
  kNotLocal,
  kSendFailed,
  kVoided,
  kCancelled,
};

inline constexpr const char* kOutcomeNames[] = {
    "answered", "timeout", "unreachable", "not-local", "send-failed", "voided", "cancelled",
};

// Flags of a row.
enum Flag : uint16_t {
  kKernelStamp = 1 << 0,  // rtt ends at the kernel's receive stamp; else at the moment the shard read the packet
  kCutShort = 1 << 1,     // the answer was longer than the octets kept
  kNoQuestion = 1 << 2,   // an error answer of a bare header (FORMERR and the like); matched without a question
  kTransmitStamp = 1 << 3,  // sent_ns is the kernel's transmit stamp; else the moment before the send
  kTruncated = 1 << 4,      // a DNS answer with TC set: there was more than fitted
};

// Row is one probe's end. Times are CLOCK_MONOTONIC in ns; rtt_ns of an unanswered probe is the time until its end.
struct Row {
  int64_t due_ns;
  int64_t sent_ns;
  int64_t rtt_ns;
  uint32_t probe;          // the tag that the plan's table gave it
  uint16_t flags;          // Flag
  uint16_t answer_length;  // octets kept of the answer
  uint16_t answer_size;    // octets of the answer as it came
  uint16_t source_port;
  Outcome outcome;
  uint8_t rcode;    // answered: the header's four bits
  uint8_t errnum;   // unreachable, not-local, send-failed: the errno
  uint8_t shard;
};
static_assert(sizeof(Row) == 40, "eight-octet fields first, so that rows pack without holes");

// Column is one field of all rows of a batch. A batch is one block of memory: column after column, each `rows` long.
struct Column {
  const char* name;
  const char* type;  // f64, u32, u16, u8: the typed array that reads it
  size_t size;       // octets per row
};

// kColumns stand widest first, so that every column is aligned whatever the number of rows. answerAt is the offset of
// the answer in the batch's octets, which follow the last column.
inline constexpr Column kColumns[] = {
    {"dueNs", "f64", 8},       {"sentNs", "f64", 8},  {"rttNs", "f64", 8},   {"probe", "u32", 4},
    {"answerAt", "u32", 4},    {"flags", "u16", 2},   {"answerLength", "u16", 2}, {"answerSize", "u16", 2},
    {"sourcePort", "u16", 2},  {"outcome", "u8", 1},  {"rcode", "u8", 1},    {"errno", "u8", 1},
    {"shard", "u8", 1},
};

inline constexpr size_t kColumnOctets = 8 * 3 + 4 * 2 + 2 * 4 + 4;

// Counter numbers the counts that a shard keeps. All only grow.
enum Counter : size_t {
  kSent,             // probes that took a slot: each ends as one row
  kRows,             // rows written
  kLate,             // answers to a probe that had ended
  kForeign,          // packets from another peer or with another question
  kMalformed,        // packets that are no answer at all
  kSkipped,          // starts of an interval that had passed before they could be sent
  kSendRetries,      // sends repeated after an error of an earlier packet
  kTrains,           // sends of several queries at once
  kTrainsRefused,    // runs that go on without trains, because the kernel or a path refused one
  kStampFallbacks,   // kernel stamps that made no sense (a clock step), replaced by our own
  kTableFull,        // sends put off because every id of the sockets was in flight
  kRingFull,         // sends put off because nobody drained
  kReceiveDrops,     // datagrams that our own receive queue dropped, at least
  kWakeups,          // times the shard slept and woke
  kStalls,           // times the shard stood still for too long
  kStalledNs,        // how long in all
  kCounters,
};

inline constexpr const char* kCounterNames[] = {
    "sent",   "rows",          "late",           "foreign",   "malformed", "skipped",      "sendRetries",
    "trains", "trainsRefused", "stampFallbacks", "tableFull", "ringFull",  "receiveDrops", "wakeups",
    "stalls", "stalledNs",
};
static_assert(sizeof(kCounterNames) / sizeof(*kCounterNames) == kCounters);

}  // namespace anyprobe
