// cost COMMAND ...: runs a command and writes what it and all its children cost, as JSON, to descriptor 3.
#include <sys/wait.h>
#include <unistd.h>

#include "host.h"

int main(int argc, char** argv) {
  using namespace anyprobe::bench;
  if (argc < 2) fail("usage: cost COMMAND [ARGUMENT ...] 3>FILE");
  die_with_parent();
  int64_t start_ns = monotonic_ns();
  pid_t child = fork();
  if (child == 0) {
    die_with_parent();
    close(3);
    execvp(argv[1], argv + 1);
    std::fprintf(stderr, "%s: %s\n", argv[1], std::strerror(errno));
    _exit(127);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  double seconds = static_cast<double>(monotonic_ns() - start_ns) / kNsPerSecond;
  dprintf(3, "{\"seconds\":%.6f,\"cpuSeconds\":%.6f}\n", seconds, cpu_seconds(RUSAGE_CHILDREN));
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
