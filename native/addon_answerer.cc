// The answerer as JavaScript sees it: `new Answerer(address, port, cpu)` listens and answers until close().
#include <napi.h>

#include <memory>
#include <system_error>

#include "addon.h"
#include "answerer.h"

namespace anyprobe {
namespace {

class AnswererObject : public Napi::ObjectWrap<AnswererObject> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "Answerer",
                       {
                           InstanceMethod<&AnswererObject::port>("port"),
                           InstanceMethod<&AnswererObject::queries>("queries"),
                           InstanceMethod<&AnswererObject::close>("close"),
                       });
  }

  explicit AnswererObject(const Napi::CallbackInfo& info) : ObjectWrap(info) {
    Napi::Env env = info.Env();
    const std::string text = info[0].ToString();
    const auto port = static_cast<uint16_t>(info[1].ToNumber().Uint32Value());
    Address address{};
    const bool ipv6 = inet_pton(AF_INET6, text.c_str(), &address) == 1;
    if (!ipv6 && inet_pton(AF_INET, text.c_str(), &address) != 1) {
      throw Napi::TypeError::New(env, "expected an IPv4 or IPv6 address");
    }
    const AnswererOptions options{peer_at(ipv6, address, port), info[2].ToNumber().Int32Value()};
    try {
      if (SystemError error = Answerer::start(options, &answerer_)) throw system_error(env, error.errnum, error.syscall);
    } catch (const std::system_error& error) {
      throw system_error(env, error.code().value(), "pthread_create");
    }
    napi_add_env_cleanup_hook(env, at_exit, this);
  }

  ~AnswererObject() override { finish(); }

 private:
  static void at_exit(void* self) { static_cast<AnswererObject*>(self)->answerer_.reset(); }

  void finish() {
    if (!answerer_) return;
    napi_remove_env_cleanup_hook(Env(), at_exit, this);
    answerer_.reset();
  }

  Answerer& answerer(Napi::Env env) {
    if (!answerer_) throw Napi::Error::New(env, "the answerer is closed");
    return *answerer_;
  }

  Napi::Value port(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), answerer(info.Env()).port());
  }

  Napi::Value queries(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), static_cast<double>(answerer(info.Env()).queries(0)));
  }

  void close(const Napi::CallbackInfo&) { finish(); }

  std::unique_ptr<Answerer> answerer_;
};

}  // namespace

void init_answerer(Napi::Env env, Napi::Object exports) { exports["Answerer"] = AnswererObject::define(env); }

}  // namespace anyprobe
