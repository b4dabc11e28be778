#include "credentials.h"

namespace anyprobe {

std::optional<ucred> peer_credentials(int fd) {
  ucred peer{};
  socklen_t size = sizeof(peer);
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return std::nullopt;
  // What the kernel says of a socket that has no peer, or is of another family.
  if (peer.uid == static_cast<uid_t>(-1)) return std::nullopt;
  return peer;
}

}  // namespace anyprobe
