// The table of probes in flight on one socket. A slot is found by the id on the wire. Sequence numbers go up with time, so
// with one timeout per run their order is the order that probes expire in: the table is the timer wheel.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <random>
#include <utility>

#include "wire.h"

namespace anyprobe {

struct Slot {
  int64_t due_ns;
  int64_t sent_ns;    // 0: not sent yet
  uint32_t target;    // index into the run's targets
  uint32_t sequence;  // its place is the sequence number, modulo the size of the table
  uint16_t id;        // on the wire
  bool live : 1;
  bool stamped : 1;  // sent_ns is the kernel's transmit stamp
  bool doubted : 1;  // the shard stood still or lost packets while this was in flight: its silence proves nothing
};

// InFlight owns its slots; one shard thread uses it. At most 65,536 probes are in flight on one socket.
class InFlight {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;

  // `slots` is a power of two, 65,536 at most. Tables may share a shuffle.
  InFlight(uint32_t slots, std::shared_ptr<const Shuffle> shuffle)
      : slots_(static_cast<Slot*>(std::calloc(slots, sizeof(Slot)))),
        mask_(slots - 1),
        next_(static_cast<uint16_t>(std::random_device{}())),
        oldest_(next_),
        expected_(next_ & mask_),
        shuffle_(std::move(shuffle)) {
    if (!slots_) throw std::bad_alloc();
  }

  uint32_t size() const { return size_; }
  uint32_t room() const { return mask_ + 1 - size_; }
  Slot& operator[](uint32_t at) { return slots_[at]; }
  const Slot& operator[](uint32_t at) const { return slots_[at]; }

  // reserve takes free slots for so many probes, and calls fill(at, slot) for each, which sets due time and target; call only
  // where there is room. An occupied slot is passed over: else one lost probe would block the table until it expires.
  template <typename Fill>
  void reserve(uint32_t count, Fill fill) {
    // Locals stay in registers where members would be read again after each write to a slot.
    Slot* const slots = slots_.get();
    const uint32_t mask = mask_;
    const Shuffle shuffle = *shuffle_;
    uint32_t next = next_;
    for (uint32_t left = count; left > 0; --left, ++next) {
      while (slots[next & mask].live) ++next;
      Slot& slot = slots[next & mask];
      slot = {0, 0, 0, next, shuffle.id_of(static_cast<uint16_t>(next)), true, false, false};
      fill(next & mask, slot);
    }
    next_ = next;
    size_ += count;
  }

  // expected gives the live slot after the last that was freed, if it has that id: answers mostly come in the order of their
  // queries.
  bool expected(uint16_t id) const { return slots_[expected_].live && slots_[expected_].id == id; }

  // release_in_order frees slots from the expected one on, at most so many, while take(slot) agrees; tells how many.
  template <typename Take>
  size_t release_in_order(size_t most, Take take) {
    // Locals, as in reserve.
    Slot* const slots = slots_.get();
    const uint32_t mask = mask_;
    uint32_t at = expected_;
    size_t done = 0;
    for (; done < most; ++done) {
      Slot& slot = slots[at];
      if (!slot.live || !take(slot)) break;
      slot.live = false;
      at = (slot.sequence + 1) & mask;
    }
    expected_ = at;
    size_ -= static_cast<uint32_t>(done);
    return done;
  }

  // find gives the live slot of an id, or kNone.
  uint32_t find(uint16_t id) const {
    if (expected(id)) return expected_;
    uint32_t at = shuffle_->sequence_of(id) & mask_;
    return slots_[at].live && slots_[at].id == id ? at : kNone;
  }

  void release(Slot& slot) {
    slot.live = false;
    expected_ = (slot.sequence + 1) & mask_;
    --size_;
  }

  // oldest gives the live slot that was reserved first, or kNone.
  uint32_t oldest() {
    oldest_ = first_from(oldest_);
    return oldest_ == next_ ? kNone : oldest_ & mask_;
  }

  // after gives the live slot that was reserved next after a live one, or kNone.
  uint32_t after(uint32_t at) const {
    uint32_t sequence = first_from(slots_[at].sequence + 1);
    return sequence == next_ ? kNone : sequence & mask_;
  }

  // doubt marks all that is in flight.
  void doubt() {
    for (uint32_t at = oldest(); at != kNone; at = after(at)) slots_[at].doubted = true;
  }

 private:
  // first_from gives the first sequence number from here on that is in flight, or the next to be given. Of numbers that
  // were passed over, the slot has another's.
  uint32_t first_from(uint32_t sequence) const {
    while (sequence != next_ && !(slots_[sequence & mask_].live && slots_[sequence & mask_].sequence == sequence)) ++sequence;
    return sequence;
  }

  struct Free {
    void operator()(Slot* slots) const { std::free(slots); }
  };
  std::unique_ptr<Slot[], Free> slots_;  // zeros: what was never used takes no memory
  uint32_t mask_;
  uint32_t size_ = 0;
  uint32_t next_;    // the sequence number to be given
  uint32_t oldest_;  // nothing older is in flight
  uint32_t expected_;
  std::shared_ptr<const Shuffle> shuffle_;
};

}  // namespace anyprobe
