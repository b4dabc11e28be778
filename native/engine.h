// The engine: shards, the plans submitted to them, and the way rows leave. Called from the JavaScript thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "shard.h"

namespace anyprobe {

struct EngineOptions : ShardOptions {
  uint32_t shards = 1;
  std::vector<int> cpus{};  // shard i is kept on cpus[i % size]; empty: anywhere
};

class Engine {
 public:
  // Throws std::system_error where the kernel gives no eventfd or epoll, or no such CPU.
  Engine(const EngineOptions& options, Bell& bell);

  // submit starts a plan; *run names it for pace, burst and cancel. What the kernel refused comes back.
  SystemError submit(const Plan& plan, uint32_t* run);
  // pace and burst speak to one target of an interval schedule, by its index in the table.
  void pace(uint32_t run, uint32_t target, int64_t interval_ns, int64_t first_in_ns);
  void burst(uint32_t run, uint32_t target, uint32_t count, int64_t gap_ns);
  void cancel(uint32_t run);

  // drain copies rows into `block`: the columns of `rows` rows each, then `octets` octets of answers. Tells how many.
  // It arms the bell before it looks: the other order loses wake-ups.
  uint32_t drain(uint8_t* block, uint32_t rows, size_t octets);
  uint64_t count(Counter counter) const;
  // stop ends all runs; every probe in flight ends as cancelled. Rows can still be drained.
  void stop();

 private:
  Bell& bell_;
  uint32_t runs_ = 0;
  std::vector<std::unique_ptr<Shard>> shards_;
  std::vector<uint32_t> shards_of_;  // per run: how many shards share it
  uint32_t first_ = 0;               // the shard that is drained first, in turn
};

}  // namespace anyprobe
