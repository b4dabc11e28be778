#include "socket.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/udp.h>
#include <sys/socket.h>
#include <time.h>
// After time.h, whose timespec it needs.
#include <linux/filter.h>
#include <linux/net_tstamp.h>
#include <linux/sock_diag.h>

#include <cerrno>
#include <cstring>

namespace anyprobe {
namespace {

SystemError failed(const char* syscall) { return {errno, syscall}; }

SystemError set(int fd, int level, int option, int value, const char* syscall) {
  return setsockopt(fd, level, option, &value, sizeof(value)) == 0 ? SystemError{} : failed(syscall);
}

SystemError queue_errors(int fd, bool ipv6) {
  return ipv6 ? set(fd, IPPROTO_IPV6, IPV6_RECVERR, 1, "setsockopt IPV6_RECVERR")
              : set(fd, IPPROTO_IP, IP_RECVERR, 1, "setsockopt IP_RECVERR");
}

SystemError configure(int fd, const Schedule& schedule, bool ipv6) {
  if (SystemError e = set(fd, SOL_SOCKET, SO_TIMESTAMPNS, 1, "setsockopt SO_TIMESTAMPNS")) return e;
  if (SystemError e = set(fd, SOL_SOCKET, SO_RXQ_OVFL, 1, "setsockopt SO_RXQ_OVFL")) return e;
  // A larger queue only helps: without CAP_NET_ADMIN the kernel caps it silently.
  constexpr int kQueueOctets = 4 << 20;
  if (set(fd, SOL_SOCKET, SO_RCVBUFFORCE, kQueueOctets, "")) set(fd, SOL_SOCKET, SO_RCVBUF, kQueueOctets, "");
  if (SystemError e = queue_errors(fd, ipv6)) return e;
  // A packet that may not be cut up needs no identification, and the kernel spends 0.3 us on finding one.
  if (schedule.whole && !ipv6) set(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE, "");  // see allow_fragments
  // Where the kernel has no UDP_GRO (Linux 5.0), answers come one by one.
  if (schedule.train > 1) set(fd, SOL_UDP, UDP_GRO, 1, "");
  return route_as(schedule, ipv6, fd);
}

// bind_to takes a port of a source; 0: the kernel picks a random one.
SystemError bind_to(Socket* socket, bool ipv6, const Address& source, uint16_t port) {
  if (ipv6) {
    if (SystemError e = set(socket->fd, IPPROTO_IPV6, IPV6_V6ONLY, 1, "setsockopt IPV6_V6ONLY")) return e;
  }
  Peer own = peer_at(ipv6, source, port);
  if (bind(socket->fd, &own.any, own.size()) != 0) return failed("bind");
  socklen_t size = sizeof(own);
  if (getsockname(socket->fd, &own.any, &size) != 0) return failed("getsockname");
  socket->source = source;
  socket->port = port_of(own);
  return {};
}

SystemError make_socket(bool ipv6, InFlight in_flight, std::unique_ptr<Socket>* socket) {
  int fd = ::socket(ipv6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return failed("socket");
  *socket = std::make_unique<Socket>(fd, std::move(in_flight));
  return {};
}

constexpr int kTransmitStamps = SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_OPT_TSONLY;

SystemError stamp_transmits(int fd) {
  return set(fd, SOL_SOCKET, SO_TIMESTAMPING, kTransmitStamps | SOF_TIMESTAMPING_OPT_ID, "setsockopt SO_TIMESTAMPING");
}

}  // namespace

SystemError open_socket(const Schedule& schedule, bool ipv6, const Address& source, InFlight in_flight,
                        std::unique_ptr<Socket>* socket) {
  if (SystemError e = make_socket(ipv6, std::move(in_flight), socket)) return e;
  int fd = (*socket)->fd;
  if (SystemError e = configure(fd, schedule, ipv6)) return e;
  if (schedule.transmit_stamps) {
    if (SystemError e = stamp_transmits(fd)) return e;
    (*socket)->transmitted.keep();
  }
  return bind_to(socket->get(), ipv6, source, 0);
}

SystemError reserve_port(bool ipv6, const Address& source, uint16_t port, InFlight in_flight,
                         std::unique_ptr<Socket>* socket) {
  if (SystemError e = make_socket(ipv6, std::move(in_flight), socket)) return e;
  int fd = (*socket)->fd;
  sock_filter drop_all = BPF_STMT(BPF_RET | BPF_K, 0);
  sock_fprog filter{1, &drop_all};
  if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) != 0) {
    return failed("setsockopt SO_ATTACH_FILTER");
  }
  if (SystemError e = queue_errors(fd, ipv6)) return e;
  return bind_to(socket->get(), ipv6, source, port);
}

SystemError route_as(const Schedule& schedule, bool ipv6, int fd) {
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

uint32_t dropped_of(const Socket& socket) {
  uint32_t memory[SK_MEMINFO_VARS] = {};
  socklen_t size = sizeof(memory);
  if (getsockopt(socket.fd, SOL_SOCKET, SO_MEMINFO, memory, &size) != 0) return socket.dropped;
  return memory[SK_MEMINFO_DROPS];
}

bool allow_fragments(const Socket& socket) {
  int now = IP_PMTUDISC_WANT;
  socklen_t size = sizeof(now);
  if (getsockopt(socket.fd, IPPROTO_IP, IP_MTU_DISCOVER, &now, &size) != 0 || now != IP_PMTUDISC_PROBE) return false;
  return !set(socket.fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_WANT, "");
}

void restart_transmit_keys(Socket& socket) {
  set(socket.fd, SOL_SOCKET, SO_TIMESTAMPING, kTransmitStamps, "");
  stamp_transmits(socket.fd);
  socket.transmitted.clear();
}

}  // namespace anyprobe
