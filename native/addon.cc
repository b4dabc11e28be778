// The N-API boundary: addon*.cc are the only files that include napi.h. They read arguments, call, and make JS values of
// results; meaning is checked in TypeScript before. All runs on the thread of the environment that loaded it.
#include "addon.h"

#include <cstring>

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

Napi::Object init(Napi::Env env, Napi::Object exports) {
  init_netlink(env, exports);
  init_engine(env, exports);
  init_answerer(env, exports);
  exports.Set("notify", Napi::Function::New(env, js_notify, "notify"));
  return exports;
}

}  // namespace

NODE_API_MODULE(anyprobe, init)

}  // namespace anyprobe
