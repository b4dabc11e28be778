// The ring between one shard thread (the only writer) and the JavaScript thread (the only reader). The writer makes sure
// of room before it sends a probe, so a row is never dropped and the writer never waits with a row in hand.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstring>
#include <vector>

#include "result.h"

namespace anyprobe {

class Ring {
 public:
  // `rows` is a power of two; `answer_octets` are kept of each answer at most, 0 keeps none.
  Ring(uint32_t rows, uint32_t answer_octets)
      : rows_(rows), answers_(static_cast<size_t>(rows) * answer_octets), answer_octets_(answer_octets), mask_(rows - 1) {}

  uint32_t answer_octets() const { return answer_octets_; }

  // Writer: rows that can still be written.
  uint32_t room() const {
    return static_cast<uint32_t>(rows_.size()) - static_cast<uint32_t>(written_ - read_.load(std::memory_order_acquire));
  }

  // Pen writes rows, seen by the reader only after publish. Its members stay in registers, where the ring's would be read
  // again after each row; there is one pen at a time, and what it wrote counts once it is gone.
  class Pen {
   public:
    explicit Pen(Ring& ring)
        : ring_(ring), rows_(ring.rows_.data()), answers_(ring.answers_.data()), mask_(ring.mask_), at_(ring.written_) {}
    ~Pen() { ring_.written_ = at_; }
    Pen(const Pen&) = delete;
    void operator=(const Pen&) = delete;

    // `answer` has row.answer_length octets. Field by field: a row just made, copied as a whole, would wait for its own
    // narrow writes.
    void write(const Row& row, const uint8_t* answer) {
      const size_t at = at_++ & mask_;
      Row& place = rows_[at];
      place.due_ns = row.due_ns;
      place.sent_ns = row.sent_ns;
      place.rtt_ns = row.rtt_ns;
      place.probe = row.probe;
      place.flags = row.flags;
      place.answer_length = row.answer_length;
      place.answer_size = row.answer_size;
      place.source_port = row.source_port;
      place.outcome = row.outcome;
      place.rcode = row.rcode;
      place.errnum = row.errnum;
      place.shard = row.shard;
      if (row.answer_length) std::memcpy(answers_ + at * ring_.answer_octets_, answer, row.answer_length);
    }

   private:
    Ring& ring_;
    Row* const rows_;
    uint8_t* const answers_;
    const uint64_t mask_;
    uint64_t at_;
  };

  // Writer: adds a row.
  void write(const Row& row, const uint8_t* answer) { Pen(*this).write(row, answer); }

  // Writer: shows what was written; tells how many rows that were.
  uint32_t publish() {
    uint32_t fresh = static_cast<uint32_t>(written_ - published_.load(std::memory_order_relaxed));
    if (fresh) published_.store(written_, std::memory_order_release);
    return fresh;
  }

  // Reader: calls take(row, answer) for at most `limit` rows, stops early where it returns false; tells how many.
  template <typename Take>
  uint32_t read(uint32_t limit, Take take) {
    uint64_t from = read_.load(std::memory_order_relaxed);
    uint64_t to = published_.load(std::memory_order_acquire);
    if (to - from > limit) to = from + limit;
    uint64_t at = from;
    while (at != to && take(rows_[at & mask_], answers_.data() + (at & mask_) * answer_octets_)) ++at;
    read_.store(at, std::memory_order_release);
    return static_cast<uint32_t>(at - from);
  }

 private:
  std::vector<Row> rows_;
  std::vector<uint8_t> answers_;
  uint32_t answer_octets_;
  uint64_t mask_;
  uint64_t written_ = 0;                                // the writer's own
  alignas(64) std::atomic<uint64_t> published_{0};
  alignas(64) std::atomic<uint64_t> read_{0};
};

}  // namespace anyprobe
