#include "socket.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace anyprobe {
namespace {

SystemError failed(const char* syscall) { return {errno, syscall}; }

SystemError set(int fd, int level, int option, int value, const char* syscall) {
  return setsockopt(fd, level, option, &value, sizeof(value)) == 0 ? SystemError{} : failed(syscall);
}

SystemError configure(int fd, const Schedule& schedule, bool ipv6) {
  if (SystemError e = set(fd, SOL_SOCKET, SO_TIMESTAMPNS, 1, "setsockopt SO_TIMESTAMPNS")) return e;
  if (SystemError e = set(fd, SOL_SOCKET, SO_RXQ_OVFL, 1, "setsockopt SO_RXQ_OVFL")) return e;
  // A larger queue only helps: without CAP_NET_ADMIN the kernel caps it silently.
  constexpr int kQueueOctets = 4 << 20;
  if (set(fd, SOL_SOCKET, SO_RCVBUFFORCE, kQueueOctets, "")) set(fd, SOL_SOCKET, SO_RCVBUF, kQueueOctets, "");
  SystemError e = ipv6 ? set(fd, IPPROTO_IPV6, IPV6_RECVERR, 1, "setsockopt IPV6_RECVERR")
                       : set(fd, IPPROTO_IP, IP_RECVERR, 1, "setsockopt IP_RECVERR");
  if (e) return e;
  if (schedule.mark) {
    if (setsockopt(fd, SOL_SOCKET, SO_MARK, &schedule.mark, sizeof(schedule.mark)) != 0) {
      return failed("setsockopt SO_MARK");
    }
  }
  if (schedule.local_only && !ipv6) {
    // On IPv6 the option does not keep a packet in; there the mark rule and the local routes guard.
    int lo = static_cast<int>(htonl(if_nametoindex("lo")));
    if (SystemError guard = set(fd, IPPROTO_IP, IP_UNICAST_IF, lo, "setsockopt IP_UNICAST_IF")) return guard;
  }
  return {};
}

SystemError bind_source(int fd, const Schedule& schedule, bool ipv6) {
  // Port 0: the kernel picks a random one.
  if (ipv6) {
    if (SystemError e = set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1, "setsockopt IPV6_V6ONLY")) return e;
    sockaddr_in6 source{};
    source.sin6_family = AF_INET6;
    source.sin6_addr = schedule.source6;
    return bind(fd, reinterpret_cast<sockaddr*>(&source), sizeof(source)) == 0 ? SystemError{} : failed("bind");
  }
  sockaddr_in source{};
  source.sin_family = AF_INET;
  source.sin_addr = schedule.source4;
  return bind(fd, reinterpret_cast<sockaddr*>(&source), sizeof(source)) == 0 ? SystemError{} : failed("bind");
}

}  // namespace

SystemError open_socket(const Schedule& schedule, bool ipv6, uint32_t slots, std::unique_ptr<Socket>* socket) {
  int fd = ::socket(ipv6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return failed("socket");
  *socket = std::make_unique<Socket>(fd, slots);
  if (SystemError e = configure(fd, schedule, ipv6)) return e;
  return bind_source(fd, schedule, ipv6);
}

bool same_peer(const sockaddr_storage& a, const sockaddr_storage& b) {
  if (a.ss_family != b.ss_family) return false;
  if (a.ss_family == AF_INET) {
    const auto &x = reinterpret_cast<const sockaddr_in&>(a), &y = reinterpret_cast<const sockaddr_in&>(b);
    return x.sin_port == y.sin_port && x.sin_addr.s_addr == y.sin_addr.s_addr;
  }
  const auto &x = reinterpret_cast<const sockaddr_in6&>(a), &y = reinterpret_cast<const sockaddr_in6&>(b);
  return x.sin6_port == y.sin6_port && std::memcmp(&x.sin6_addr, &y.sin6_addr, sizeof(x.sin6_addr)) == 0;
}

}  // namespace anyprobe
