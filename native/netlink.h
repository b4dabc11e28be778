// Addresses, links, local routes, the mark rule and UDP sockets of this network namespace, over raw rtnetlink and
// sock_diag sockets; nothing is forked and nothing is decided here. Not thread-safe: one Channel per thread.
#pragma once

#include <linux/netlink.h>

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "netlink_message.h"
#include "system_error.h"

namespace anyprobe {

// IpAddress is an IPv4 or IPv6 address in network byte order; family is AF_INET or AF_INET6.
struct IpAddress {
  uint8_t family = 0;
  std::array<uint8_t, 16> bytes{};

  size_t length() const;
  uint8_t host_bits() const { return static_cast<uint8_t>(length() * 8); }
  std::string text() const;
  bool operator==(const IpAddress&) const = default;

  // False where the text is no address.
  static bool parse(const std::string& text, IpAddress& into);
  // Takes at most length() bytes from `data`; fewer leave the rest zero.
  static IpAddress from(uint8_t family, const void* data, size_t size);
};

constexpr uint32_t kForever = 0xffffffff;

struct Address {
  std::string device;
  int ifindex = 0;
  IpAddress address;
  // The other end of a point-to-point address; equal to `address` otherwise.
  IpAddress peer;
  uint8_t prefix_length = 0;
  uint8_t scope = 0;
  uint8_t proto = 0;   // IFA_PROTO, 0 where the kernel tells none
  uint32_t flags = 0;  // IFA_F_*
  uint32_t valid_s = kForever;
  uint32_t preferred_s = kForever;
  std::string label;  // IPv4 only
};

struct Link {
  int ifindex = 0;
  std::string name;
  std::string kind;  // `dummy`, `veth`, …; empty: lo, and devices of hardware
  bool up = false;
  bool loopback = false;
};

// LocalRoute is an RTN_LOCAL route of table local: an address of this host, 127/8, or an anchor.
struct LocalRoute {
  IpAddress address;
  uint8_t prefix_length = 0;
  uint8_t protocol = 0;
  uint32_t metric = 0;
  int ifindex = 0;
};

struct MarkRule {
  uint8_t family = 0;
  uint32_t mark = 0;
};

struct UdpSocket {
  IpAddress address;  // all zero: bound to the wildcard
  uint16_t port = 0;
  bool connected = false;
  bool v6_only = false;
};

// Channel is one request socket. Its port id stands in the kernel's events as the author of what was asked through it.
class Channel {
 public:
  explicit Channel(int protocol) : protocol_(protocol) {}
  ~Channel();
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  // Opens the socket once; every call below does so by itself.
  SystemError open();
  uint32_t port_id() const { return port_id_; }

  // Sends all requests of the batch (each with NLM_F_ACK, at most kMaxBatch) at once; `codes` gets one errno or 0 for
  // each, in order. Its own error is that of the socket: nothing is known then.
  SystemError request(Requests& batch, std::vector<int>& codes);
  // Sends one dump request and hands over each message of the answer. `restart` is called before each attempt: a dump
  // that the kernel marks as interrupted by a change is read again.
  SystemError dump(Requests& batch, const std::function<void()>& restart, const std::function<void(const nlmsghdr&)>& each);

  // An acknowledgement takes under 1 KiB of the 208 KiB default receive buffer.
  static constexpr size_t kMaxBatch = 64;

 private:
  SystemError send(Requests& batch);
  SystemError receive(size_t& length);
  SystemError read_dump(bool& interrupted, const std::function<void(const nlmsghdr&)>& each);

  int protocol_;
  int fd_ = -1;
  uint32_t port_id_ = 0;
  uint32_t sequence_ = 0;
  uint32_t first_sequence_ = 0;
  std::vector<uint8_t> buffer_;
};

enum class AddressChange { kAdd, kReplace, kDelete };

SystemError list_links(Channel& route, std::vector<Link>& out);
SystemError list_addresses(Channel& route, std::vector<Address>& out);
SystemError list_local_routes(Channel& route, std::vector<LocalRoute>& out);
// Lists the rules with preference 1 that make marked packets unreachable.
SystemError list_mark_rules(Channel& route, std::vector<MarkRule>& out);
// Lists the UDP sockets bound to `port` (1-65535); `diag` is a NETLINK_SOCK_DIAG channel.
SystemError list_udp_sockets(Channel& diag, uint16_t port, std::vector<UdpSocket>& out);

// Adds, replaces or deletes addresses by consecutive messages; `codes` gets an errno or 0 for each. Deleting takes host
// addresses (/32, /128) only: EINVAL for others, since a subnet's primary address takes its secondaries along.
SystemError change_addresses(Channel& route, AddressChange change, const std::vector<Address>& addresses,
                       std::vector<int>& codes);
// There is no function that sets a link down, on purpose.
SystemError set_link_up(Channel& route, const std::string& device);
// Adds or deletes `local ADDRESS dev lo table local metric 1024`; already so is success.
SystemError change_anchor(Channel& route, bool add, const IpAddress& address);
// Adds or deletes `pref 1 fwmark MARK unreachable` for one family; already so is success.
SystemError change_mark_rule(Channel& route, bool add, uint8_t family, uint32_t mark);

// Marks our anchors (rtm_protocol), so that nobody else's route is ever deleted as one:
// `ip route show table local proto 97`.
constexpr uint8_t kAnchorProtocol = 97;
constexpr uint32_t kAnchorMetric = 1024;
constexpr uint32_t kMarkRulePreference = 1;

// Reads one route message; false where it is no local route.
bool parse_local_route(const nlmsghdr& header, LocalRoute& route);

}  // namespace anyprobe
