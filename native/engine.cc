#include "engine.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "clock.h"

namespace anyprobe {
namespace {

// BatchWriter puts rows into the columns of one block (see kColumns for their order).
class BatchWriter {
 public:
  BatchWriter(uint8_t* block, uint32_t rows, size_t octets) : octets_(octets) {
    uint8_t* at = block;
    for (size_t i = 0; i < std::size(kColumns); ++i) {
      columns_[i] = at;
      at += kColumns[i].size * rows;
    }
    answers_ = at;
  }

  // write adds a row; false where its answer finds no room, which ends the batch.
  bool write(const Row& row, const uint8_t* answer) {
    if (used_ + row.answer_length > octets_) return false;
    put(0, static_cast<double>(row.due_ns));
    put(1, static_cast<double>(row.sent_ns));
    put(2, static_cast<double>(row.rtt_ns));
    put(3, row.probe);
    put(4, static_cast<uint32_t>(used_));
    put(5, row.flags);
    put(6, row.answer_length);
    put(7, row.answer_size);
    put(8, row.source_port);
    put(9, row.outcome);
    put(10, row.rcode);
    put(11, row.errnum);
    put(12, row.shard);
    if (row.answer_length) std::memcpy(answers_ + used_, answer, row.answer_length);
    used_ += row.answer_length;
    ++rows_;
    return true;
  }

  uint32_t rows() const { return rows_; }

 private:
  template <typename T>
  void put(size_t column, T value) {
    reinterpret_cast<T*>(columns_[column])[rows_] = value;
  }

  uint8_t* columns_[std::size(kColumns)];
  uint8_t* answers_;
  size_t octets_, used_ = 0;
  uint32_t rows_ = 0;
};

}  // namespace

Engine::Engine(const EngineOptions& options, Bell& bell) : bell_(bell) {
  for (uint32_t i = 0; i < options.shards; ++i) {
    ShardOptions shard = options;
    if (!options.cpus.empty()) shard.cpu = options.cpus[i % options.cpus.size()];
    shards_.push_back(std::make_unique<Shard>(static_cast<uint8_t>(i), shard, bell));
  }
}

SystemError Engine::submit(const Plan& plan, uint32_t* run) {
  if (shards_.empty()) return {ESHUTDOWN, "submit"};
  std::vector<std::unique_ptr<Run>> parts;
  int64_t start_ns = plan.schedule.start_ns > 0 ? plan.schedule.start_ns : monotonic_ns();
  if (SystemError e = share(runs_, plan, static_cast<uint32_t>(shards_.size()), start_ns, &parts)) return e;
  *run = runs_++;
  shards_of_.push_back(static_cast<uint32_t>(parts.size()));
  for (size_t i = 0; i < parts.size(); ++i) shards_[i]->post(std::move(parts[i]));
  return {};
}

void Engine::pace(uint32_t run, uint32_t target, int64_t interval_ns, int64_t first_in_ns) {
  if (run >= runs_) return;
  interval_ns = std::clamp<int64_t>(interval_ns, 0, kLongestNs);
  first_in_ns = std::clamp<int64_t>(first_in_ns, 0, kLongestNs);
  uint32_t shards = shards_of_[run];
  shards_[target % shards]->post(Pace{run, target / shards, interval_ns, first_in_ns});
}

void Engine::burst(uint32_t run, uint32_t target, uint32_t count, int64_t gap_ns) {
  if (run >= runs_) return;
  gap_ns = std::clamp<int64_t>(gap_ns, 0, kLongestNs);
  uint32_t shards = shards_of_[run];
  shards_[target % shards]->post(Burst{run, target / shards, count, gap_ns});
}

void Engine::cancel(uint32_t run) {
  for (auto& shard : shards_) shard->post(Cancel{run});
}

uint32_t Engine::drain(uint8_t* block, uint32_t rows, size_t octets) {
  bell_.arm();
  BatchWriter batch(block, rows, octets);
  for (size_t i = 0; i < shards_.size() && batch.rows() < rows; ++i) {
    Ring& ring = shards_[(first_ + i) % shards_.size()]->ring();
    ring.read(rows - batch.rows(), [&](const Row& row, const uint8_t* answer) { return batch.write(row, answer); });
  }
  ++first_;
  return batch.rows();
}

uint64_t Engine::count(Counter counter) const {
  uint64_t sum = 0;
  for (const auto& shard : shards_) sum += shard->count(counter);
  return sum;
}

void Engine::stop() {
  for (auto& shard : shards_) shard->post(Stop{});
  for (auto& shard : shards_) shard->join();
}

}  // namespace anyprobe
