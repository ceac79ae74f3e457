// What JavaScript sees of the addon: functions on a Uint8Array over a guest's whole memory, the cores of the calling thread, and the timer
// (timer-object.cc). Node-API in C alone: its binary serves every Node from the version on that it was built for, and the few calls here
// would gain nothing from a wrapper.

#include <node_api.h>

#include <cstring>
#include <vector>

#include "affinity.h"
#include "timer-object.h"
#include "wiper.h"

namespace {

/** NATIVE_VERSION of src/sandbox/addon.ts: an older build that was left behind is not used. */
constexpr uint32_t kVersion = 2;

struct Range {
  void* start = nullptr;
  size_t bytes = 0;
};

/** The bytes of the Uint8Array that is the first argument; throws a TypeError for anything else. */
bool ReadRange(napi_env env, napi_callback_info info, Range* range) {
  size_t count = 1;
  napi_value view;
  napi_typedarray_type type;
  if (napi_get_cb_info(env, info, &count, &view, nullptr, nullptr) == napi_ok && count == 1 &&
      napi_get_typedarray_info(env, view, &type, &range->bytes, &range->start, nullptr, nullptr) ==
          napi_ok &&
      type == napi_uint8_array) {
    return true;
  }
  napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", "a Uint8Array over a whole memory is wanted");
  return false;
}

napi_value Boolean(napi_env env, bool value) {
  napi_value result;
  return napi_get_boolean(env, value, &result) == napi_ok ? result : nullptr;
}

napi_value Prepare(napi_env env, napi_callback_info info) {
  Range range;
  if (!ReadRange(env, info, &range)) return nullptr;
  return Boolean(env, luge::PrepareMemory(range.start, range.bytes));
}

napi_value Wipe(napi_env env, napi_callback_info info) {
  Range range;
  if (!ReadRange(env, info, &range)) return nullptr;
  napi_value result;
  const double pages = static_cast<double>(luge::WipeMemory(range.start, range.bytes));
  return napi_create_double(env, pages, &result) == napi_ok ? result : nullptr;
}

napi_value Release(napi_env env, napi_callback_info info) {
  Range range;
  if (!ReadRange(env, info, &range)) return nullptr;
  return Boolean(env, luge::ReleaseMemory(range.start, range.bytes));
}

napi_value Cores(napi_env env, napi_callback_info) {
  const std::vector<unsigned> cores = luge::ThreadCores();
  napi_value result;
  if (napi_create_array_with_length(env, cores.size(), &result) != napi_ok) return nullptr;
  for (uint32_t i = 0; i < cores.size(); i++) {
    napi_value core;
    if (napi_create_uint32(env, cores[i], &core) != napi_ok ||
        napi_set_element(env, result, i, core) != napi_ok) {
      return nullptr;
    }
  }
  return result;
}

napi_value Pin(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value array;
  uint32_t length = 0;
  std::vector<unsigned> cores;
  if (napi_get_cb_info(env, info, &count, &array, nullptr, nullptr) == napi_ok && count == 1 &&
      napi_get_array_length(env, array, &length) == napi_ok) {
    for (uint32_t i = 0; i < length; i++) {
      napi_value element;
      double core = -1;
      if (napi_get_element(env, array, i, &element) != napi_ok ||
          napi_get_value_double(env, element, &core) != napi_ok || !(core >= 0 && core < 65536)) {
        cores.clear();
        break;
      }
      cores.push_back(static_cast<unsigned>(core));
    }
  }
  if (cores.empty()) {
    napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", "an array of numbers of cores is wanted");
    return nullptr;
  }
  const int error = luge::PinThread(cores);
  if (error != 0) napi_throw_error(env, "ERR_PIN", strerror(error));
  return nullptr;
}

void Export(napi_env env, napi_value exports, const char* name, napi_callback callback) {
  napi_value function;
  if (napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, nullptr, &function) == napi_ok) {
    napi_set_named_property(env, exports, name, function);
  }
}

}  // namespace

NAPI_MODULE_INIT() {
  Export(env, exports, "prepare", Prepare);
  Export(env, exports, "wipe", Wipe);
  Export(env, exports, "release", Release);
  Export(env, exports, "cores", Cores);
  Export(env, exports, "pin", Pin);
  luge::ExportTimer(env, exports);
  napi_value version;
  if (napi_create_uint32(env, kVersion, &version) == napi_ok) {
    napi_set_named_property(env, exports, "version", version);
  }
  return exports;
}
