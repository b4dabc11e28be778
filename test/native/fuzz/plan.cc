// The two buffers of a plan, of any octets. Input: the templates' length (2), the templates, the table.
#include "../../../native/plan.h"

#include "../../../native/wire.h"
#include "../check.h"
#include "input.h"

using namespace anyprobe;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* octets, size_t length) {
  Input input(octets, length);
  const size_t templates_length = input.u16();
  const std::vector<uint8_t> templates = input.take(templates_length);
  const std::vector<uint8_t> table = input.rest();
  Plan plan;
  plan.schedule.timeout_ns = 1;
  if (!unpack(templates.data(), templates.size(), table.data(), table.size(), &plan).empty()) return 0;
  // What the shards rely on, without looking again.
  CHECK(!plan.templates.empty() && plan.targets.size() == table.size() / sizeof(PackedTarget));
  for (const Template& query : plan.templates) {
    CHECK(query.id_at < 0 || static_cast<size_t>(query.id_at) + 2 <= query.length);
    CHECK(!query.dns() || kDnsHeader + query.question_length <= query.length);
  }
  for (const Target& target : plan.targets) CHECK(target.query < plan.templates.size());
  CHECK(plan.starts.size() == plan.targets.size());
  for (const Start& start : plan.starts) {
    CHECK(start.start_ns >= 0 && start.start_ns <= kLongestNs);
    CHECK(start.interval_ns >= 0 && start.interval_ns <= kLongestNs);
  }
  return 0;
}
