// What is due when, and in which order: pacers and turns.
#include <algorithm>
#include <cmath>
#include <random>
#include <set>
#include <utility>
#include <vector>

#include "../../native/pacer.h"
#include "../../native/turns.h"
#include "check.h"
#include "test.h"

using namespace anyprobe;

Start every(int64_t start_ns, int64_t interval_ns) { return {start_ns, interval_ns, {}}; }

void interval_pacer_keeps_its_grid_and_skips_what_passed() {
  IntervalPacer pacer({every(0, 100), every(50, 100), every(0, 0)}, 1000);
  uint64_t skipped = 0;
  std::vector<int64_t> dues[3];
  std::mt19937 random(3);
  int64_t now = 1000;
  uint64_t taken = 0;
  for (; now < 1'000'000; now += random() % 400) {
    while (pacer.next_due() <= now) {
      uint32_t target = pacer.next_target();
      Due due;
      if (!pacer.take(now, &due, &skipped)) continue;
      CHECK(due.target == target && due.due_ns <= now && now - due.due_ns < 1000);
      dues[due.target].push_back(due.due_ns);
      ++taken;
    }
  }
  CHECK(dues[2].empty());
  for (int i = 0; i < 2; ++i) {
    CHECK(std::is_sorted(dues[i].begin(), dues[i].end()));
    CHECK(std::adjacent_find(dues[i].begin(), dues[i].end()) == dues[i].end());
    for (int64_t due : dues[i]) CHECK((due - 1000 - 50 * i) % 100 == 0);
  }
  // Every start was either sent or counted.
  int64_t starts = (dues[0].back() - 1000) / 100 + 1 + (dues[1].back() - 1050) / 100 + 1;
  CHECK(static_cast<int64_t>(taken + skipped) >= starts);
  CHECK(skipped > 0);
}

void interval_pacer_obeys_pace_and_burst() {
  IntervalPacer pacer({every(0, 1000)}, 0);
  uint64_t skipped = 0;
  auto take_until = [&](int64_t until) {
    std::vector<int64_t> dues;
    while (pacer.next_due() <= until) {
      Due due;
      if (pacer.take(pacer.next_due(), &due, &skipped)) dues.push_back(due.due_ns);
    }
    return dues;
  };
  CHECK((take_until(2500) == std::vector<int64_t>{0, 1000, 2000}));
  pacer.pace(0, 100, 2600);
  CHECK((take_until(2850) == std::vector<int64_t>{2600, 2700, 2800}));
  pacer.pace(0, 0, 0);
  CHECK(take_until(10000).empty());
  CHECK(pacer.next_due() == kNever);
  pacer.burst(0, 3, 10, 11000);
  pacer.pace(0, 16, 11003);
  CHECK((take_until(11030) == std::vector<int64_t>{11000, 11004, 11010, 11020, 11020}));
  CHECK(skipped == 0);
}

// Targets that begin at any time share a few points of their interval, and keep to them.
void interval_pacer_shares_wake_ups() {
  std::mt19937 random(5);
  for (int64_t interval : {7, 100, 1'000'003, 100'000'000, 333'333'333, 1'000'000'000}) {
    IntervalPacer pacer(std::vector<Start>(50, every(0, 0)), 0);
    uint64_t skipped = 0;
    std::set<int64_t> points;
    for (uint32_t i = 0; i < 50; ++i) {
      int64_t first = static_cast<int64_t>(random()) * 1000;
      pacer.pace(i, interval, first);
      Due due;
      CHECK(pacer.take(pacer.next_due(), &due, &skipped));
      CHECK(due.due_ns >= first && due.due_ns < first + std::max<int64_t>(interval, 4));
      points.insert(due.due_ns % interval);
      pacer.pace(i, 0, 0);
      while (pacer.next_due() != kNever) CHECK(!pacer.take(pacer.next_due(), &due, &skipped));
    }
    CHECK(static_cast<int64_t>(points.size()) <= std::max<int64_t>(4, interval / 25'000'000 + 1));
  }
}

void rate_pacer_spaces_evenly_and_takes_turns() {
  RatePacer pacer({{0, 1, 2}, {1, 1, 1}}, 1e9 / 7, false, 500);
  Due due;
  uint64_t skipped = 0;
  for (uint64_t i = 0; i < 100000; ++i) {
    CHECK(pacer.next_target() == i % 3);
    CHECK(pacer.take(0, &due, &skipped));
    CHECK(due.target == i % 3);
    CHECK(std::abs(static_cast<double>(due.due_ns - 500) - static_cast<double>(i) * 1e9 / 7) < 2);
  }
  CHECK(skipped == 0);
}

void poisson_pacer_keeps_the_rate_and_varies_the_gaps() {
  RatePacer pacer({{0}, {1}}, 1000, true, 0);
  Due due;
  uint64_t skipped = 0;
  constexpr int kProbes = 200000;
  double squares = 0;
  int64_t last = 0;
  for (int i = 0; i < kProbes; ++i) {
    CHECK(pacer.take(0, &due, &skipped) && due.due_ns >= last);
    double gap = static_cast<double>(due.due_ns - last) / 1000;
    squares += gap * gap;
    last = due.due_ns;
  }
  // Of an exponential distribution the mean gap is 1 and the mean square 2; the bounds are eight deviations away.
  CHECK(std::abs(static_cast<double>(last) / 1000 / kProbes - 1) < 0.02);
  CHECK(std::abs(squares / kProbes - 2) < 0.1);
}

// A replay asks each target once, in the order of their times and, of one time, in that of the table; late or not.
void replay_pacer_asks_each_once_in_the_order_of_time() {
  std::mt19937 random(7);
  std::vector<Start> starts;
  for (int i = 0; i < 5000; ++i) starts.push_back(every(static_cast<int64_t>(random() % 3000), 0));
  ReplayPacer pacer(starts, 1000);
  Due due, last{0, 0};
  uint64_t skipped = 0;
  std::vector<int> asked(starts.size());
  for (size_t i = 0; i < starts.size(); ++i) {
    CHECK(pacer.next_due() == 1000 + starts[pacer.next_target()].start_ns);
    CHECK(pacer.take(1'000'000, &due, &skipped));
    CHECK(due.due_ns > last.due_ns || (due.due_ns == last.due_ns && (i == 0 || due.target > last.target)));
    ++asked[due.target];
    last = due;
  }
  CHECK(pacer.next_due() == kNever && skipped == 0);
  CHECK(std::all_of(asked.begin(), asked.end(), [](int times) { return times == 1; }));
}

// plan_of makes a plan whose targets have these peers and these lengths of query.
Plan plan_of(const std::vector<std::pair<uint32_t, size_t>>& targets, uint32_t train, int64_t train_ns) {
  Plan plan;
  plan.schedule.train = train;
  plan.schedule.train_ns = train_ns;
  for (auto [peer, length] : targets) {
    plan.peers.resize(std::max<size_t>(plan.peers.size(), peer + 1));
    plan.targets.push_back({0, static_cast<uint32_t>(plan.templates.size()), peer});
    plan.templates.emplace_back(std::vector<uint8_t>(length).data(), length, 0, 0);
  }
  return plan;
}

// Whatever the plan: trains are of one peer and length and no longer than allowed, each target has the same number of
// turns, and no part of a long round has another mix than the whole.
void turns_keep_the_mix() {
  std::mt19937 random(5);
  for (int i = 0; i < 300; ++i) {
    std::vector<std::pair<uint32_t, size_t>> given(1 + random() % (i % 10 == 0 ? 10000 : 40));
    uint32_t peers = 1 + random() % 4, lengths = 1 + random() % 4;
    for (auto& [peer, length] : given) peer = random() % peers, length = 30 + random() % lengths;
    Plan plan = plan_of(given, 1 + random() % 128, 50'000);
    double rate_qps = static_cast<double>(1 << (random() % 24));
    Turns turns = arrange(plan, rate_qps, 0);
    CHECK(turns.targets.size() == turns.trains.size() && turns.targets.size() % given.size() == 0);
    std::vector<size_t> count(given.size());
    for (uint32_t target : turns.targets) ++count[target];
    for (size_t one : count) CHECK(one == turns.targets.size() / given.size());
    for (size_t at = 0; at < turns.targets.size(); at += turns.trains[at]) {
      auto [peer, length] = given[turns.targets[at]];
      auto of_peer = std::count_if(given.begin(), given.end(), [peer = peer](auto& one) { return one.first == peer; });
      double share = static_cast<double>(of_peer) / static_cast<double>(given.size());
      CHECK(turns.trains[at] <= std::max(1.0, std::min<double>(plan.schedule.train, rate_qps * 50e-6 * share * 1.0001)));
      for (uint32_t k = 0; k < turns.trains[at]; ++k) {
        CHECK(turns.trains[at + k] == turns.trains[at] - k && given[turns.targets[at + k]] == given[turns.targets[at]]);
      }
    }
  }
  // A quarter of the queries are long ones, in each tenth of the round too.
  std::vector<std::pair<uint32_t, size_t>> given(1000);
  for (size_t i = 0; i < given.size(); ++i) given[i] = {0, i < 250 ? 60 : 40};
  Turns turns = arrange(plan_of(given, 64, 50'000), 10e6, 0);
  size_t tenth = turns.targets.size() / 10;
  for (size_t from = 0; from + tenth <= turns.targets.size(); from += tenth) {
    size_t longer = 0;
    for (size_t at = from; at < from + tenth; ++at) longer += turns.targets[at] < 250;
    CHECK(std::abs(static_cast<double>(longer) / static_cast<double>(tenth) - 0.25) < 0.03);
  }
}

void turns_fill_trains() {
  // One query at 1 M/s: 50 of them are 50 us. In a closed loop two trains fill the window.
  CHECK(arrange(plan_of({{0, 40}}, 64, 50'000), 1e6, 0).trains.front() == 50);
  CHECK(arrange(plan_of({{0, 40}}, 64, 50'000), 1e3, 0).trains.front() == 1);
  CHECK(arrange(plan_of({{0, 40}}, 1, 50'000), 1e6, 0).trains.front() == 1);
  CHECK(arrange(plan_of({{0, 40}}, 64, 0), 0, 100).trains.front() == 50);
  CHECK(arrange(plan_of({{0, 40}, {1, 40}}, 64, 50'000), 1e6, 0).trains.front() == 25);
  CHECK(arrange(plan_of({{0, 2000}}, 128, 50'000), 1e9, 0).trains.front() == 32);
}

void test_schedule() {
  interval_pacer_keeps_its_grid_and_skips_what_passed();
  interval_pacer_obeys_pace_and_burst();
  interval_pacer_shares_wake_ups();
  rate_pacer_spaces_evenly_and_takes_turns();
  poisson_pacer_keeps_the_rate_and_varies_the_gaps();
  replay_pacer_asks_each_once_in_the_order_of_time();
  turns_keep_the_mix();
  turns_fill_trains();
}
