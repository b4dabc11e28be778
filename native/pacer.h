// When probes are due. Both pacers answer the same questions: when is the next, which is it, and what follows it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "plan.h"

namespace anyprobe {

// Due is a probe whose time has come.
struct Due {
  int64_t due_ns;
  uint32_t target;
};

inline constexpr int64_t kNever = INT64_MAX;

// IntervalPacer asks every target once an interval, each on its own beat, and bursts on demand: a heap ordered by due
// time. A beat that passed before it could be sent is skipped and counted: a prober that stood still does not flood.
class IntervalPacer {
 public:
  IntervalPacer(const std::vector<Target>& targets, int64_t start_ns) : beats_(targets.size()) {
    for (uint32_t i = 0; i < targets.size(); ++i) {
      pace(i, targets[i].interval_ns, start_ns + targets[i].start_ns);
    }
  }

  int64_t next_due() const { return heap_.empty() ? kNever : heap_.front().due_ns; }
  uint32_t next_target() const { return heap_.front().target; }

  // pace gives a target a new interval from first_ns on; 0 pauses it.
  void pace(uint32_t target, int64_t interval_ns, int64_t first_ns) {
    Beat& beat = beats_[target];
    beat.interval_ns = interval_ns;
    ++beat.generation;
    if (interval_ns > 0) push({align(first_ns, interval_ns), target, beat.generation, 0, 0});
  }

  // burst asks a target `count` times more, `gap_ns` apart, from first_ns on, beside its beat.
  void burst(uint32_t target, uint32_t count, int64_t gap_ns, int64_t first_ns) {
    if (count > 0) push({first_ns, target, 0, count, gap_ns});
  }

  // take removes the next entry, due at `now_ns` or before, and plans what follows it. False: it was stale.
  bool take(int64_t now_ns, Due* due, uint64_t* skipped) {
    Entry entry = heap_.front();
    std::pop_heap(heap_.begin(), heap_.end(), later);
    heap_.pop_back();
    *due = {entry.due_ns, entry.target};
    if (entry.burst_left > 0) {
      if (--entry.burst_left > 0) {
        entry.due_ns = std::max(entry.due_ns + entry.gap_ns, now_ns);
        push(entry);
      }
      return true;
    }
    const Beat& beat = beats_[entry.target];
    if (entry.generation != beat.generation) return false;
    entry.due_ns += beat.interval_ns;
    if (entry.due_ns <= now_ns) {
      int64_t missed = (now_ns - entry.due_ns) / beat.interval_ns + 1;
      *skipped += static_cast<uint64_t>(missed);
      entry.due_ns += missed * beat.interval_ns;
    }
    push(entry);
    return true;
  }

 private:
  struct Beat {
    int64_t interval_ns = 0;
    uint32_t generation = 0;
  };
  struct Entry {
    int64_t due_ns;
    uint32_t target;
    uint32_t generation;
    uint32_t burst_left;  // 0: the target's beat
    int64_t gap_ns;
  };

  // Beats fall on a grid that all targets of one interval share, so that they share wake-ups too: those cost far more than
  // probes. It has four points an interval at least, and one every 25 ms at most. It is the same in every interval, though
  // the points do not divide it evenly: else targets that began at different times would drift apart.
  static int64_t align(int64_t due_ns, int64_t interval_ns) {
    int64_t points = std::max<int64_t>(4, (interval_ns + kGridNs - 1) / kGridNs);
    int64_t step = std::max<int64_t>(1, interval_ns / points);
    int64_t begin = due_ns / interval_ns * interval_ns;
    int64_t point = (due_ns - begin + step - 1) / step;
    return begin + (point < points ? point * step : interval_ns);
  }
  static constexpr int64_t kGridNs = 25'000'000;

  static bool later(const Entry& a, const Entry& b) { return a.due_ns > b.due_ns; }
  void push(const Entry& entry) {
    heap_.push_back(entry);
    std::push_heap(heap_.begin(), heap_.end(), later);
  }

  std::vector<Beat> beats_;
  std::vector<Entry> heap_;
};

// RatePacer lets the targets take turns at a fixed rate. It never skips: what is sent late shows as lateness.
class RatePacer {
 public:
  RatePacer(uint32_t targets, double period_ns, int64_t start_ns)
      : targets_(targets), period_ns_(period_ns), start_ns_(start_ns) {}

  int64_t next_due() const { return start_ns_ + static_cast<int64_t>(static_cast<double>(turn_) * period_ns_); }

  uint32_t next_target() const { return static_cast<uint32_t>(turn_ % targets_); }

  bool take(int64_t, Due* due, uint64_t*) {
    *due = {next_due(), static_cast<uint32_t>(turn_ % targets_)};
    ++turn_;
    return true;
  }

 private:
  uint32_t targets_;
  double period_ns_;
  int64_t start_ns_;
  uint64_t turn_ = 0;
};

}  // namespace anyprobe
