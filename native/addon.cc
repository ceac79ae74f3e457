// What JavaScript sees of the addon: functions on a Uint8Array over a guest's whole memory. Node-API in C alone: its binary serves every
// Node from the version on that it was built for, and the few calls here would gain nothing from a wrapper.

#include <node_api.h>

#include "wiper.h"

namespace {

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
  return exports;
}
