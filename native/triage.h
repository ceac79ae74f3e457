#ifndef LUGE_TRIAGE_H_
#define LUGE_TRIAGE_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace luge {

/** TriageMode of src/core/triage.ts. */
enum class TriageMode { kOff, kWaiters, kKeys };

/** Structures at equal distances, from a byte of the arena on. */
struct Series {
  size_t address = 0;
  size_t stride_bytes = 0;
  size_t count = 0;
};

/** What a tick looks at. All of it lies within memory that outlives the triage: the caller has checked that. */
struct TriagePlan {
  unsigned char* arena = nullptr;
  TriageMode mode = TriageMode::kOff;
  Series workers;
  Series deques;
  /** The workers' own, one each. */
  Series completions;
  Series slots;
  size_t beat_address = 0;
  std::vector<size_t> heap_addresses;
  /** The cell that the guests of a worker poll. */
  std::vector<int32_t*> flags;
};

/** The rule of a tick, as src/core/triage.ts has it; one thread at a time. */
class Triage {
 public:
  explicit Triage(TriagePlan plan);

  /** Looks at each worker once, and raises its flag if it must yield. Whether a guest ran anywhere. */
  bool Tick(double now_ns);

  /** For whoever measures: when the tick that begins now was due. */
  void Began(double due_ns, double now_ns);

 private:
  bool MustLeave(const unsigned char* worker, double now_ns) const;
  const unsigned char* SlotAt(int64_t slot) const;
  bool IsCancelled(int64_t slot) const;
  bool IsQueued() const;
  bool IsAnswered(size_t worker) const;
  double LeastKey() const;

  const TriagePlan plan_;
  /** EPOCH of each worker at the last tick. */
  std::vector<int32_t> seen_;
};

}  // namespace luge

#endif
