// What the bench's programs ask of the host: a core of their own, an end with their parent, time, CPU time, and plain
// words where something is refused.
#pragma once

#include <arpa/inet.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <initializer_list>

namespace anyprobe::bench {

constexpr int64_t kNsPerSecond = 1'000'000'000;

[[noreturn]] inline void fail(const char* sentence) {
  std::fprintf(stderr, "%s\n", sentence);
  std::exit(64);
}

[[noreturn]] inline void fail_errno(const char* syscall) {
  std::fprintf(stderr, "%s: %s\n", syscall, std::strerror(errno));
  std::exit(1);
}

// pin_to keeps this thread on one core; below 0 it is free.
inline void pin_to(int cpu) {
  if (cpu < 0) return;
  cpu_set_t cores;
  CPU_ZERO(&cores);
  CPU_SET(cpu, &cores);
  if (sched_setaffinity(0, sizeof(cores), &cores) != 0) fail_errno("sched_setaffinity");
}

// die_with_parent ends this process when the bench is gone, however it went.
inline void die_with_parent() { prctl(PR_SET_PDEATHSIG, SIGTERM); }

inline void set(int fd, int level, int option, int value) {
  if (setsockopt(fd, level, option, &value, sizeof(value)) != 0) fail_errno("setsockopt");
}

// grow_queues asks for socket queues of so many octets; without CAP_NET_ADMIN the kernel caps them.
inline void grow_queues(int fd, int octets) {
  for (int option : {SO_RCVBUF, SO_SNDBUF}) set(fd, SOL_SOCKET, option, octets);
  for (int option : {SO_RCVBUFFORCE, SO_SNDBUFFORCE}) setsockopt(fd, SOL_SOCKET, option, &octets, sizeof(octets));
}

inline in_addr parse_address(const char* text) {
  in_addr address;
  if (inet_pton(AF_INET, text, &address) != 1) fail("expected an IPv4 address");
  return address;
}

inline int64_t monotonic_ns() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * kNsPerSecond + now.tv_nsec;
}

// cpu_seconds gives the user and system time of this process, or of children that it waited for.
inline double cpu_seconds(int who = RUSAGE_SELF) {
  rusage usage;
  getrusage(who, &usage);
  auto seconds = [](const timeval& t) { return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6; };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace anyprobe::bench
