#include "turns.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <tuple>

namespace anyprobe {
namespace {

constexpr size_t kBlock = 4096;         // turns that are arranged together, of a table that is longer
constexpr size_t kLongestRound = 65536;  // turns in a round that repeats a shorter table
constexpr size_t kMostOctets = 65507;    // of a train: it is one datagram until the kernel cuts it

// Limits tells the longest train for each target.
class Limits {
 public:
  Limits(const Plan& plan, double rate_qps, uint32_t inflight) : plan_(plan), share_(plan.peers.size()) {
    for (const Target& target : plan.targets) share_[target.peer] += 1.0 / static_cast<double>(plan.targets.size());
    const Schedule& schedule = plan.schedule;
    most_ = schedule.train;
    // Two trains fill the window: the one is sent while the other is answered.
    if (inflight > 0) most_ = std::min(most_, std::max<uint32_t>(1, inflight / 2));
    in_time_ = rate_qps > 0 ? rate_qps * static_cast<double>(schedule.train_ns) * 1e-9 : HUGE_VAL;
  }

  uint32_t of(const Target& target) const {
    const Template& query = plan_.templates[target.query];
    // Without an id, answers are told apart by their order, which a path may change.
    if (query.id_at < 0) return 1;
    double most = std::min<double>(most_, std::floor(in_time_ * share_[target.peer] * (1 + 1e-9)));
    most = std::min(most, std::floor(static_cast<double>(kMostOctets) / static_cast<double>(std::max<size_t>(1, query.length))));
    return std::max<uint32_t>(1, static_cast<uint32_t>(most));
  }

 private:
  const Plan& plan_;
  std::vector<double> share_;
  uint32_t most_;
  double in_time_;
};

struct Train {
  double place;  // in its block, 0 to 1
  std::vector<uint32_t> targets;
};

// arrange_block appends the trains of some consecutive turns to the round.
void arrange_block(const Plan& plan, const Limits& limits, const std::vector<uint32_t>& block, Turns* turns) {
  std::map<std::tuple<uint32_t, size_t, int>, std::vector<uint32_t>> alike;
  for (uint32_t at : block) {
    const Target& target = plan.targets[at];
    const Template& query = plan.templates[target.query];
    alike[{target.peer, query.length, query.id_at}].push_back(at);
  }
  std::vector<Train> trains;
  for (const auto& [key, targets] : alike) {
    size_t longest = limits.of(plan.targets[targets.front()]);
    double count = std::ceil(static_cast<double>(targets.size()) / static_cast<double>(longest));
    for (size_t from = 0; from < targets.size(); from += longest) {
      auto begin = targets.begin() + static_cast<long>(from);
      auto end = targets.begin() + static_cast<long>(std::min(from + longest, targets.size()));
      trains.push_back({(static_cast<double>(from / longest) + 0.5) / count, {begin, end}});
    }
  }
  std::stable_sort(trains.begin(), trains.end(), [](const Train& a, const Train& b) { return a.place < b.place; });
  for (const Train& train : trains) {
    turns->targets.insert(turns->targets.end(), train.targets.begin(), train.targets.end());
    for (size_t left = train.targets.size(); left > 0; --left) turns->trains.push_back(static_cast<uint8_t>(left));
  }
}

}  // namespace

Turns arrange(const Plan& plan, double rate_qps, uint32_t inflight) {
  Limits limits(plan, rate_qps, inflight);
  const size_t size = plan.targets.size();
  uint32_t longest = 1;
  for (const Target& target : plan.targets) longest = std::max(longest, limits.of(target));
  Turns turns;
  if (longest == 1) {
    turns.targets.resize(size);
    std::iota(turns.targets.begin(), turns.targets.end(), 0);
    turns.trains.assign(size, 1);
    return turns;
  }
  // A short table is repeated until its trains can be full.
  size_t laps = std::clamp<size_t>(kLongestRound / size, 1, longest);
  size_t round = laps * size;
  size_t most = laps > 1 ? round : kBlock;
  for (size_t from = 0; from < round; from += most) {
    std::vector<uint32_t> block;
    for (size_t turn = from; turn < std::min(from + most, round); ++turn) {
      block.push_back(static_cast<uint32_t>(turn % size));
    }
    arrange_block(plan, limits, block, &turns);
  }
  return turns;
}

}  // namespace anyprobe
