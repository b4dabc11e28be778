// The N-API boundary: addon*.cc are the only files that include napi.h. They read arguments, call, and make JS values of
// results; meaning is checked in TypeScript before. All runs on the thread of the environment that loaded it.
#include "addon.h"

#include <cstring>

#include "clock.h"
#include "credentials.h"
#include "notify.h"

namespace anyprobe {

Napi::Error system_error(Napi::Env env, int code, const std::string& call) {
  Napi::Error error = Napi::Error::New(env, call + ": " + std::strerror(code));
  error.Set("errno", Napi::Number::New(env, code));
  error.Set("syscall", Napi::String::New(env, call));
  return error;
}

namespace {

// notify(path, text) gives the errno or 0.
Napi::Value js_notify(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), notify(info[0].ToString(), info[1].ToString()));
}

// peerCredentials(fd) gives { pid, uid, gid } or undefined.
Napi::Value js_peer_credentials(const Napi::CallbackInfo& info) {
  const auto peer = peer_credentials(info[0].ToNumber().Int32Value());
  if (!peer) return info.Env().Undefined();
  Napi::Object object = Napi::Object::New(info.Env());
  object.Set("pid", peer->pid);
  object.Set("uid", peer->uid);
  object.Set("gid", peer->gid);
  return object;
}

Napi::Value js_boottime_ns(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(clock_ns(CLOCK_BOOTTIME)));
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  init_netlink(env, exports);
  init_engine(env, exports);
  init_answerer(env, exports);
  init_traffic(env, exports);
  exports.Set("notify", Napi::Function::New(env, js_notify, "notify"));
  exports.Set("peerCredentials", Napi::Function::New(env, js_peer_credentials, "peerCredentials"));
  exports.Set("boottimeNs", Napi::Function::New(env, js_boottime_ns, "boottimeNs"));
  return exports;
}

}  // namespace

NODE_API_MODULE(anyprobe, init)

}  // namespace anyprobe
