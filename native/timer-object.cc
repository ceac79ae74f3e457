// QuantumTimer as JavaScript sees it (src/sandbox/addon.ts has its types): checks what it is given, and keeps the memories alive that the thread reads.
//
//   new -> idle --start()--> running --stop()--> closed       tickOnce and advance: while idle, for tests; stop() closes an idle one, too
//
// The thread ends, at the latest, before the memories can go: in stop(), when the object is collected, or in the hook that an environment calls
// before it is torn down (the end of the process's event loop, a worker thread's end, also by terminate). process.exit and an uncaught error in the main
// thread run no hooks, but unmap nothing either: the thread goes with the process.

#include "timer-object.h"

#include <cmath>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "layout.h"
#include "timer.h"

namespace luge {
namespace {

/** So that no object of another addon is taken for one of ours. */
constexpr napi_type_tag kTag = {0x6c7567652d71746d, 0x72a1c0de5e9b0001};
/** Of an address or a count; sums and products of three of them stay far below 2^64. */
constexpr double kNumberMax = 1ull << 40;
constexpr uint32_t kWorkersMax = 1024;
constexpr uint32_t kHeapsMax = 65536;
constexpr double kQuantumNsMin = 50e3;
constexpr double kQuantumNsMax = 1e9;

struct TimerObject {
  explicit TimerObject(TriagePlan plan, TickSchedule schedule)
      : timer(std::move(plan), schedule) {}

  napi_env env = nullptr;
  /** Views of the memories, held until the thread is gone. */
  std::vector<napi_ref> views;
  bool has_hook = false;
  bool is_closed = false;
  QuantumTimer timer;
};

void Throw(napi_env env, const char* code, const std::string& message) {
  napi_throw_error(env, code, ("QuantumTimer: " + message).c_str());
}

// ---- what it is given -----------------------------------------------------------------------------------------

/** Reads one object; behind the first thing that is wrong, an exception is pending and all answers are void. */
class Reader {
 public:
  Reader(napi_env env, napi_value object) : env_(env), object_(object) {}

  bool is_good() const { return is_good_; }

  void Fail(const std::string& message) {
    if (is_good_) Throw(env_, "ERR_INVALID_ARG_VALUE", message);
    is_good_ = false;
  }

  napi_value Get(const char* name) {
    napi_value value = nullptr;
    if (is_good_ && napi_get_named_property(env_, object_, name, &value) != napi_ok) {
      Fail(std::string(name) + " cannot be read");
    }
    return value;
  }

  double Number(const char* name, double min, double max) {
    return ToNumber(Get(name), name, min, max);
  }

  size_t Whole(const char* name, double max = kNumberMax) {
    return ToWhole(Get(name), name, max);
  }

  double ToNumber(napi_value value, const char* name, double min, double max) {
    double number = 0;
    if (!is_good_) return 0;
    if (napi_get_value_double(env_, value, &number) == napi_ok && number >= min && number <= max) {
      return number;
    }
    Fail(std::string(name) + " must be a number from " + std::to_string(min) + " to " +
         std::to_string(max));
    return 0;
  }

  size_t ToWhole(napi_value value, const char* name, double max) {
    const double number = ToNumber(value, name, 0, max);
    if (std::floor(number) != number) Fail(std::string(name) + " must be a whole number");
    return is_good_ ? static_cast<size_t>(number) : 0;
  }

  std::vector<napi_value> Array(const char* name, uint32_t most) {
    std::vector<napi_value> values;
    const napi_value array = Get(name);
    uint32_t length = 0;
    if (!is_good_) return values;
    if (napi_get_array_length(env_, array, &length) != napi_ok || length > most) {
      Fail(std::string(name) + " must be an array of at most " + std::to_string(most));
      return values;
    }
    values.resize(length);
    for (uint32_t i = 0; i < length; i++) {
      if (napi_get_element(env_, array, i, &values[i]) != napi_ok) {
        Fail(std::string(name) + " cannot be read");
      }
    }
    return values;
  }

  /** The bytes of a Uint8Array over a memory that cannot be detached or moved: a shared one. */
  unsigned char* ToBytes(napi_value value, const char* name, size_t* bytes) {
    napi_typedarray_type type;
    napi_value buffer;
    void* data = nullptr;
    bool is_plain = true;
    if (!is_good_) return nullptr;
    if (napi_get_typedarray_info(env_, value, &type, bytes, &data, &buffer, nullptr) == napi_ok &&
        type == napi_uint8_array && napi_is_arraybuffer(env_, buffer, &is_plain) == napi_ok &&
        !is_plain && data != nullptr) {
      return static_cast<unsigned char*>(data);
    }
    Fail(std::string(name) + " must be a Uint8Array over a shared memory");
    return nullptr;
  }

 private:
  napi_env env_;
  napi_value object_;
  bool is_good_ = true;
};

/** `bytes`: how much of each element is read or written. The elements lie in the arena, and atomics in them on their addresses. */
Series ReadSeries(Reader* reader, const char* name, size_t count, size_t bytes, size_t arena_bytes) {
  const std::string prefix = name;
  Series series;
  series.address = reader->Whole((prefix + "Address").c_str());
  series.stride_bytes = reader->Whole((prefix + "StrideBytes").c_str());
  series.count = count;
  if (!reader->is_good() || count == 0) return series;
  if (series.address % 8 != 0 || series.stride_bytes % 8 != 0 || series.stride_bytes < bytes) {
    reader->Fail(prefix + " must be aligned and not overlap");
  }
  const size_t end = series.address + (count - 1) * series.stride_bytes + bytes;
  if (end > arena_bytes) reader->Fail(prefix + " must lie in the arena");
  return series;
}

TriageMode ReadMode(napi_env env, Reader* reader) {
  char text[16] = "";
  const napi_value value = reader->Get("mode");
  if (!reader->is_good()) return TriageMode::kOff;
  if (napi_get_value_string_utf8(env, value, text, sizeof(text), nullptr) == napi_ok) {
    if (strcmp(text, "off") == 0) return TriageMode::kOff;
    if (strcmp(text, "waiters") == 0) return TriageMode::kWaiters;
    if (strcmp(text, "keys") == 0) return TriageMode::kKeys;
  }
  reader->Fail("mode must be 'off', 'waiters' or 'keys'");
  return TriageMode::kOff;
}

TriagePlan ReadPlan(napi_env env, Reader* reader, std::vector<napi_value>* views) {
  TriagePlan plan;
  size_t bytes = 0;
  views->push_back(reader->Get("arena"));
  plan.arena = reader->ToBytes(views->back(), "arena", &bytes);
  if (reader->is_good() && reinterpret_cast<uintptr_t>(plan.arena) % 8 != 0) {
    reader->Fail("arena must be aligned");
  }
  plan.mode = ReadMode(env, reader);
  for (const napi_value flag : reader->Array("flags", kWorkersMax)) {
    size_t flag_bytes = 0;
    unsigned char* at = reader->ToBytes(flag, "flags", &flag_bytes);
    if (flag_bytes < 4 || reinterpret_cast<uintptr_t>(at) % 4 != 0) {
      reader->Fail("flags must begin at aligned cells of 4 bytes");
    }
    plan.flags.push_back(reinterpret_cast<int32_t*>(at));
    views->push_back(flag);
  }
  const size_t workers = plan.flags.size();
  const size_t producers = reader->Whole("producers");
  plan.workers = ReadSeries(reader, "controls", workers, control::kBytes, bytes);
  plan.deques = ReadSeries(reader, "deques", producers, deque::kBytes, bytes);
  plan.completions = ReadSeries(reader, "completions", workers, completion::kBytes, bytes);
  plan.slots = ReadSeries(reader, "slots", reader->Whole("slots"), exchange::kBytes, bytes);
  plan.beat_address = reader->Whole("beatAddress");
  if (plan.beat_address % 8 != 0 || plan.beat_address + ticker::kBytes > bytes) {
    reader->Fail("beatAddress must be aligned, and in the arena");
  }
  for (const napi_value value : reader->Array("heapAddresses", kHeapsMax)) {
    const size_t address = reader->ToWhole(value, "heapAddresses", kNumberMax);
    if (address % 8 != 0 || address + heap::kBytes > bytes) {
      reader->Fail("heapAddresses must be aligned, and in the arena");
    }
    plan.heap_addresses.push_back(address);
  }
  return plan;
}

// ---- the object -------------------------------------------------------------------------------------------

void Close(TimerObject* object) {
  object->timer.Stop();
  for (const napi_ref view : object->views) napi_delete_reference(object->env, view);
  object->views.clear();
  object->is_closed = true;
}

/** The references go with the environment; the thread has to go before. */
void OnTeardown(void* data) {
  TimerObject* object = static_cast<TimerObject*>(data);
  object->has_hook = false;
  Close(object);
}

void OnCollected(napi_env env, void* data, void*) {
  TimerObject* object = static_cast<TimerObject*>(data);
  if (object->has_hook) napi_remove_env_cleanup_hook(env, OnTeardown, object);
  Close(object);
  delete object;
}

bool Hold(napi_env env, TimerObject* object, const std::vector<napi_value>& views) {
  for (const napi_value view : views) {
    napi_ref reference;
    if (napi_create_reference(env, view, 1, &reference) != napi_ok) return false;
    object->views.push_back(reference);
  }
  object->has_hook = napi_add_env_cleanup_hook(env, OnTeardown, object) == napi_ok;
  return object->has_hook;
}

napi_value Construct(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value options;
  napi_value self;
  napi_value target;
  if (napi_get_cb_info(env, info, &count, &options, &self, nullptr) != napi_ok) return nullptr;
  if (napi_get_new_target(env, info, &target) != napi_ok || target == nullptr) {
    Throw(env, "ERR_INVALID_THIS", "is called with new");
    return nullptr;
  }
  Reader reader(env, options);
  std::vector<napi_value> views;
  TriagePlan plan = ReadPlan(env, &reader, &views);
  const double quantum_ns = reader.Number("quantumNs", kQuantumNsMin, kQuantumNsMax);
  const double idle_ns_max = reader.Number("idleNsMax", 0, kQuantumNsMax);
  if (!reader.is_good()) return nullptr;
  TimerObject* object = new TimerObject(std::move(plan), TickSchedule(quantum_ns, idle_ns_max));
  object->env = env;
  if (napi_type_tag_object(env, self, &kTag) != napi_ok || !Hold(env, object, views) ||
      napi_wrap(env, self, object, OnCollected, nullptr, nullptr) != napi_ok) {
    OnCollected(env, object, nullptr);
    Throw(env, "ERR_TIMER", "could not be made");
    return nullptr;
  }
  return self;
}

/** What a method is called on, and its arguments; null with an exception pending. */
TimerObject* Unwrap(napi_env env, napi_callback_info info, size_t count, napi_value* arguments) {
  napi_value self;
  bool is_ours = false;
  void* data = nullptr;
  if (napi_get_cb_info(env, info, &count, arguments, &self, nullptr) == napi_ok &&
      napi_check_object_type_tag(env, self, &kTag, &is_ours) == napi_ok && is_ours &&
      napi_unwrap(env, self, &data) == napi_ok) {
    return static_cast<TimerObject*>(data);
  }
  Throw(env, "ERR_INVALID_THIS", "a method is called on something else");
  return nullptr;
}

/** As Unwrap, for what needs one that is neither running nor closed. */
TimerObject* UnwrapIdle(napi_env env, napi_callback_info info, size_t count, napi_value* arguments) {
  TimerObject* object = Unwrap(env, info, count, arguments);
  if (object == nullptr || (!object->is_closed && !object->timer.is_running())) return object;
  Throw(env, "ERR_TIMER_STATE", object->is_closed ? "is closed" : "is running");
  return nullptr;
}

napi_value StartTimer(napi_env env, napi_callback_info info) {
  TimerObject* object = UnwrapIdle(env, info, 0, nullptr);
  if (object == nullptr) return nullptr;
  const int error = object->timer.Start();
  if (error != 0) Throw(env, "ERR_TIMER_THREAD", std::string("no thread: ") + strerror(error));
  return nullptr;
}

napi_value StopTimer(napi_env env, napi_callback_info info) {
  TimerObject* object = Unwrap(env, info, 0, nullptr);
  if (object != nullptr) Close(object);
  return nullptr;
}

napi_value TickOnce(napi_env env, napi_callback_info info) {
  napi_value argument;
  double now_ns = 0;
  TimerObject* object = UnwrapIdle(env, info, 1, &argument);
  if (object == nullptr) return nullptr;
  if (napi_get_value_double(env, argument, &now_ns) != napi_ok) {
    Throw(env, "ERR_INVALID_ARG_TYPE", "a time is a number");
    return nullptr;
  }
  napi_value result;
  const bool is_busy = object->timer.triage.Tick(now_ns);
  return napi_get_boolean(env, is_busy, &result) == napi_ok ? result : nullptr;
}

napi_value Advance(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  double now_ns = 0;
  bool is_busy = false;
  TimerObject* object = UnwrapIdle(env, info, 2, arguments);
  if (object == nullptr) return nullptr;
  if (napi_get_value_double(env, arguments[0], &now_ns) != napi_ok ||
      napi_get_value_bool(env, arguments[1], &is_busy) != napi_ok) {
    Throw(env, "ERR_INVALID_ARG_TYPE", "a time is a number, and busy a boolean");
    return nullptr;
  }
  napi_value result;
  object->timer.schedule.Advance(now_ns, is_busy);
  return napi_create_double(env, object->timer.schedule.wake_ns(), &result) == napi_ok ? result
                                                                                       : nullptr;
}

}  // namespace

void ExportTimer(napi_env env, napi_value exports) {
  const napi_property_descriptor methods[] = {
      {"start", nullptr, StartTimer, nullptr, nullptr, nullptr, napi_default_method, nullptr},
      {"stop", nullptr, StopTimer, nullptr, nullptr, nullptr, napi_default_method, nullptr},
      {"tickOnce", nullptr, TickOnce, nullptr, nullptr, nullptr, napi_default_method, nullptr},
      {"advance", nullptr, Advance, nullptr, nullptr, nullptr, napi_default_method, nullptr},
  };
  napi_value constructor;
  if (napi_define_class(env, "QuantumTimer", NAPI_AUTO_LENGTH, Construct, nullptr,
                        sizeof(methods) / sizeof(*methods), methods, &constructor) == napi_ok) {
    napi_set_named_property(env, exports, "QuantumTimer", constructor);
  }
}

}  // namespace luge
