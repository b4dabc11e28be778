// Who is at the other end of a unix socket.
#pragma once

#include <sys/socket.h>

#include <optional>

namespace anyprobe {

// peer_credentials gives those that the other end's process had when it connected (or listened), as this process's namespaces
// number them; none where `fd` is no connected unix socket.
std::optional<ucred> peer_credentials(int fd);

}  // namespace anyprobe
