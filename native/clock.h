// The clocks: CLOCK_MONOTONIC for everything that is told; CLOCK_REALTIME only to read the kernel's receive stamps.
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

}  // namespace anyprobe
