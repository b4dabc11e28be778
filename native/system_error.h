// What the kernel refuses, everywhere in native/.
#pragma once

namespace anyprobe {

// SystemError says which call failed and with which errno; errnum 0 is success.
struct SystemError {
  int errnum = 0;
  const char* syscall = "";
  explicit operator bool() const { return errnum != 0; }
};

}  // namespace anyprobe
