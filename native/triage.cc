// The rule of a tick on raw memory: src/core/triage.ts word for word, and what it says at its head holds here. A differential test drives both through
// the same random cells (test/core/native-timer.test.ts).
//
// Loads are relaxed where JavaScript's are plain, and sequentially consistent where they are atomic there, so that W1 (worker-control.ts) holds for this
// reader, too: on x86-64 and arm64 that costs a load nothing, or next to it.

#include "triage.h"

#include <limits>
#include <utility>

#include "layout.h"

namespace luge {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
/** Keys from here on are too large for a heap, and all equal. */
constexpr double kUnbounded = 9223372036854775808.0;

int32_t Load(const unsigned char* at) {
  return __atomic_load_n(reinterpret_cast<const int32_t*>(at), __ATOMIC_SEQ_CST);
}

int32_t LoadPlain(const unsigned char* at) {
  return __atomic_load_n(reinterpret_cast<const int32_t*>(at), __ATOMIC_RELAXED);
}

int64_t LoadLong(const unsigned char* at) {
  return __atomic_load_n(reinterpret_cast<const int64_t*>(at), __ATOMIC_SEQ_CST);
}

double LoadDouble(const unsigned char* at) {
  const int64_t bits = LoadLong(at);
  double value;
  static_assert(sizeof(value) == sizeof(bits), "a double has 64 bits");
  __builtin_memcpy(&value, &bits, sizeof(value));
  return value;
}

void StoreDouble(unsigned char* at, double value) {
  int64_t bits;
  __builtin_memcpy(&bits, &value, sizeof(bits));
  __atomic_store_n(reinterpret_cast<int64_t*>(at), bits, __ATOMIC_SEQ_CST);
}

/** Only the ticker writes its counters, so that no locked instruction is needed. They wrap as JavaScript's do. */
void Count(unsigned char* at) {
  const uint32_t next = static_cast<uint32_t>(LoadPlain(at)) + 1;
  __atomic_store_n(reinterpret_cast<uint32_t*>(at), next, __ATOMIC_RELAXED);
}

double Bounded(double key) { return key < kUnbounded ? key : kInfinity; }

double Lesser(double a, double b) { return b < a ? b : a; }

}  // namespace

Triage::Triage(TriagePlan plan) : plan_(std::move(plan)), seen_(plan_.workers.count, 0) {}

void Triage::Began(double due_ns, double now_ns) {
  StoreDouble(plan_.arena + plan_.beat_address + ticker::kDueNs, due_ns);
  StoreDouble(plan_.arena + plan_.beat_address + ticker::kAtNs, now_ns);
}

bool Triage::Tick(double now_ns) {
  bool is_busy = false;
  // Asked for once a tick, and only when somebody has run for a quantum.
  int queued = -1;
  double least_key = kInfinity;
  bool has_least_key = false;
  Count(plan_.arena + plan_.beat_address + ticker::kTicks);
  for (size_t w = 0; w < plan_.workers.count; w++) {
    const unsigned char* worker = plan_.arena + plan_.workers.address + w * plan_.workers.stride_bytes;
    const int32_t epoch = Load(worker + control::kEpoch);
    const bool is_old = epoch == seen_[w];
    seen_[w] = epoch;
    if ((epoch & 1) == 0) continue;
    is_busy = true;
    bool is_due = MustLeave(worker, now_ns);
    if (!is_due && is_old && plan_.mode != TriageMode::kOff) {
      if (queued < 0) queued = IsQueued() ? 1 : 0;
      is_due = queued == 1 || now_ns >= LoadDouble(worker + control::kWakeAtNs) || IsAnswered(w);
      if (!is_due && plan_.mode == TriageMode::kWaiters) {
        is_due = Load(worker + control::kWaiters) > 0;
      }
      if (!is_due && plan_.mode == TriageMode::kKeys) {
        if (!has_least_key) least_key = LeastKey();
        has_least_key = true;
        const double own = Bounded(LoadDouble(worker + control::kWaitKey));
        is_due = Lesser(least_key, own) < LoadDouble(worker + control::kRunKey);
      }
    }
    if (is_due && Load(worker + control::kEpoch) == epoch) {
      __atomic_store_n(plan_.flags[w], 1, __ATOMIC_SEQ_CST);
      Count(plan_.arena + plan_.beat_address + ticker::kInterrupts);
    }
  }
  return is_busy;
}

bool Triage::MustLeave(const unsigned char* worker, double now_ns) const {
  return LoadPlain(worker + control::kMail) != 0 || LoadPlain(worker + control::kStir) != 0 ||
         now_ns >= LoadDouble(worker + control::kKillAtNs) ||
         IsCancelled(Load(worker + control::kSlot));
}

/** Null where there is no such slot: a number that was read while its cell was being reused. */
const unsigned char* Triage::SlotAt(int64_t slot) const {
  if (slot < 0 || static_cast<size_t>(slot) >= plan_.slots.count) return nullptr;
  return plan_.arena + plan_.slots.address + static_cast<size_t>(slot) * plan_.slots.stride_bytes;
}

/** It, or one that waits for it. Counted, as slots that are being reused might lead in a circle. */
bool Triage::IsCancelled(int64_t slot) const {
  const unsigned char* at = SlotAt(slot);
  if (at == nullptr) return false;
  for (int32_t left = LoadPlain(at + exchange::kDepth); left >= 0; left--) {
    if (Load(at + exchange::kCancel) != 0) return true;
    at = SlotAt(int64_t{LoadPlain(at + exchange::kCaller)} - 1);
    if (at == nullptr) return false;
  }
  return false;
}

bool Triage::IsQueued() const {
  for (size_t d = 0; d < plan_.deques.count; d++) {
    const unsigned char* deque = plan_.arena + plan_.deques.address + d * plan_.deques.stride_bytes;
    const uint32_t top = static_cast<uint32_t>(LoadLong(deque + deque::kTop));
    const uint32_t bottom = static_cast<uint32_t>(Load(deque + deque::kBottom));
    if (static_cast<int32_t>(bottom - top) > 0) return true;
  }
  return false;
}

bool Triage::IsAnswered(size_t worker) const {
  const unsigned char* ring =
      plan_.arena + plan_.completions.address + worker * plan_.completions.stride_bytes;
  return Load(ring + completion::kTail) != LoadPlain(ring + completion::kHead);
}

/** Of all heaps; infinity where nothing waits. */
double Triage::LeastKey() const {
  double least = kInfinity;
  for (const size_t address : plan_.heap_addresses) {
    // An empty heap has 2^63 - 1 there, which as a double is beyond the bound.
    least = Lesser(least, Bounded(static_cast<double>(LoadLong(plan_.arena + address + heap::kMin))));
  }
  return least;
}

}  // namespace luge
