// The traffic meter as JavaScript sees it: `new TrafficMeter([address])` counts until close(); read() gives the totals in the
// order of the addresses.
#include <napi.h>

#include <memory>
#include <vector>

#include "addon.h"
#include "traffic.h"

namespace anyprobe {
namespace {

class TrafficMeterObject : public Napi::ObjectWrap<TrafficMeterObject> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "TrafficMeter",
                       {
                           InstanceMethod<&TrafficMeterObject::read>("read"),
                           InstanceMethod<&TrafficMeterObject::close>("close"),
                       });
  }

  explicit TrafficMeterObject(const Napi::CallbackInfo& info) : ObjectWrap(info) {
    const Napi::Array addresses = info[0].As<Napi::Array>();
    for (uint32_t i = 0; i < addresses.Length(); ++i) add(info.Env(), addresses.Get(i).ToString());
  }

 private:
  void add(Napi::Env env, const std::string& text) {
    Address address{};
    const bool ipv6 = inet_pton(AF_INET6, text.c_str(), &address) == 1;
    if (!ipv6 && inet_pton(AF_INET, text.c_str(), &address) != 1) {
      throw Napi::TypeError::New(env, "expected an IPv4 or IPv6 address");
    }
    std::unique_ptr<TrafficCounter> counter;
    if (SystemError e = TrafficCounter::open(ipv6, address, &counter)) throw system_error(env, e.errnum, e.syscall);
    counters_.push_back(std::move(counter));
  }

  Napi::Value read(const Napi::CallbackInfo& info) {
    Napi::Array totals = Napi::Array::New(info.Env(), counters_.size());
    for (uint32_t i = 0; i < counters_.size(); ++i) totals.Set(i, static_cast<double>(counters_[i]->total()));
    return totals;
  }

  void close(const Napi::CallbackInfo&) { counters_.clear(); }

  std::vector<std::unique_ptr<TrafficCounter>> counters_;
};

}  // namespace

void init_traffic(Napi::Env env, Napi::Object exports) { exports["TrafficMeter"] = TrafficMeterObject::define(env); }

}  // namespace anyprobe
