// Netlink as JavaScript sees it: lists as arrays of objects (they are rare and short), changes with the kernel's errno, and
// a watch that rings when events wait.
#include <napi.h>
#include <uv.h>

#include <limits>
#include <memory>
#include <optional>
#include <utility>

#include "addon.h"
#include "netlink.h"
#include "netlink_watch.h"

namespace anyprobe {
namespace {

void check(Napi::Env env, const SystemError& error) {
  if (error) throw system_error(env, error.errnum, error.syscall);
}

// One per environment (main thread or worker), as channels are not thread-safe. Opened at first use.
struct NetlinkData {
  Channel route{NETLINK_ROUTE};
  Channel diag{NETLINK_SOCK_DIAG};
};

NetlinkData& netlink_data(const Napi::CallbackInfo& info) { return *static_cast<NetlinkData*>(info.Data()); }

int family_number(const IpAddress& address) { return address.family == AF_INET ? 4 : 6; }

Napi::Value seconds(Napi::Env env, uint32_t value) {
  return Napi::Number::New(env, value == kForever ? std::numeric_limits<double>::infinity() : value);
}

IpAddress address_argument(Napi::Env env, const Napi::Value& value) {
  IpAddress address;
  if (!value.IsString() || !IpAddress::parse(value.As<Napi::String>(), address)) {
    throw Napi::TypeError::New(env, "expected an IPv4 or IPv6 address");
  }
  return address;
}

uint32_t number_field(const Napi::Object& object, const char* name, uint32_t otherwise) {
  const Napi::Value value = object.Get(name);
  if (!value.IsNumber()) return otherwise;
  const double number = value.As<Napi::Number>().DoubleValue();
  return number >= kForever ? kForever : static_cast<uint32_t>(number);
}

Address address_object(Napi::Env env, const Napi::Object& object) {
  Address address;
  address.device = object.Get("device").ToString();
  address.address = address_argument(env, object.Get("address"));
  const Napi::Value peer = object.Get("peer");
  address.peer = peer.IsString() ? address_argument(env, peer) : address.address;
  address.prefix_length = static_cast<uint8_t>(number_field(object, "prefixLength", 0));
  address.scope = static_cast<uint8_t>(number_field(object, "scope", 0));
  address.flags = number_field(object, "flags", 0);
  address.valid_s = number_field(object, "validS", kForever);
  address.preferred_s = number_field(object, "preferredS", kForever);
  address.proto = static_cast<uint8_t>(number_field(object, "proto", 0));
  const Napi::Value label = object.Get("label");
  if (label.IsString()) address.label = label.As<Napi::String>();
  return address;
}

// Makes an array of what `list` gives, one object an item, filled by `fill`.
template <typename Item, typename Fill>
Napi::Value array_of(Napi::Env env, const std::vector<Item>& items, Fill fill) {
  Napi::Array array = Napi::Array::New(env, items.size());
  for (size_t i = 0; i < items.size(); i++) {
    Napi::Object object = Napi::Object::New(env);
    fill(object, items[i]);
    array.Set(static_cast<uint32_t>(i), object);
  }
  return array;
}

Napi::Value js_list_addresses(const Napi::CallbackInfo& info) {
  std::vector<Address> addresses;
  check(info.Env(), list_addresses(netlink_data(info).route, addresses));
  return array_of(info.Env(), addresses, [&](Napi::Object& object, const Address& address) {
    object.Set("family", family_number(address.address));
    object.Set("device", address.device);
    object.Set("ifindex", address.ifindex);
    object.Set("address", address.address.text());
    if (address.peer != address.address) object.Set("peer", address.peer.text());
    object.Set("prefixLength", address.prefix_length);
    object.Set("scope", address.scope);
    object.Set("flags", address.flags);
    object.Set("validS", seconds(info.Env(), address.valid_s));
    object.Set("preferredS", seconds(info.Env(), address.preferred_s));
    object.Set("proto", address.proto);
    object.Set("label", address.label);
  });
}

Napi::Value js_list_links(const Napi::CallbackInfo& info) {
  std::vector<Link> links;
  check(info.Env(), list_links(netlink_data(info).route, links));
  return array_of(info.Env(), links, [](Napi::Object& object, const Link& link) {
    object.Set("ifindex", link.ifindex);
    object.Set("name", link.name);
    object.Set("kind", link.kind);
    object.Set("up", link.up);
    object.Set("loopback", link.loopback);
  });
}

Napi::Value js_list_local_routes(const Napi::CallbackInfo& info) {
  std::vector<LocalRoute> routes;
  check(info.Env(), list_local_routes(netlink_data(info).route, routes));
  return array_of(info.Env(), routes, [](Napi::Object& object, const LocalRoute& route) {
    object.Set("family", family_number(route.address));
    object.Set("address", route.address.text());
    object.Set("prefixLength", route.prefix_length);
    object.Set("metric", route.metric);
    object.Set("ifindex", route.ifindex);
    object.Set("anchor", route.protocol == kAnchorProtocol);
  });
}

Napi::Value js_list_mark_rules(const Napi::CallbackInfo& info) {
  std::vector<MarkRule> rules;
  check(info.Env(), list_mark_rules(netlink_data(info).route, rules));
  return array_of(info.Env(), rules, [](Napi::Object& object, const MarkRule& rule) {
    object.Set("family", rule.family == AF_INET ? 4 : 6);
    object.Set("mark", rule.mark);
  });
}

Napi::Value js_list_udp_sockets(const Napi::CallbackInfo& info) {
  std::vector<UdpSocket> sockets;
  const auto port = static_cast<uint16_t>(info[0].ToNumber().Uint32Value());
  check(info.Env(), list_udp_sockets(netlink_data(info).diag, port, sockets));
  return array_of(info.Env(), sockets, [](Napi::Object& object, const UdpSocket& socket) {
    object.Set("family", family_number(socket.address));
    object.Set("address", socket.address.text());
    object.Set("port", socket.port);
    object.Set("connected", socket.connected);
    object.Set("v6Only", socket.v6_only);
  });
}

// changeAddresses("add" | "replace" | "delete", [address]) gives an errno or 0 for each.
Napi::Value js_change_addresses(const Napi::CallbackInfo& info) {
  const std::string verb = info[0].ToString();
  const AddressChange change = verb == "add"       ? AddressChange::kAdd
                               : verb == "replace" ? AddressChange::kReplace
                                                   : AddressChange::kDelete;
  const Napi::Array array = info[1].As<Napi::Array>();
  std::vector<Address> addresses;
  for (uint32_t i = 0; i < array.Length(); i++) {
    addresses.push_back(address_object(info.Env(), array.Get(i).As<Napi::Object>()));
  }
  std::vector<int> codes;
  check(info.Env(), change_addresses(netlink_data(info).route, change, addresses, codes));
  Napi::Array result = Napi::Array::New(info.Env(), codes.size());
  for (uint32_t i = 0; i < codes.size(); i++) result.Set(i, codes[i]);
  return result;
}

void js_link_up(const Napi::CallbackInfo& info) {
  check(info.Env(), set_link_up(netlink_data(info).route, info[0].ToString()));
}

// changeAnchor(add, address)
void js_change_anchor(const Napi::CallbackInfo& info) {
  const IpAddress address = address_argument(info.Env(), info[1]);
  check(info.Env(), change_anchor(netlink_data(info).route, info[0].ToBoolean(), address));
}

// changeMarkRule(add, family, mark)
void js_change_mark_rule(const Napi::CallbackInfo& info) {
  const auto family = static_cast<uint8_t>(info[1].ToNumber().Int32Value() == 4 ? AF_INET : AF_INET6);
  const uint32_t mark = info[2].ToNumber().Uint32Value();
  check(info.Env(), change_mark_rule(netlink_data(info).route, info[0].ToBoolean(), family, mark));
}

Napi::Value js_port_id(const Napi::CallbackInfo& info) {
  Channel& route = netlink_data(info).route;
  check(info.Env(), route.open());
  return Napi::Number::New(info.Env(), route.port_id());
}

const char* event_kind(WatchEvent::Kind kind) {
  switch (kind) {
    case WatchEvent::Kind::kAddressAdded: return "address-added";
    case WatchEvent::Kind::kAddressRemoved: return "address-removed";
    case WatchEvent::Kind::kRouteAdded: return "route-added";
    case WatchEvent::Kind::kRouteRemoved: return "route-removed";
    case WatchEvent::Kind::kLink: return "link";
    case WatchEvent::Kind::kLinkRemoved: return "link-removed";
    case WatchEvent::Kind::kSocketDestroyed: return "socket-destroyed";
    case WatchEvent::Kind::kOverrun: return "overrun";
  }
  return "";
}

void fill_event(Napi::Object& object, const WatchEvent& event) {
  using Kind = WatchEvent::Kind;
  object.Set("kind", event_kind(event.kind));
  if (event.kind == Kind::kOverrun) return;
  if (event.kind == Kind::kLink || event.kind == Kind::kLinkRemoved) {
    object.Set("ifindex", event.ifindex);
    object.Set("name", event.name);
    object.Set("up", event.up);
    return;
  }
  object.Set("family", family_number(event.address));
  object.Set("address", event.address.text());
  if (event.kind == Kind::kSocketDestroyed) {
    object.Set("port", event.port);
    return;
  }
  object.Set("prefixLength", event.prefix_length);
  object.Set("ifindex", event.ifindex);
  if (event.kind == Kind::kRouteAdded || event.kind == Kind::kRouteRemoved) {
    object.Set("metric", event.metric);
  } else {
    object.Set("pid", event.pid);
    object.Set("flags", event.flags);
  }
}

// WatchHandle lives from open until libuv has closed both polls, which is later than the JS object may.
// It is freed in the last close callback and nowhere else.
struct WatchHandle {
  napi_env env;
  Watch watch;
  std::vector<WatchEvent> events;
  uv_poll_t polls[2];
  int open_polls = 0;
  bool closing = false;
  Napi::FunctionReference on_ready;
  std::optional<Napi::AsyncContext> context;
  napi_async_cleanup_hook_handle hook = nullptr;
};

void close_watch(WatchHandle* handle) {
  if (handle->closing) return;
  handle->closing = true;
  handle->on_ready.Reset();
  handle->context.reset();
  for (uv_poll_t& poll : handle->polls) {
    uv_poll_stop(&poll);
    uv_close(reinterpret_cast<uv_handle_t*>(&poll), [](uv_handle_t* closed) {
      auto* owner = static_cast<WatchHandle*>(closed->data);
      if (--owner->open_polls > 0) return;
      napi_remove_async_cleanup_hook(owner->hook);
      delete owner;
    });
  }
  // libuv wants a descriptor closed after its poll was stopped, never before.
  handle->watch.close();
}

// Rings onReady(), which drains by poll(). An exception thrown there is made uncaught: nobody above us could catch it.
void ring(uv_poll_t* poll, int failure, int) {
  auto* handle = static_cast<WatchHandle*>(poll->data);
  if (handle->closing) return;
  // libuv stops a poll whose socket has an error pending. Ours is ENOBUFS, which reading clears: go on.
  if (failure < 0) uv_poll_start(poll, UV_READABLE, ring);
  const Napi::Env env(handle->env);
  const Napi::HandleScope scope(env);
  const napi_value receiver = env.Global();
  const napi_status status =
      napi_make_callback(env, *handle->context, receiver, handle->on_ready.Value(), 0, nullptr, nullptr);
  if (status != napi_pending_exception) return;
  napi_value thrown = nullptr;
  // Fails in a worker that is being terminated, where no JS may run: then there is nobody to tell.
  if (napi_get_and_clear_last_exception(env, &thrown) == napi_ok) napi_fatal_exception(env, thrown);
}

// NetlinkWatch(onReady): poll() gives the queued events or undefined, watchPorts([port]), close().
class NetlinkWatch : public Napi::ObjectWrap<NetlinkWatch> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "NetlinkWatch",
                       {InstanceMethod<&NetlinkWatch::poll>("poll"),
                        InstanceMethod<&NetlinkWatch::watch_ports>("watchPorts"),
                        InstanceMethod<&NetlinkWatch::close>("close")});
  }

  explicit NetlinkWatch(const Napi::CallbackInfo& info) : Napi::ObjectWrap<NetlinkWatch>(info) {
    auto handle = std::make_unique<WatchHandle>();
    handle->env = info.Env();
    check(info.Env(), handle->watch.open());
    uv_loop_t* loop = nullptr;
    napi_get_uv_event_loop(info.Env(), &loop);
    handle->on_ready = Napi::Persistent(info[0].As<Napi::Function>());
    handle->context.emplace(info.Env(), "anyprobe.NetlinkWatch");
    const int fds[] = {handle->watch.route_fd(), handle->watch.socket_fd()};
    handle_ = handle.release();
    for (int i = 0; i < 2; i++) {
      // Cannot fail on a fresh non-blocking netlink socket but for lack of memory, which aborts anyway.
      uv_poll_init(loop, &handle_->polls[i], fds[i]);
      handle_->polls[i].data = handle_;
      handle_->open_polls++;
      uv_poll_start(&handle_->polls[i], UV_READABLE, ring);
    }
    // Asynchronous, since the environment must run its loop until libuv has let go of both polls.
    napi_add_async_cleanup_hook(
        info.Env(), [](napi_async_cleanup_hook_handle, void* data) { close_watch(static_cast<WatchHandle*>(data)); },
        handle_, &handle_->hook);
    Ref();
  }

 private:
  Napi::Value poll(const Napi::CallbackInfo& info) {
    if (!handle_ || handle_->closing) return info.Env().Undefined();
    const SystemError error = handle_->watch.read(handle_->events);
    if (!error && handle_->events.empty()) return info.Env().Undefined();
    const auto events = std::exchange(handle_->events, {});
    check(info.Env(), error);
    return array_of(info.Env(), events, fill_event);
  }

  void watch_ports(const Napi::CallbackInfo& info) {
    if (!handle_ || handle_->closing) return;
    const Napi::Array array = info[0].As<Napi::Array>();
    std::vector<uint16_t> ports;
    for (uint32_t i = 0; i < array.Length(); i++) {
      ports.push_back(static_cast<uint16_t>(array.Get(i).ToNumber().Uint32Value()));
    }
    check(info.Env(), handle_->watch.watch_ports(ports));
  }

  void close(const Napi::CallbackInfo&) {
    if (!handle_) return;
    close_watch(std::exchange(handle_, nullptr));
    Unref();
  }

  // Null after close(). The handle frees itself; an open one is kept alive by Ref() until the environment ends.
  WatchHandle* handle_ = nullptr;
};

}  // namespace

void init_netlink(Napi::Env env, Napi::Object exports) {
  auto* data = new NetlinkData;
  env.AddCleanupHook([](NetlinkData* netlink) { delete netlink; }, data);
  const auto add = [&](const char* name, auto callback) {
    exports.Set(name, Napi::Function::New(env, callback, name, data));
  };
  add("listAddresses", js_list_addresses);
  add("listLinks", js_list_links);
  add("listLocalRoutes", js_list_local_routes);
  add("listMarkRules", js_list_mark_rules);
  add("listUdpSockets", js_list_udp_sockets);
  add("changeAddresses", js_change_addresses);
  add("linkUp", js_link_up);
  add("changeAnchor", js_change_anchor);
  add("changeMarkRule", js_change_mark_rule);
  add("portId", js_port_id);
  exports.Set("NetlinkWatch", NetlinkWatch::define(env));
}

}  // namespace anyprobe
