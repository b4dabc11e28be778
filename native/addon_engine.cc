// The engine as JavaScript sees it: arguments in, numbers out, nothing else. Meaning was validated in TypeScript; here
// only what could harm memory is checked again.
#include <napi.h>

#include <bit>
#include <memory>
#include <system_error>

#include "addon.h"
#include "engine.h"

namespace anyprobe {
namespace {

// JsBell rings on the JavaScript thread through a thread-safe function that carries nothing.
class JsBell : public Bell {
 public:
  JsBell(Napi::Env env, Napi::Function on_ready) {
    function_ = Napi::ThreadSafeFunction::New(env, on_ready, "anyprobe bell", 1, 1);
  }
  void release() { function_.Abort(); }

 private:
  // A full queue (one call waits already) and a closing environment both mean: nothing to do.
  void wake() override { function_.NonBlockingCall(); }
  Napi::ThreadSafeFunction function_;
};

class EngineObject : public Napi::ObjectWrap<EngineObject> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "Engine",
                       {
                           InstanceMethod<&EngineObject::submit>("submit"),
                           InstanceMethod<&EngineObject::pace>("pace"),
                           InstanceMethod<&EngineObject::burst>("burst"),
                           InstanceMethod<&EngineObject::cancel>("cancel"),
                           InstanceMethod<&EngineObject::drain>("drain"),
                           InstanceMethod<&EngineObject::counters>("counters"),
                           InstanceMethod<&EngineObject::stop>("stop"),
                           InstanceMethod<&EngineObject::close>("close"),
                       });
  }

  explicit EngineObject(const Napi::CallbackInfo& info) : ObjectWrap(info) {
    Napi::Env env = info.Env();
    Napi::Object given = info[0].As<Napi::Object>();
    EngineOptions options;
    options.shards = given.Get("shards").As<Napi::Number>().Uint32Value();
    options.ring_rows = given.Get("ringRows").As<Napi::Number>().Uint32Value();
    options.answer_octets = given.Get("answerOctets").As<Napi::Number>().Uint32Value();
    options.patience_ns = given.Get("patienceNs").As<Napi::Number>().Int64Value();
    auto cpus = given.Get("cpus").As<Napi::Array>();
    for (uint32_t i = 0; i < cpus.Length(); ++i) {
      options.cpus.push_back(cpus.Get(i).As<Napi::Number>().Int32Value());
    }
    if (options.shards < 1 || options.shards > 255 || !std::has_single_bit(options.ring_rows) ||
        options.answer_octets > 4096) {
      throw Napi::RangeError::New(env, "engine options are out of range");
    }
    bell_ = std::make_unique<JsBell>(env, info[1].As<Napi::Function>());
    try {
      engine_ = std::make_unique<Engine>(options, *bell_);
    } catch (const std::system_error& error) {
      bell_->release();
      throw system_error(env, error.code().value(), error.what());
    }
    // Hooks run last first: this one, made after the bell, stops the threads before the bell's function goes.
    napi_add_env_cleanup_hook(env, at_exit, this);
  }

  ~EngineObject() override { finish(); }

 private:
  // The environment ends. The bell's function is released now: when this object's finalizer runs, it is gone.
  static void at_exit(void* self) { static_cast<EngineObject*>(self)->release(); }

  void finish() {
    if (!bell_) return;
    napi_remove_env_cleanup_hook(Env(), at_exit, this);
    release();
  }

  void release() {
    engine_.reset();
    bell_->release();
    bell_.reset();
  }

  Engine& engine(Napi::Env env) {
    if (!engine_) throw Napi::Error::New(env, "the engine is closed");
    return *engine_;
  }

  Napi::Value submit(const Napi::CallbackInfo& info) {
    Napi::Env env = info.Env();
    auto templates = array<Napi::Uint8Array>(info[0], napi_uint8_array);
    auto table = array<Napi::Uint8Array>(info[1], napi_uint8_array);
    auto given = info[2].As<Napi::Object>();
    Plan plan;
    Schedule& schedule = plan.schedule;
    schedule.rate_qps = given.Get("rateQps").As<Napi::Number>().DoubleValue();
    schedule.poisson = given.Get("poisson").As<Napi::Boolean>().Value();
    schedule.inflight = given.Get("inflight").As<Napi::Number>().Uint32Value();
    schedule.replay = given.Get("replay").As<Napi::Boolean>().Value();
    schedule.start_ns = given.Get("startNs").As<Napi::Number>().Int64Value();
    schedule.count = static_cast<uint64_t>(given.Get("count").As<Napi::Number>().Int64Value());
    schedule.timeout_ns = given.Get("timeoutNs").As<Napi::Number>().Int64Value();
    schedule.ports = given.Get("ports").As<Napi::Number>().Uint32Value();
    schedule.train = given.Get("train").As<Napi::Number>().Uint32Value();
    schedule.train_ns = given.Get("trainNs").As<Napi::Number>().Int64Value();
    schedule.transmit_stamps = given.Get("transmitStamps").As<Napi::Boolean>().Value();
    schedule.raw = given.Get("raw").As<Napi::Boolean>().Value();
    schedule.first_port = given.Get("firstPort").As<Napi::Number>().Uint32Value();
    schedule.mark = given.Get("mark").As<Napi::Number>().Uint32Value();
    schedule.local_only = given.Get("localOnly").As<Napi::Boolean>().Value();
    auto source4 = array<Napi::Uint8Array>(given.Get("source4"), napi_uint8_array);
    auto source6 = array<Napi::Uint8Array>(given.Get("source6"), napi_uint8_array);
    if (source4.ElementLength() != 4 || source6.ElementLength() != 16) {
      throw Napi::RangeError::New(env, "schedule: a source has the wrong length");
    }
    std::memcpy(&schedule.source4, source4.Data(), 4);
    std::memcpy(&schedule.source6, source6.Data(), 16);
    std::string fault =
        unpack(templates.Data(), templates.ElementLength(), table.Data(), table.ElementLength(), &plan);
    if (!fault.empty()) throw Napi::RangeError::New(env, fault);
    uint32_t run;
    if (SystemError e = engine(env).submit(plan, &run)) throw system_error(env, e.errnum, e.syscall);
    return Napi::Number::New(env, run);
  }

  void pace(const Napi::CallbackInfo& info) {
    engine(info.Env()).pace(uint32(info[0]), uint32(info[1]), int64(info[2]), int64(info[3]));
  }

  void burst(const Napi::CallbackInfo& info) {
    engine(info.Env()).burst(uint32(info[0]), uint32(info[1]), uint32(info[2]), int64(info[3]));
  }

  void cancel(const Napi::CallbackInfo& info) { engine(info.Env()).cancel(uint32(info[0])); }

  Napi::Value drain(const Napi::CallbackInfo& info) {
    auto block = array<Napi::Uint8Array>(info[0], napi_uint8_array);
    uint32_t rows = uint32(info[1]);
    size_t columns = kColumnOctets * rows;
    if (block.ElementLength() < columns) throw Napi::RangeError::New(info.Env(), "the block is too small");
    if (reinterpret_cast<uintptr_t>(block.Data()) % alignof(double) != 0) {
      throw Napi::RangeError::New(info.Env(), "the block is not aligned");
    }
    return Napi::Number::New(info.Env(),
                             engine(info.Env()).drain(block.Data(), rows, block.ElementLength() - columns));
  }

  void counters(const Napi::CallbackInfo& info) {
    auto into = array<Napi::Float64Array>(info[0], napi_float64_array);
    if (into.ElementLength() < kCounters) throw Napi::RangeError::New(info.Env(), "too few counters");
    for (size_t i = 0; i < kCounters; ++i) {
      into[i] = static_cast<double>(engine(info.Env()).count(static_cast<Counter>(i)));
    }
  }

  void stop(const Napi::CallbackInfo& info) { engine(info.Env()).stop(); }
  void close(const Napi::CallbackInfo&) { finish(); }

  // array gives a typed array that is one: As<>() takes the caller's word for it.
  template <typename Array>
  static Array array(const Napi::Value& value, napi_typedarray_type type) {
    if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != type) {
      throw Napi::TypeError::New(value.Env(), "expected another typed array");
    }
    return value.As<Array>();
  }
  static uint32_t uint32(const Napi::Value& value) { return value.As<Napi::Number>().Uint32Value(); }
  static int64_t int64(const Napi::Value& value) { return value.As<Napi::Number>().Int64Value(); }

  std::unique_ptr<JsBell> bell_;
  std::unique_ptr<Engine> engine_;
};

template <size_t N>
Napi::Array names(Napi::Env env, const char* const (&list)[N]) {
  Napi::Array array = Napi::Array::New(env, N);
  for (uint32_t i = 0; i < N; ++i) array[i] = Napi::String::New(env, list[i]);
  return array;
}

// layout tells TypeScript where everything lies, so that no offset is written down twice.
Napi::Object layout(Napi::Env env) {
  Napi::Object object = Napi::Object::New(env);
  Napi::Array columns = Napi::Array::New(env);
  for (uint32_t i = 0; i < std::size(kColumns); ++i) {
    Napi::Object column = Napi::Object::New(env);
    column["name"] = kColumns[i].name;
    column["type"] = kColumns[i].type;
    column["size"] = static_cast<double>(kColumns[i].size);
    columns[i] = column;
  }
  object["columns"] = columns;
  object["counters"] = names(env, kCounterNames);
  object["outcomes"] = names(env, kOutcomeNames);
  Napi::Object head = Napi::Object::New(env);
  head["size"] = static_cast<double>(sizeof(PackedTemplate));
  head["length"] = static_cast<double>(offsetof(PackedTemplate, length));
  head["idAt"] = static_cast<double>(offsetof(PackedTemplate, id_at));
  head["questionLength"] = static_cast<double>(offsetof(PackedTemplate, question_length));
  object["template"] = head;
  Napi::Object target = Napi::Object::New(env);
  target["size"] = static_cast<double>(sizeof(PackedTarget));
  target["startNs"] = static_cast<double>(offsetof(PackedTarget, start_ns));
  target["intervalNs"] = static_cast<double>(offsetof(PackedTarget, interval_ns));
  target["probe"] = static_cast<double>(offsetof(PackedTarget, probe));
  target["query"] = static_cast<double>(offsetof(PackedTarget, query));
  target["address"] = static_cast<double>(offsetof(PackedTarget, address));
  target["port"] = static_cast<double>(offsetof(PackedTarget, port));
  target["source"] = static_cast<double>(offsetof(PackedTarget, source));
  target["family"] = static_cast<double>(offsetof(PackedTarget, family));
  object["target"] = target;
  Napi::Object flags = Napi::Object::New(env);
  flags["kernelStamp"] = static_cast<double>(kKernelStamp);
  flags["cutShort"] = static_cast<double>(kCutShort);
  flags["noQuestion"] = static_cast<double>(kNoQuestion);
  flags["transmitStamp"] = static_cast<double>(kTransmitStamp);
  flags["truncated"] = static_cast<double>(kTruncated);
  object["flags"] = flags;
  return object;
}

}  // namespace

void init_engine(Napi::Env env, Napi::Object exports) {
  exports["layout"] = layout(env);
  exports["Engine"] = EngineObject::define(env);
}

}  // namespace anyprobe
