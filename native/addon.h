// What the addon's parts share. Only addon*.cc include this and napi.h: everything else is plain C++.
#pragma once

#include <napi.h>

#include <string>

namespace anyprobe {

// Makes the exception that src/engine turns into an EngineError: `errno` is a positive number, `syscall` the call.
Napi::Error system_error(Napi::Env env, int code, const std::string& call);

void init_netlink(Napi::Env env, Napi::Object exports);
void init_engine(Napi::Env env, Napi::Object exports);
void init_answerer(Napi::Env env, Napi::Object exports);
void init_traffic(Napi::Env env, Napi::Object exports);

}  // namespace anyprobe
