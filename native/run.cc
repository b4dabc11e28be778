#include "run.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <map>
#include <string_view>
#include <tuple>
#include <utility>

#include "clock.h"

namespace anyprobe {
namespace {

constexpr uint32_t kMostSlots = 65536;  // as many as there are ids
constexpr uint32_t kFewestSlots = 128;  // a train fits
constexpr uint32_t kFewestSlotsOfInterval = 1024;

// Part is what one shard has of a schedule.
struct Part {
  double rate_qps;
  uint32_t inflight;
  uint64_t count;
};

Part part_of(const Schedule& schedule, uint32_t shard, uint32_t shards) {
  auto cut = [&](uint64_t whole) { return (whole + shards - 1 - shard) / shards; };
  return {schedule.rate_qps / shards, static_cast<uint32_t>(cut(schedule.inflight)),
          schedule.count == 0 ? UINT64_MAX : cut(schedule.count)};
}

// slots_for leaves room on each port for twice what is in flight while nobody answers (of a replay that may be all there is),
// or of an interval schedule for every target to be asked many times within one timeout.
uint32_t slots_for(const Plan& plan, const Part& part) {
  const Schedule& schedule = plan.schedule;
  double most = part.inflight;
  uint32_t fewest = kFewestSlots;
  if (schedule.rate_qps > 0) {
    most = part.rate_qps * static_cast<double>(schedule.timeout_ns) * 1e-9;
  } else if (schedule.replay) {
    most = static_cast<double>(plan.targets.size());
  } else if (schedule.inflight == 0) {
    most = 8.0 * static_cast<double>(plan.targets.size());
    fewest = kFewestSlotsOfInterval;
  }
  double slots = 2 * most / schedule.ports;
  return std::bit_ceil(static_cast<uint32_t>(std::clamp<double>(slots, fewest, kMostSlots)));
}

AnyPacer pacer_of(const Plan& plan, const Part& part, uint32_t shard, int64_t start_ns) {
  const Schedule& schedule = plan.schedule;
  if (schedule.inflight > 0) return WindowPacer(arrange(plan, 0, part.inflight));
  if (schedule.replay) return ReplayPacer(plan.starts, start_ns);
  if (schedule.rate_qps == 0) return IntervalPacer(plan.starts, start_ns);
  double period_ns = static_cast<double>(kNsPerSecond) / part.rate_qps;
  int64_t first_ns = start_ns + static_cast<int64_t>(static_cast<double>(kNsPerSecond) / schedule.rate_qps * shard);
  return RatePacer(arrange(plan, part.rate_qps, 0), period_ns, schedule.poisson, first_ns);
}

// PortSet is a set of ports that targets share: answers on one socket carry their id in one place. Where they carry none,
// the socket itself tells whose answer it is.
struct PortSet {
  bool ipv6;
  int id_at;
  Address source;
  uint32_t count, slots;
};

constexpr size_t kMostPortSets = UINT16_MAX;

// sort_into_sets finds the sets that a run's targets need, and tells each target its own; false: they are too many.
bool sort_into_sets(Run& run, uint32_t slots, std::vector<PortSet>* sets) {
  std::map<std::tuple<bool, int, std::string_view>, uint16_t> shared;
  for (size_t i = 0; i < run.plan.targets.size(); ++i) {
    const Target& target = run.plan.targets[i];
    const Address& from = run.plan.starts[i].source;
    bool ipv6 = run.plan.peers[target.peer].ipv6();
    int id_at = run.plan.templates[target.query].id_at;
    bool own = id_at < 0;
    std::string_view source(reinterpret_cast<const char*>(&from), sizeof(from));
    uint16_t next = static_cast<uint16_t>(sets->size());
    auto [known, fresh] = own ? std::pair{shared.end(), true} : shared.try_emplace({ipv6, id_at, source}, next);
    run.ports_of.push_back(own ? next : known->second);
    if (!fresh) continue;
    if (sets->size() == kMostPortSets) return false;
    uint32_t ports = own ? 1 : run.plan.schedule.ports;
    sets->push_back({ipv6, id_at, from, ports, own ? kFewestSlotsOfInterval : slots});
  }
  return true;
}

// open_family opens the sockets of all sets of one family, one set after another.
SystemError open_family(Run& run, bool ipv6, const std::vector<PortSet>& sets, uint32_t first_port) {
  const Schedule& schedule = run.plan.schedule;
  std::vector<std::unique_ptr<Socket>> opened;
  std::vector<Reservation> wanted;
  for (const PortSet& set : sets) {
    if (set.ipv6 == ipv6) wanted.insert(wanted.end(), set.count, {set.source, set.slots});
  }
  if (wanted.empty()) return {};
  if (schedule.raw) {
    if (SystemError e = open_raw(schedule, ipv6, first_port, wanted, run.shuffle, &run.raw[ipv6], &opened)) return e;
  } else {
    for (const Reservation& one : wanted) {
      opened.emplace_back();
      InFlight in_flight(one.slots, run.shuffle);
      if (SystemError e = open_socket(schedule, ipv6, one.source, std::move(in_flight), &opened.back())) return e;
    }
  }
  auto next = opened.begin();
  for (size_t i = 0; i < sets.size(); ++i) {
    if (sets[i].ipv6 != ipv6) continue;
    run.ports[i] = {static_cast<uint32_t>(run.sockets.size()), sets[i].count};
    for (uint32_t left = sets[i].count; left > 0; --left) {
      Socket& socket = **next;
      socket.run = &run;
      socket.ports = static_cast<uint16_t>(i);
      socket.id_at = sets[i].id_at;
      run.sockets.push_back(std::move(*next++));
    }
  }
  return {};
}

// open_sockets gives targets the ports that they share. `first_port`, of each family, is where the raw transport begins;
// it moves on to where the next shard may.
SystemError open_sockets(Run& run, uint32_t slots, uint32_t first_port[2]) {
  std::vector<PortSet> sets;
  if (!sort_into_sets(run, slots, &sets)) return {EMFILE, "socket"};
  run.ports.resize(sets.size());
  for (bool ipv6 : {false, true}) {
    size_t before = run.sockets.size();
    if (SystemError e = open_family(run, ipv6, sets, first_port[ipv6])) return e;
    if (first_port[ipv6]) first_port[ipv6] += static_cast<uint32_t>(run.sockets.size() - before);
  }
  return {};
}

}  // namespace

Socket* Run::next_socket(uint32_t target, uint32_t probes) {
  Ports& set = ports[ports_of[target]];
  for (uint32_t tries = 0; tries < set.count; ++tries) {
    Socket* socket = sockets[set.first + set.next].get();
    if (++set.next == set.count) set.next = 0;
    if (socket->in_flight.room() >= probes) return socket;
  }
  return nullptr;
}

SystemError share(uint32_t id, const Plan& plan, uint32_t shards, int64_t start_ns,
                  std::vector<std::unique_ptr<Run>>* runs) {
  const Schedule& schedule = plan.schedule;
  uint32_t targets = static_cast<uint32_t>(plan.targets.size());
  bool by_target = targets >= shards || (schedule.rate_qps == 0 && schedule.inflight == 0);
  if (by_target) shards = std::min(shards, targets);
  if (schedule.inflight > 0) shards = std::min(shards, schedule.inflight);
  uint32_t first_port[2] = {schedule.first_port, schedule.first_port};
  for (uint32_t shard = 0; shard < shards; ++shard) {
    Plan cut{plan.templates, plan.peers, {}, {}, schedule};
    for (uint32_t i = by_target ? shard : 0; i < targets; i += by_target ? shards : 1) {
      cut.targets.push_back(plan.targets[i]);
      cut.starts.push_back(plan.starts[i]);
    }
    Part part = part_of(schedule, shard, shards);
    if (schedule.replay) part.count = cut.targets.size();
    uint32_t slots = slots_for(cut, part);
    auto pacer = pacer_of(cut, part, shard, start_ns);
    uint32_t window = part.inflight > 0 ? part.inflight : UINT32_MAX;
    // A stall shows once it is between one and two bounds long: half a timeout at most.
    int64_t stall_bound_ns = std::clamp<int64_t>(schedule.timeout_ns / 4, 10 * kNsPerMs, 250 * kNsPerMs);
    runs->push_back(std::unique_ptr<Run>(
        new Run{id, std::move(cut), std::move(pacer), part.count, window, stall_bound_ns}));
    if (SystemError e = open_sockets(*runs->back(), slots, first_port)) return e;
    runs->back()->plan.starts = {};
  }
  return {};
}

}  // namespace anyprobe
