// Changes of addresses, links and local routes, and ends of watched UDP sockets, as the kernel multicasts them. Classic
// BPF filters keep what is not ours out of the receive buffers: foreign routes and foreign sockets cost no wake-up.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "netlink.h"

namespace anyprobe {

struct WatchEvent {
  enum class Kind : uint8_t {
    kAddressAdded,
    kAddressRemoved,
    kRouteAdded,  // RTN_LOCAL routes only
    kRouteRemoved,
    kLink,
    kLinkRemoved,
    kSocketDestroyed,
    kOverrun,  // events were lost (ENOBUFS): list again
  };
  Kind kind;
  IpAddress address;
  uint8_t prefix_length = 0;
  uint16_t port = 0;  // of a destroyed socket
  int ifindex = 0;
  uint32_t pid = 0;  // netlink port id of who asked for the change; 0: the kernel, an ioctl tool, or untold (IPv6)
  uint32_t flags = 0;  // IFA_F_*
  uint32_t metric = 0;
  bool up = false;
  std::string name;
};

// Watch holds two non-blocking sockets. Not thread-safe. read() never blocks.
class Watch {
 public:
  Watch() = default;
  ~Watch() { close(); }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  SystemError open();
  // Watches exactly these local ports from now on; none leaves the destroy groups, so that closing sockets costs the
  // host nothing.
  SystemError watch_ports(const std::vector<uint16_t>& ports);
  // Appends all that is queued; reads nothing and allocates nothing where nothing is.
  SystemError read(std::vector<WatchEvent>& events);
  // Idempotent.
  void close();

  int route_fd() const { return route_fd_; }
  int socket_fd() const { return socket_fd_; }

 private:
  SystemError read_socket(int fd, std::vector<WatchEvent>& events);

  int route_fd_ = -1;
  int socket_fd_ = -1;
  bool watching_ports_ = false;
  std::vector<uint8_t> buffer_;
};

}  // namespace anyprobe
