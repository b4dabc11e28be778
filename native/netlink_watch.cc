// The two multicast sockets, their filters, and how their messages read.
#include "netlink_watch.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_addr.h>
#include <linux/inet_diag.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>

namespace anyprobe {

namespace {

// A link message with all its attributes fits; the kernel never makes a larger one than this.
constexpr size_t kReceiveBytes = 32 * 1024;
// Room for some thousand events while the main loop stands still.
constexpr int kSocketBufferBytes = 4 << 20;
constexpr uint32_t kAccept = 0xffffffff;

constexpr uint32_t kTypeOffset = offsetof(nlmsghdr, nlmsg_type);
constexpr uint32_t kRouteTypeOffset = NLMSG_HDRLEN + offsetof(rtmsg, rtm_type);
constexpr uint32_t kPortOffset = NLMSG_HDRLEN + offsetof(inet_diag_msg, id.idiag_sport);

SystemError attach(int fd, std::vector<sock_filter>& program) {
  const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  const int failed = ::setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter);
  return failed ? SystemError{errno, "setsockopt SO_ATTACH_FILTER"} : SystemError{};
}

// Lets local routes through and every message that is no route. BPF loads in network order, netlink is in host order.
std::vector<sock_filter> route_filter() {
  return {
      BPF_STMT(BPF_LD | BPF_H | BPF_ABS, kTypeOffset),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(RTM_NEWROUTE), 1, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(RTM_DELROUTE), 0, 2),
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, kRouteTypeOffset),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, RTN_LOCAL, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, kAccept),
      BPF_STMT(BPF_RET | BPF_K, 0),
  };
}

std::vector<sock_filter> port_filter(const std::vector<uint16_t>& ports) {
  std::vector<sock_filter> program{BPF_STMT(BPF_LD | BPF_H | BPF_ABS, kPortOffset)};
  for (const uint16_t port : ports) {
    program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, port, 0, 1));
    program.push_back(BPF_STMT(BPF_RET | BPF_K, kAccept));
  }
  program.push_back(BPF_STMT(BPF_RET | BPF_K, 0));
  return program;
}

SystemError open_socket(int protocol, int& fd) {
  fd = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
  if (fd < 0) return {errno, "socket AF_NETLINK"};
  // A socket without a port id of its own is skipped by every multicast that the kernel itself causes.
  sockaddr_nl name{};
  name.nl_family = AF_NETLINK;
  if (::bind(fd, reinterpret_cast<sockaddr*>(&name), sizeof name)) return {errno, "bind AF_NETLINK"};
  // FORCE goes beyond net.core.rmem_max, with the privilege; without it a smaller buffer must do.
  if (::setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &kSocketBufferBytes, sizeof kSocketBufferBytes)) {
    ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &kSocketBufferBytes, sizeof kSocketBufferBytes);
  }
  return {};
}

SystemError set_membership(int fd, int option, std::initializer_list<int> groups) {
  for (const int group : groups) {
    if (::setsockopt(fd, SOL_NETLINK, option, &group, sizeof group)) {
      return {errno, option == NETLINK_ADD_MEMBERSHIP ? "setsockopt NETLINK_ADD_MEMBERSHIP"
                                                      : "setsockopt NETLINK_DROP_MEMBERSHIP"};
    }
  }
  return {};
}

bool parse_address(const nlmsghdr& header, WatchEvent& event) {
  const auto* body = body_of<ifaddrmsg>(header);
  if (!body || (body->ifa_family != AF_INET && body->ifa_family != AF_INET6)) return false;
  const Attributes<IFA_FLAGS> attributes(header, sizeof *body);
  const int local = attributes.data(IFA_LOCAL) ? IFA_LOCAL : IFA_ADDRESS;
  event.kind = header.nlmsg_type == RTM_NEWADDR ? WatchEvent::Kind::kAddressAdded : WatchEvent::Kind::kAddressRemoved;
  event.address = IpAddress::from(body->ifa_family, attributes.data(local), attributes.length(local));
  event.prefix_length = body->ifa_prefixlen;
  event.ifindex = static_cast<int>(body->ifa_index);
  event.flags = body->ifa_flags;
  attributes.read(IFA_FLAGS, event.flags);
  return true;
}

bool parse_route(const nlmsghdr& header, WatchEvent& event) {
  LocalRoute route;
  if (!parse_local_route(header, route)) return false;
  event.kind = header.nlmsg_type == RTM_NEWROUTE ? WatchEvent::Kind::kRouteAdded : WatchEvent::Kind::kRouteRemoved;
  event.address = route.address;
  event.prefix_length = route.prefix_length;
  event.ifindex = route.ifindex;
  event.metric = route.metric;
  return true;
}

bool parse_link(const nlmsghdr& header, WatchEvent& event) {
  const auto* body = body_of<ifinfomsg>(header);
  // Bridges send messages of their own family about a port; those are no links coming or going.
  if (!body || body->ifi_family != AF_UNSPEC) return false;
  const Attributes<IFLA_IFNAME> attributes(header, sizeof *body);
  event.kind = header.nlmsg_type == RTM_NEWLINK ? WatchEvent::Kind::kLink : WatchEvent::Kind::kLinkRemoved;
  event.ifindex = body->ifi_index;
  event.up = header.nlmsg_type == RTM_NEWLINK && (body->ifi_flags & IFF_UP);
  event.name = attributes.text(IFLA_IFNAME);
  return true;
}

bool parse_socket(const nlmsghdr& header, WatchEvent& event) {
  const auto* body = body_of<inet_diag_msg>(header);
  if (header.nlmsg_type != SOCK_DIAG_BY_FAMILY || !body) return false;
  event.kind = WatchEvent::Kind::kSocketDestroyed;
  event.address = IpAddress::from(body->idiag_family, body->id.idiag_src, sizeof body->id.idiag_src);
  event.port = ntohs(body->id.idiag_sport);
  return true;
}

// Message types are per protocol: RTM_NEWADDR and SOCK_DIAG_BY_FAMILY are both 20.
bool parse_routing(const nlmsghdr& header, WatchEvent& event) {
  switch (header.nlmsg_type) {
    case RTM_NEWADDR:
    case RTM_DELADDR:
      return parse_address(header, event);
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
      return parse_route(header, event);
    case RTM_NEWLINK:
    case RTM_DELLINK:
      return parse_link(header, event);
    default:
      return false;
  }
}

}  // namespace

SystemError Watch::open() {
  buffer_.resize(kReceiveBytes);
  if (const SystemError error = open_socket(NETLINK_ROUTE, route_fd_)) return error;
  auto filter = route_filter();
  if (const SystemError error = attach(route_fd_, filter)) return error;
  if (const SystemError error = set_membership(route_fd_, NETLINK_ADD_MEMBERSHIP,
                                         {RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE,
                                          RTNLGRP_IPV6_ROUTE})) {
    return error;
  }
  return open_socket(NETLINK_SOCK_DIAG, socket_fd_);
}

SystemError Watch::watch_ports(const std::vector<uint16_t>& ports) {
  auto filter = port_filter(ports);
  if (const SystemError error = attach(socket_fd_, filter)) return error;
  const bool wanted = !ports.empty();
  if (wanted == watching_ports_) return {};
  const SystemError error = set_membership(socket_fd_, wanted ? NETLINK_ADD_MEMBERSHIP : NETLINK_DROP_MEMBERSHIP,
                                     {SKNLGRP_INET_UDP_DESTROY, SKNLGRP_INET6_UDP_DESTROY});
  if (!error) watching_ports_ = wanted;
  return error;
}

SystemError Watch::read(std::vector<WatchEvent>& events) {
  if (const SystemError error = read_socket(route_fd_, events)) return error;
  return watching_ports_ ? read_socket(socket_fd_, events) : SystemError{};
}

SystemError Watch::read_socket(int fd, std::vector<WatchEvent>& events) {
  for (;;) {
    sockaddr_nl from{};
    socklen_t from_length = sizeof from;
    auto* name = reinterpret_cast<sockaddr*>(&from);
    const ssize_t got = ::recvfrom(fd, buffer_.data(), buffer_.size(), MSG_DONTWAIT, name, &from_length);
    if (got < 0) {
      if (errno == EAGAIN) return {};
      if (errno == EINTR) continue;
      if (errno != ENOBUFS) return {errno, "recvmsg AF_NETLINK"};
      WatchEvent event{};
      event.kind = WatchEvent::Kind::kOverrun;
      events.push_back(std::move(event));
      continue;
    }
    if (from.nl_pid != 0) continue;  // Only the kernel is believed.
    const auto* header = reinterpret_cast<const nlmsghdr*>(buffer_.data());
    auto left = static_cast<int>(got);
    for (; NLMSG_OK(header, left); header = NLMSG_NEXT(header, left)) {
      WatchEvent event{};
      event.pid = header->nlmsg_pid;
      const bool known = fd == route_fd_ ? parse_routing(*header, event) : parse_socket(*header, event);
      if (known) events.push_back(std::move(event));
    }
  }
}

void Watch::close() {
  if (route_fd_ >= 0) ::close(route_fd_);
  if (socket_fd_ >= 0) ::close(socket_fd_);
  route_fd_ = socket_fd_ = -1;
  watching_ports_ = false;
}

}  // namespace anyprobe
