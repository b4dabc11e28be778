// The native tests in one program, to be built with sanitizers: see sanitizer.test.ts.
#include <cstdio>

#include "test.h"

int main() {
  test_parts();
  test_raw();
  test_schedule();
  test_engine();
  std::puts("all so");
}
