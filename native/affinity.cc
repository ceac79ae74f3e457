// Cores of the calling thread. The sets of the C library have room for 1024 cores, and a kernel that was built for more refuses a smaller set: so they
// are allocated, and grow until the kernel takes them.

#include "affinity.h"

#include <errno.h>
#include <sched.h>

namespace luge {
namespace {

constexpr unsigned kCoresFirst = 1024;
/** Above what Linux can be built for (8192). */
constexpr unsigned kCoresMax = 65536;

}  // namespace

std::vector<unsigned> ThreadCores() {
  std::vector<unsigned> cores;
  for (unsigned room = kCoresFirst; room <= kCoresMax; room *= 2) {
    cpu_set_t* set = CPU_ALLOC(room);
    if (set == nullptr) break;
    const size_t bytes = CPU_ALLOC_SIZE(room);
    const int result = sched_getaffinity(0, bytes, set);
    for (unsigned core = 0; result == 0 && core < room; core++) {
      if (CPU_ISSET_S(core, bytes, set)) cores.push_back(core);
    }
    const bool is_too_small = result != 0 && errno == EINVAL;
    CPU_FREE(set);
    if (!is_too_small) break;
  }
  return cores;
}

int PinThread(const std::vector<unsigned>& cores) {
  unsigned room = kCoresFirst;
  for (const unsigned core : cores) {
    if (core >= kCoresMax) return EINVAL;
    while (core >= room) room *= 2;
  }
  cpu_set_t* set = CPU_ALLOC(room);
  if (set == nullptr) return ENOMEM;
  const size_t bytes = CPU_ALLOC_SIZE(room);
  CPU_ZERO_S(bytes, set);
  for (const unsigned core : cores) CPU_SET_S(core, bytes, set);
  const int error = sched_setaffinity(0, bytes, set) == 0 ? 0 : errno;
  CPU_FREE(set);
  return error;
}

}  // namespace luge
