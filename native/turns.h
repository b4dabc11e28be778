// The order in which the targets of a rate or a closed loop take turns, and the trains that they leave in.
#pragma once

#include <cstdint>
#include <vector>

#include "plan.h"

namespace anyprobe {

// Turns is one round; it begins again at its end. Every target of the plan is in it equally often.
struct Turns {
  std::vector<uint32_t> targets;  // indices into the plan's targets
  std::vector<uint8_t> trains;    // where a train begins its length, elsewhere what is left of it
};

// arrange puts together what can leave as one train: queries of one length to one peer, as many as the schedule allows
// and as the peer is sent within train_ns at the run's rate. It moves a target by a few thousand turns at most, and
// spreads trains evenly, so that the mix of queries stays as it was. `rate_qps` and `inflight` are the run's share.
Turns arrange(const Plan& plan, double rate_qps, uint32_t inflight);

}  // namespace anyprobe
