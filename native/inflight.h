// The table of probes in flight on one socket. A slot is found by the id on the wire; slots also stand in a list in the
// order they were sent, which with one timeout per run is the order they expire in: the list is the timer wheel.
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
  int64_t sent_ns;  // 0: not sent yet
  uint32_t target;  // index into the run's targets
  uint32_t older, newer;
  uint16_t id;  // on the wire
  bool live : 1;
  bool stamped : 1;  // sent_ns is the kernel's transmit stamp
  bool doubted : 1;  // the shard stood still or lost packets while this was in flight: its silence proves nothing
};

// InFlight owns its slots; one shard thread uses it. At most 65,536 probes are in flight on one socket.
class InFlight {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;

  // `slots` is a power of two, 65,536 at most. Tables may share a shuffle: one stays in the cache where many would not.
  InFlight(uint32_t slots, std::shared_ptr<const Shuffle> shuffle)
      : slots_(static_cast<Slot*>(std::calloc(slots, sizeof(Slot)))),
        mask_(slots - 1),
        next_(static_cast<uint16_t>(std::random_device{}())),
        shuffle_(std::move(shuffle)) {
    if (!slots_) throw std::bad_alloc();
  }

  // doubt marks all that is in flight.
  void doubt() {
    for (uint32_t at = oldest_; at != kNone; at = slots_[at].newer) slots_[at].doubted = true;
  }

  uint32_t size() const { return size_; }
  uint32_t room() const { return mask_ + 1 - size_; }
  uint32_t oldest() const { return oldest_; }
  Slot& operator[](uint32_t at) { return slots_[at]; }
  const Slot& operator[](uint32_t at) const { return slots_[at]; }

  // reserve takes a free slot for a probe and tells its id on the wire; call only where there is room. An occupied slot is
  // passed over: else one lost probe would block the table until it expires.
  uint32_t reserve(uint32_t target, int64_t due_ns, uint16_t* id) {
    while (slots_[next_ & mask_].live) ++next_;
    uint32_t at = next_ & mask_;
    *id = shuffle_->id_of(next_++);
    slots_[at] = {due_ns, 0, target, newest_, kNone, *id, true, false, false};
    (newest_ == kNone ? oldest_ : slots_[newest_].newer) = at;
    newest_ = at;
    ++size_;
    return at;
  }

  // find gives the live slot of an id, or kNone. Answers mostly come in the order of their queries, so the one after the
  // last that ended is looked at first.
  uint32_t find(uint16_t id) const {
    if (expected_ != kNone && slots_[expected_].live && slots_[expected_].id == id) return expected_;
    uint32_t at = shuffle_->sequence_of(id) & mask_;
    return slots_[at].live && slots_[at].id == id ? at : kNone;
  }

  void release(uint32_t at) {
    Slot& slot = slots_[at];
    (slot.older == kNone ? oldest_ : slots_[slot.older].newer) = slot.newer;
    (slot.newer == kNone ? newest_ : slots_[slot.newer].older) = slot.older;
    expected_ = slot.newer;
    slot.live = false;
    --size_;
  }

 private:
  struct Free {
    void operator()(Slot* slots) const { std::free(slots); }
  };
  std::unique_ptr<Slot[], Free> slots_;  // zeros: what was never used takes no memory
  uint32_t mask_;
  uint16_t next_;
  uint32_t oldest_ = kNone, newest_ = kNone, expected_ = kNone;
  uint32_t size_ = 0;
  std::shared_ptr<const Shuffle> shuffle_;
};

}  // namespace anyprobe
