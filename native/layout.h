// Where the cells lie that the triage reads and writes: byte offsets within a structure of the arena, by the file whose table of cells says
// what they mean and who writes them. test/tidy.test.ts holds that each offset is the one in that table. Where the structures themselves lie,
// and how far apart, JavaScript says at start.
#ifndef LUGE_LAYOUT_H_
#define LUGE_LAYOUT_H_

#include <cstddef>

namespace luge {

// src/core/worker-control.ts
namespace control {
constexpr size_t kEpoch = 0;
constexpr size_t kWaiters = 4;
constexpr size_t kSlot = 8;
constexpr size_t kKillAtNs = 16;
constexpr size_t kWakeAtNs = 24;
constexpr size_t kRunKey = 32;
constexpr size_t kWaitKey = 40;
constexpr size_t kMail = 128;
constexpr size_t kStir = 132;
constexpr size_t kBytes = 136;
}  // namespace control

// src/core/ticker-cells.ts
namespace ticker {
constexpr size_t kTicks = 4;
constexpr size_t kInterrupts = 8;
constexpr size_t kDueNs = 16;
constexpr size_t kAtNs = 24;
constexpr size_t kBytes = 32;
}  // namespace ticker

// src/sandbox/exchange.ts
namespace exchange {
constexpr size_t kCancel = 4;
constexpr size_t kDepth = 52;
constexpr size_t kCaller = 56;
constexpr size_t kBytes = 60;
}  // namespace exchange

// src/ring/deque.wat
namespace deque {
constexpr size_t kTop = 128;
constexpr size_t kBottom = 256;
constexpr size_t kBytes = 260;
}  // namespace deque

// src/ring/completion.wat
namespace completion {
constexpr size_t kTail = 128;
constexpr size_t kHead = 256;
constexpr size_t kBytes = 260;
}  // namespace completion

// src/ring/heap.wat
namespace heap {
constexpr size_t kMin = 256;
constexpr size_t kBytes = 264;
}  // namespace heap

}  // namespace luge

#endif
