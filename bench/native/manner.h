// A server of known behaviour: what it does with each query follows from the times at which queries arrived, by the kernel's
// stamps, so that it stays exact when this process is put aside for a moment.
#pragma once

#include <csignal>
#include <cstdint>

#include "../../native/peer.h"

namespace anyprobe::bench {

// Manner is how it behaves; what is 0 or below is not so.
struct Manner {
  double limit_qps = 0;  // a token bucket: a query without a token is dropped
  double burst_ms = 5;   // what the bucket holds: so much of the limit
  double refuse_above_qps = 0;  // another bucket: a query without a token is answered with an rcode
  int rcode = 5;                // REFUSED
  double delay_above_qps = 0;  // answers wait while the last 50 ms brought more queries than this rate would
  double delay_ms = 0;
  double freeze_ms = 0;  // nothing is read or sent for so long, at the end of each `freeze_every_ms`
  double freeze_every_ms = 0;
  bool truncate = false;  // all answers have TC set

  bool any() const {
    return limit_qps > 0 || refuse_above_qps > 0 || delay_above_qps > 0 || freeze_ms > 0 || truncate;
  }
};

// Told is what it did.
struct Told {
  uint64_t queries = 0;
  uint64_t dropped = 0;
  uint64_t refused = 0;
  uint64_t delayed = 0;
  uint64_t freezes = 0;
};

// behave answers on `fd`, which has no UDP_GRO, until `ending`.
Told behave(int fd, const Peer& address, const Manner& manner, const volatile sig_atomic_t& ending);

}  // namespace anyprobe::bench
