// Answers and events of any octets from a kernel, read by all that reads netlink. The sockets are real, but what is sent on them
// goes nowhere and what is received comes from the fuzzer (linked with --wrap). Input: which reader (1); then datagrams, each
// with its length (2) before it, where 0 stands for "nothing queued" and 0xffff for "events were lost".
#include "../../../native/netlink.h"

#include <linux/rtnetlink.h>
#include <sanitizer/asan_interface.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <optional>

#include "../../../native/netlink_watch.h"
#include "../check.h"
#include "input.h"

using namespace anyprobe;

namespace {

std::optional<Input> kernel;

}  // namespace

extern "C" ssize_t __wrap_sendto(int, const void*, size_t length, int, const sockaddr*, socklen_t) {
  return static_cast<ssize_t>(length);
}

extern "C" ssize_t __wrap_recvfrom(int, void* buffer, size_t size, int, sockaddr* from, socklen_t* from_length) {
  ASAN_UNPOISON_MEMORY_REGION(buffer, size);
  const uint16_t length = kernel->u16();
  if (length == 0 || length == UINT16_MAX) {
    errno = length == 0 ? EAGAIN : ENOBUFS;
    return -1;
  }
  const std::vector<uint8_t> datagram = kernel->take(std::min<size_t>(length, size));
  std::copy(datagram.begin(), datagram.end(), static_cast<uint8_t*>(buffer));
  // What lies behind is left over from the last one: to read it would be to read what the kernel did not say.
  ASAN_POISON_MEMORY_REGION(static_cast<uint8_t*>(buffer) + datagram.size(), size - datagram.size());
  const sockaddr_nl name{AF_NETLINK, 0, 0, 0};
  std::memcpy(from, &name, sizeof name);
  *from_length = sizeof name;
  return static_cast<ssize_t>(datagram.size());
}

namespace {

template <typename Item>
void list(SystemError (*lister)(Channel&, std::vector<Item>&)) {
  Channel route(NETLINK_ROUTE);
  std::vector<Item> items;
  lister(route, items);
}

void list_sockets() {
  Channel diag(NETLINK_SOCK_DIAG);
  std::vector<UdpSocket> sockets;
  list_udp_sockets(diag, 53, sockets);
}

void acknowledge() {
  Channel route(NETLINK_ROUTE);
  Requests batch;
  for (int i = 0; i < 3; ++i) batch.begin(RTM_NEWADDR, NLM_F_ACK, rtmsg{});
  std::vector<int> codes;
  route.request(batch, codes);
  CHECK(codes.size() == 3);
}

void watch() {
  Watch watch;
  if (watch.open() || watch.watch_ports({53})) return;
  std::vector<WatchEvent> events;
  watch.read(events);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* octets, size_t length) {
  kernel.emplace(octets, length);
  switch (kernel->u8() % 7) {
    case 0: list<Link>(list_links); break;
    case 1: list<Address>(list_addresses); break;
    case 2: list<LocalRoute>(list_local_routes); break;
    case 3: list<MarkRule>(list_mark_rules); break;
    case 4: list_sockets(); break;
    case 5: acknowledge(); break;
    case 6: watch(); break;
  }
  return 0;
}
