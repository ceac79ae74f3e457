#ifndef LUGE_TIMER_OBJECT_H_
#define LUGE_TIMER_OBJECT_H_

#include <node_api.h>

namespace luge {

/** Adds the class QuantumTimer to what JavaScript sees. */
void ExportTimer(napi_env env, napi_value exports);

}  // namespace luge

#endif
