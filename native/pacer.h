// When probes are due. All pacers answer the same questions: when may the next train leave (a train of one, where there are
// none), how long is it, whom does it go to, does a round begin with it and on which port, and what follows.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <random>
#include <utility>
#include <variant>
#include <vector>

#include "plan.h"
#include "turns.h"

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
  IntervalPacer(const std::vector<Start>& starts, int64_t start_ns) : beats_(starts.size()) {
    for (uint32_t i = 0; i < starts.size(); ++i) {
      pace(i, starts[i].interval_ns, start_ns + starts[i].start_ns);
    }
  }

  int64_t next_due() const { return heap_.empty() ? kNever : heap_.front().due_ns; }
  uint32_t next_target() const { return heap_.front().target; }
  uint32_t next_train() const { return 1; }
  // Beats have no rounds: each target goes from port to port at random.
  std::optional<uint32_t> round() { return static_cast<uint32_t>(random_()); }
  void break_trains() {}

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
  // Where targets are many it is as fine as keeps few of them at one point, for a burst of thousands overruns queues; but
  // no finer than a wake-up is worth.
  int64_t align(int64_t due_ns, int64_t interval_ns) const {
    int64_t points = std::max<int64_t>(4, (interval_ns + kGridNs - 1) / kGridNs);
    int64_t crowded = static_cast<int64_t>(beats_.size()) / kCrowd;
    points = std::max(points, std::min(crowded, interval_ns / kFinestGridNs));
    int64_t step = std::max<int64_t>(1, interval_ns / points);
    int64_t begin = due_ns / interval_ns * interval_ns;
    int64_t point = (due_ns - begin + step - 1) / step;
    return begin + (point < points ? point * step : interval_ns);
  }
  static constexpr int64_t kGridNs = 25'000'000;
  static constexpr int64_t kFinestGridNs = 1'000'000;
  static constexpr int64_t kCrowd = 256;

  static bool later(const Entry& a, const Entry& b) { return a.due_ns > b.due_ns; }
  void push(const Entry& entry) {
    heap_.push_back(entry);
    std::push_heap(heap_.begin(), heap_.end(), later);
  }

  std::vector<Beat> beats_;
  std::vector<Entry> heap_;
  std::minstd_rand random_{std::random_device{}()};
};

// TurnPacer goes round and round through turns.
class TurnPacer {
 public:
  explicit TurnPacer(Turns turns) : turns_(std::move(turns)) {}

  uint32_t next_target() const { return turns_.targets[at_]; }
  uint32_t next_train() const { return turns_.trains[at_]; }
  // Each round begins one port further on, so that in time each target has been asked from every port. A send may hold
  // several rounds: only those that begin one count.
  std::optional<uint32_t> round() { return at_ == 0 ? std::optional(rounds_++) : std::nullopt; }
  // break_trains makes every train one of one from here on.
  void break_trains() { std::fill(turns_.trains.begin(), turns_.trains.end(), 1); }

 protected:
  uint32_t take_turn() {
    uint32_t target = turns_.targets[at_];
    if (++at_ == turns_.targets.size()) at_ = 0;
    return target;
  }

 private:
  Turns turns_;
  size_t at_ = 0;
  uint32_t rounds_ = 0;
};

// RatePacer lets the targets take turns at a rate, evenly or (Poisson) at random times. It never skips: what is sent late
// shows as lateness. A train leaves when its last probe is due.
class RatePacer : public TurnPacer {
 public:
  RatePacer(Turns turns, double period_ns, bool poisson, int64_t start_ns)
      : TurnPacer(std::move(turns)), period_ns_(period_ns), poisson_(poisson), start_ns_(start_ns) {
    plan_train();
  }

  int64_t next_due() const { return dues_.back(); }

  bool take(int64_t, Due* due, uint64_t*) {
    *due = {dues_[taken_], take_turn()};
    if (++taken_ == dues_.size()) plan_train();
    return true;
  }

  void break_trains() {
    TurnPacer::break_trains();
    // Dues that were drawn stay: of random times none may be lost.
    late_.assign(dues_.begin() + static_cast<long>(taken_), dues_.end());
    plan_train();
  }

 private:
  void plan_train() {
    dues_.clear();
    taken_ = 0;
    for (uint32_t left = next_train(); left > 0; --left) dues_.push_back(draw());
  }

  int64_t draw() {
    if (!late_.empty()) {
      int64_t due = late_.front();
      late_.erase(late_.begin());
      return due;
    }
    double elapsed_ns = poisson_ ? elapsed_ns_ : static_cast<double>(turn_++) * period_ns_;
    if (poisson_) elapsed_ns_ += gap_(random_) * period_ns_;
    return start_ns_ + static_cast<int64_t>(elapsed_ns);
  }

  double period_ns_;
  bool poisson_;
  int64_t start_ns_;
  uint64_t turn_ = 0;
  double elapsed_ns_ = 0;
  std::mt19937_64 random_{std::random_device{}()};
  std::exponential_distribution<double> gap_;
  std::vector<int64_t> dues_;  // of the train that is next
  size_t taken_ = 0;
  std::vector<int64_t> late_;  // drawn for a train that was broken up
};

// WindowPacer is a closed loop: a probe is due when there is room for it among those in flight, which the shard sees to.
class WindowPacer : public TurnPacer {
 public:
  using TurnPacer::TurnPacer;

  int64_t next_due() const { return 0; }

  bool take(int64_t now_ns, Due* due, uint64_t*) {
    *due = {now_ns, take_turn()};
    return true;
  }
};

// ReplayPacer asks every target once, each at its own time, in the order of these. It never skips, as a rate does not. After
// the last there is none: the run's count ends it.
class ReplayPacer {
 public:
  ReplayPacer(const std::vector<Start>& starts, int64_t start_ns) {
    dues_.reserve(starts.size());
    for (uint32_t i = 0; i < starts.size(); ++i) dues_.push_back({start_ns + starts[i].start_ns, i});
    std::stable_sort(dues_.begin(), dues_.end(), [](const Due& a, const Due& b) { return a.due_ns < b.due_ns; });
  }

  int64_t next_due() const { return at_ < dues_.size() ? dues_[at_].due_ns : kNever; }
  uint32_t next_target() const { return dues_[at_].target; }
  uint32_t next_train() const { return 1; }
  // One round only: the ports take turns in it.
  std::optional<uint32_t> round() { return std::nullopt; }
  void break_trains() {}

  bool take(int64_t, Due* due, uint64_t*) {
    *due = dues_[at_++];
    return true;
  }

 private:
  std::vector<Due> dues_;
  size_t at_ = 0;
};

using AnyPacer = std::variant<RatePacer, WindowPacer, IntervalPacer, ReplayPacer>;

}  // namespace anyprobe
