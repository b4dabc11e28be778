#include "run.h"

#include <algorithm>
#include <bit>
#include <cerrno>

#include "clock.h"

namespace anyprobe {
namespace {

constexpr uint32_t kMostSlots = 65536;      // as many as there are ids
constexpr uint32_t kSlotsOfOne = 1024;  // on a socket of its own

// slots_for leaves room for every target to be asked many times within one timeout.
uint32_t slots_for(const Plan& plan) {
  if (plan.schedule.rate_qps > 0) return kMostSlots;
  return std::bit_ceil(std::clamp<uint32_t>(static_cast<uint32_t>(plan.targets.size()) * 16, 1024, kMostSlots));
}

SystemError open_sockets(Run& run) {
  constexpr uint16_t kUnopened = UINT16_MAX;
  uint16_t shared[2] = {kUnopened, kUnopened};  // by family: IPv4, IPv6
  for (const Target& target : run.plan.targets) {
    // DNS answers carry their id in one place. Elsewhere the socket itself tells whose answer it is.
    const Template& query = run.plan.templates[target.query];
    bool own = !query.dns();
    uint16_t& known = shared[target.ipv6()];
    if (own || known == kUnopened) {
      if (run.sockets.size() == kUnopened) return {EMFILE, "socket"};
      std::unique_ptr<Socket> socket;
      uint32_t slots = own ? kSlotsOfOne : slots_for(run.plan);
      if (SystemError e = open_socket(run.plan.schedule, target.ipv6(), slots, &socket)) return e;
      socket->run = &run;
      socket->id_at = query.id_at;
      if (!own) known = static_cast<uint16_t>(run.sockets.size());
      run.socket_of.push_back(static_cast<uint16_t>(run.sockets.size()));
      run.sockets.push_back(std::move(socket));
    } else {
      run.socket_of.push_back(known);
    }
  }
  return {};
}

}  // namespace

SystemError share(uint32_t id, const Plan& plan, uint32_t shards, int64_t start_ns,
                  std::vector<std::unique_ptr<Run>>* runs) {
  shards = std::min<uint32_t>(shards, static_cast<uint32_t>(plan.targets.size()));
  const Schedule& schedule = plan.schedule;
  for (uint32_t shard = 0; shard < shards; ++shard) {
    Plan part{plan.templates, {}, schedule};
    for (size_t i = shard; i < plan.targets.size(); i += shards) part.targets.push_back(plan.targets[i]);
    std::variant<RatePacer, IntervalPacer> pacer = IntervalPacer(part.targets, start_ns);
    if (schedule.rate_qps > 0) {
      double period_ns = static_cast<double>(kNsPerSecond) / schedule.rate_qps;
      pacer = RatePacer(static_cast<uint32_t>(part.targets.size()), period_ns * shards,
                        start_ns + static_cast<int64_t>(period_ns * shard));
    }
    uint64_t left = schedule.count == 0 ? UINT64_MAX : (schedule.count + shards - 1 - shard) / shards;
    // A stall shows once it is between one and two bounds long: half a timeout at most.
    int64_t stall_bound_ns = std::clamp<int64_t>(schedule.timeout_ns / 4, 10 * kNsPerMs, 250 * kNsPerMs);
    auto run = std::make_unique<Run>(Run{id, std::move(part), {}, {}, std::move(pacer), left, stall_bound_ns});
    if (SystemError e = open_sockets(*run)) return e;
    runs->push_back(std::move(run));
  }
  return {};
}

}  // namespace anyprobe
