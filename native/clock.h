// The clocks: CLOCK_MONOTONIC for everything that is told; CLOCK_REALTIME only to read the kernel's receive stamps;
// CLOCK_BOOTTIME for what must outlast suspension.
#pragma once

#include <time.h>

#include <cstdint>

namespace anyprobe {

inline constexpr int64_t kNsPerSecond = 1'000'000'000;
inline constexpr int64_t kNsPerMs = 1'000'000;
inline constexpr int64_t kNsPerUs = 1'000;

inline int64_t to_ns(const timespec& time) { return time.tv_sec * kNsPerSecond + time.tv_nsec; }

inline int64_t clock_ns(clockid_t clock) {
  timespec now;
  clock_gettime(clock, &now);
  return to_ns(now);
}

inline int64_t monotonic_ns() { return clock_ns(CLOCK_MONOTONIC); }

// realtime_offset_ns reads CLOCK_REALTIME - CLOCK_MONOTONIC. A thread that is put aside between the two readings would
// tell a wrong one, so the narrowest of a few is taken.
inline int64_t realtime_offset_ns() {
  int64_t offset = 0;
  int64_t narrowest = INT64_MAX;
  for (int i = 0; i < 4 && narrowest > kNsPerUs; ++i) {
    int64_t before = monotonic_ns();
    int64_t realtime = clock_ns(CLOCK_REALTIME);
    int64_t took = monotonic_ns() - before;
    if (took >= narrowest) continue;
    narrowest = took;
    offset = realtime - before - took / 2;
  }
  return offset;
}

}  // namespace anyprobe
