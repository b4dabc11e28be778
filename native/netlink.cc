// What is asked of the kernel and how its answers read. The socket itself is netlink_channel.cc.
#include "netlink.h"

#include <arpa/inet.h>
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/inet_diag.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <net/if.h>

#include <algorithm>
#include <cerrno>
#include <map>

namespace anyprobe {

size_t IpAddress::length() const { return family == AF_INET ? 4 : 16; }

std::string IpAddress::text() const {
  char out[INET6_ADDRSTRLEN] = "";
  inet_ntop(family, bytes.data(), out, sizeof out);
  return out;
}

bool IpAddress::parse(const std::string& text, IpAddress& into) {
  into = {};
  into.family = text.find(':') == std::string::npos ? AF_INET : AF_INET6;
  return inet_pton(into.family, text.c_str(), into.bytes.data()) == 1;
}

IpAddress IpAddress::from(uint8_t family, const void* data, size_t size) {
  IpAddress address;
  address.family = family;
  if (data) std::memcpy(address.bytes.data(), data, std::min(size, address.length()));
  return address;
}

SystemError list_links(Channel& route, std::vector<Link>& out) {
  Requests batch;
  batch.begin(RTM_GETLINK, NLM_F_DUMP, ifinfomsg{});
  batch.put_u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
  return route.dump(batch, [&] { out.clear(); }, [&](const nlmsghdr& header) {
    const auto* body = body_of<ifinfomsg>(header);
    if (header.nlmsg_type != RTM_NEWLINK || !body) return;
    const Attributes<IFLA_LINKINFO> attributes(header, sizeof *body);
    const Attributes<IFLA_INFO_KIND> info(attributes.data(IFLA_LINKINFO), attributes.length(IFLA_LINKINFO));
    Link link;
    link.ifindex = body->ifi_index;
    link.up = body->ifi_flags & IFF_UP;
    link.loopback = body->ifi_flags & IFF_LOOPBACK;
    link.name = attributes.text(IFLA_IFNAME);
    link.kind = info.text(IFLA_INFO_KIND);
    out.push_back(std::move(link));
  });
}

SystemError list_addresses(Channel& route, std::vector<Address>& out) {
  std::vector<Link> links;
  if (const SystemError error = list_links(route, links)) return error;
  std::map<int, std::string> names;
  for (const Link& link : links) names[link.ifindex] = link.name;

  Requests batch;
  batch.begin(RTM_GETADDR, NLM_F_DUMP, ifaddrmsg{});
  return route.dump(batch, [&] { out.clear(); }, [&](const nlmsghdr& header) {
    const auto* body = body_of<ifaddrmsg>(header);
    if (header.nlmsg_type != RTM_NEWADDR || !body) return;
    if (body->ifa_family != AF_INET && body->ifa_family != AF_INET6) return;
    const Attributes<IFA_PROTO> attributes(header, sizeof *body);
    // IFA_ADDRESS is the peer of a point-to-point address; without a peer IPv6 gives no IFA_LOCAL.
    const int local = attributes.data(IFA_LOCAL) ? IFA_LOCAL : IFA_ADDRESS;
    Address address;
    address.ifindex = static_cast<int>(body->ifa_index);
    address.device = names[address.ifindex];
    address.address = IpAddress::from(body->ifa_family, attributes.data(local), attributes.length(local));
    address.peer = IpAddress::from(body->ifa_family, attributes.data(IFA_ADDRESS), attributes.length(IFA_ADDRESS));
    address.prefix_length = body->ifa_prefixlen;
    address.scope = body->ifa_scope;
    address.flags = body->ifa_flags;
    attributes.read(IFA_FLAGS, address.flags);
    attributes.read(IFA_PROTO, address.proto);
    address.label = attributes.text(IFA_LABEL);
    ifa_cacheinfo cache{};
    if (attributes.read(IFA_CACHEINFO, cache)) {
      address.valid_s = cache.ifa_valid;
      address.preferred_s = cache.ifa_prefered;
    }
    out.push_back(std::move(address));
  });
}

bool parse_local_route(const nlmsghdr& header, LocalRoute& route) {
  const auto* body = body_of<rtmsg>(header);
  if (!body || body->rtm_type != RTN_LOCAL) return false;
  if (body->rtm_family != AF_INET && body->rtm_family != AF_INET6) return false;
  const Attributes<RTA_TABLE> attributes(header, sizeof *body);
  uint32_t table = body->rtm_table;
  attributes.read(RTA_TABLE, table);
  if (table != RT_TABLE_LOCAL) return false;
  route = {};
  route.address = IpAddress::from(body->rtm_family, attributes.data(RTA_DST), attributes.length(RTA_DST));
  route.prefix_length = body->rtm_dst_len;
  route.protocol = body->rtm_protocol;
  attributes.read(RTA_PRIORITY, route.metric);
  attributes.read(RTA_OIF, route.ifindex);
  return true;
}

SystemError list_local_routes(Channel& route, std::vector<LocalRoute>& out) {
  out.clear();
  for (const uint8_t family : {AF_INET, AF_INET6}) {
    std::vector<LocalRoute> routes;
    Requests batch;
    rtmsg body{};
    body.rtm_family = family;
    body.rtm_table = RT_TABLE_LOCAL;
    body.rtm_type = RTN_LOCAL;
    batch.begin(RTM_GETROUTE, NLM_F_DUMP, body);
    const SystemError error = route.dump(batch, [&] { routes.clear(); }, [&](const nlmsghdr& header) {
      LocalRoute local;
      if (header.nlmsg_type == RTM_NEWROUTE && parse_local_route(header, local)) routes.push_back(local);
    });
    if (error) return error;
    out.insert(out.end(), routes.begin(), routes.end());
  }
  return {};
}

SystemError list_mark_rules(Channel& route, std::vector<MarkRule>& out) {
  out.clear();
  for (const uint8_t family : {AF_INET, AF_INET6}) {
    std::vector<MarkRule> rules;
    Requests batch;
    fib_rule_hdr body{};
    body.family = family;
    batch.begin(RTM_GETRULE, NLM_F_DUMP, body);
    const SystemError error = route.dump(batch, [&] { rules.clear(); }, [&](const nlmsghdr& header) {
      const auto* rule = body_of<fib_rule_hdr>(header);
      if (header.nlmsg_type != RTM_NEWRULE || !rule || rule->action != FR_ACT_UNREACHABLE) return;
      const Attributes<FRA_FWMASK> attributes(header, sizeof *rule);
      uint32_t preference = 0;
      uint32_t mark = 0;
      attributes.read(FRA_PRIORITY, preference);
      if (preference == kMarkRulePreference && attributes.read(FRA_FWMARK, mark)) rules.push_back({family, mark});
    });
    if (error) return error;
    out.insert(out.end(), rules.begin(), rules.end());
  }
  return {};
}

SystemError list_udp_sockets(Channel& diag, uint16_t port, std::vector<UdpSocket>& out) {
  out.clear();
  for (const uint8_t family : {AF_INET, AF_INET6}) {
    std::vector<UdpSocket> sockets;
    Requests batch;
    inet_diag_req_v2 body{};
    body.sdiag_family = family;
    body.sdiag_protocol = IPPROTO_UDP;
    body.idiag_states = ~0u;
    body.id.idiag_sport = htons(port);
    batch.begin(SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, body);
    const SystemError error = diag.dump(batch, [&] { sockets.clear(); }, [&](const nlmsghdr& header) {
      const auto* found = body_of<inet_diag_msg>(header);
      if (header.nlmsg_type != SOCK_DIAG_BY_FAMILY || !found || found->id.idiag_sport != htons(port)) return;
      const Attributes<INET_DIAG_SKV6ONLY> attributes(header, sizeof *found);
      uint8_t v6_only = 0;
      attributes.read(INET_DIAG_SKV6ONLY, v6_only);
      sockets.push_back({IpAddress::from(family, found->id.idiag_src, sizeof found->id.idiag_src), port,
                         found->id.idiag_dport != 0, v6_only != 0});
    });
    if (error) return error;
    out.insert(out.end(), sockets.begin(), sockets.end());
  }
  return {};
}

namespace {

void begin_address(Requests& batch, AddressChange change, const Address& address, int ifindex) {
  ifaddrmsg body{};
  body.ifa_family = address.address.family;
  body.ifa_prefixlen = address.prefix_length;
  body.ifa_scope = address.scope;
  body.ifa_index = static_cast<uint32_t>(ifindex);
  if (change == AddressChange::kDelete) {
    batch.begin(RTM_DELADDR, NLM_F_ACK, body);
  } else {
    const int flags = NLM_F_CREATE | (change == AddressChange::kAdd ? NLM_F_EXCL : NLM_F_REPLACE);
    batch.begin(RTM_NEWADDR, static_cast<uint16_t>(NLM_F_ACK | flags), body);
  }
  // Both, so that the kernel compares the prefix length too (inet_rtm_deladdr does so only with IFA_ADDRESS).
  batch.put(IFA_LOCAL, address.address.bytes.data(), address.address.length());
  const IpAddress& peer = address.peer.family ? address.peer : address.address;
  batch.put(IFA_ADDRESS, peer.bytes.data(), peer.length());
  if (change == AddressChange::kDelete) return;

  ifa_cacheinfo cache{};
  cache.ifa_valid = address.valid_s;
  cache.ifa_prefered = std::min(address.preferred_s, address.valid_s);
  batch.put(IFA_CACHEINFO, &cache, sizeof cache);
  batch.put_u32(IFA_FLAGS, address.flags);
  if (!address.label.empty()) batch.put(IFA_LABEL, address.label.c_str(), address.label.size() + 1);
  if (address.proto) batch.put_u8(IFA_PROTO, address.proto);
}

// Sends one request; `harmless` is the errno that says that it is so already.
SystemError request_one(Channel& route, Requests& batch, const char* call, int harmless) {
  std::vector<int> codes;
  if (const SystemError error = route.request(batch, codes)) return error;
  return codes[0] && codes[0] != harmless ? SystemError{codes[0], call} : SystemError{};
}

}  // namespace

SystemError change_addresses(Channel& route, AddressChange change, const std::vector<Address>& addresses,
                       std::vector<int>& codes) {
  codes.assign(addresses.size(), 0);
  for (size_t at = 0; at < addresses.size();) {
    Requests batch;
    std::vector<size_t> sent;
    for (; at < addresses.size() && batch.count() < Channel::kMaxBatch; at++) {
      const Address& address = addresses[at];
      const auto ifindex = static_cast<int>(if_nametoindex(address.device.c_str()));
      if (!ifindex) {
        codes[at] = ENODEV;
      } else if (address.prefix_length > address.address.host_bits() ||
                 (change == AddressChange::kDelete && address.prefix_length != address.address.host_bits())) {
        codes[at] = EINVAL;
      } else {
        begin_address(batch, change, address, ifindex);
        sent.push_back(at);
      }
    }
    std::vector<int> answers;
    if (const SystemError error = route.request(batch, answers)) return error;
    for (size_t i = 0; i < sent.size(); i++) codes[sent[i]] = answers[i];
  }
  return {};
}

SystemError set_link_up(Channel& route, const std::string& device) {
  ifinfomsg body{};
  body.ifi_index = static_cast<int>(if_nametoindex(device.c_str()));
  if (!body.ifi_index) return {ENODEV, "if_nametoindex"};
  body.ifi_flags = body.ifi_change = IFF_UP;
  Requests batch;
  batch.begin(RTM_NEWLINK, NLM_F_ACK, body);
  return request_one(route, batch, "sendmsg RTM_NEWLINK", 0);
}

SystemError change_anchor(Channel& route, bool add, const IpAddress& address) {
  rtmsg body{};
  body.rtm_family = address.family;
  body.rtm_dst_len = address.host_bits();
  body.rtm_table = RT_TABLE_LOCAL;
  body.rtm_protocol = kAnchorProtocol;
  body.rtm_scope = add ? RT_SCOPE_HOST : RT_SCOPE_NOWHERE;
  body.rtm_type = RTN_LOCAL;
  Requests batch;
  batch.begin(add ? RTM_NEWROUTE : RTM_DELROUTE, add ? NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL : NLM_F_ACK, body);
  batch.put(RTA_DST, address.bytes.data(), address.length());
  batch.put_u32(RTA_OIF, if_nametoindex("lo"));
  batch.put_u32(RTA_PRIORITY, kAnchorMetric);
  return add ? request_one(route, batch, "sendmsg RTM_NEWROUTE", EEXIST)
             : request_one(route, batch, "sendmsg RTM_DELROUTE", ESRCH);
}

SystemError change_mark_rule(Channel& route, bool add, uint8_t family, uint32_t mark) {
  fib_rule_hdr body{};
  body.family = family;
  body.action = FR_ACT_UNREACHABLE;
  Requests batch;
  batch.begin(add ? RTM_NEWRULE : RTM_DELRULE, add ? NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL : NLM_F_ACK, body);
  batch.put_u32(FRA_PRIORITY, kMarkRulePreference);
  batch.put_u32(FRA_FWMARK, mark);
  return add ? request_one(route, batch, "sendmsg RTM_NEWRULE", EEXIST)
             : request_one(route, batch, "sendmsg RTM_DELRULE", ENOENT);
}

}  // namespace anyprobe
