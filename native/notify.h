// sd_notify: one datagram to the service manager. Keeps nothing open.
#pragma once

#include <string>

namespace anyprobe {

// Sends `text` (lines as `READY=1`) to the socket at `path`; a leading `@` means the abstract namespace. Returns 0 or
// the errno. Never blocks: EAGAIN where the manager does not read.
int notify(const std::string& path, const std::string& text);

}  // namespace anyprobe
