// The precise timer: a thread of the system that sleeps until each tick is due, and looks at the workers. No JavaScript, no allocation, no lock.
//
// It sleeps on a futex with an absolute time of CLOCK_MONOTONIC. clock_nanosleep has the same timer of the kernel behind it, and was measured to be as
// late (p50/p99 at 50 µs on a 2-core VM: 22.9/45.5 µs and 23.7/44.6), but the end of a runtime would have to wait for the end of its sleep, up to 1 s.
// The slack of the thread's timers is 1 ns instead of 50 µs: the kernel would wait that long for others to wake up with. The rest of the lateness is
// made up for by waking earlier (tick-schedule.ts): behind that a tick is due within 0.1 µs at the median, 40 at p99 (`npm run bench -- timer`).
//
// What a tick costs is what the kernel and the hypervisor take to set a timer and to wake a thread: on that VM 21 µs, at 50 µs 40 % of a core. So the
// pauses grow while no guest runs, as the JavaScript ticker's do, up to 4 ms: 0.5 % of a core then (1.6 % with the JavaScript one). A worker that wakes
// it when it begins to run a guest was rejected: idle it would cost nothing, but a wake takes 1.9 µs (p50, measured alone), which one request at a time
// would pay each time, beside the 8 µs that a request takes; and what begins within a pause waits at most 4 ms for its first tick, which only
// matters if another one comes meanwhile.
// Rejected, too: a short slice of the scheduler for this thread (sched_setattr): with 2 and 3 busy threads on 2 cores the lateness was the same in
// twelve runs (p99 21-36 µs, and now and then 4 ms, a tick of the kernel).
//
// Signals are blocked: they are the process's, whose other threads know what to do with them.

#include "timer.h"

#include <linux/futex.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

namespace luge {
namespace {

constexpr int64_t kNsPerSecond = 1000000000;
constexpr double kLeadStepNs = 500;
constexpr double kLeadNsMax = 200e3;
/** It needs a page or two; thread-local data of the process's libraries lies in it, too. */
constexpr size_t kStackBytes = 256 * 1024;

double MonotonicNs() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec * kNsPerSecond + time.tv_nsec);
}

/** Returns at the time, or when the word is no longer 0, or for no reason. */
void SleepUntil(int32_t* word, double wake_ns) {
  const int64_t wake = static_cast<int64_t>(wake_ns);
  timespec time;
  time.tv_sec = wake / kNsPerSecond;
  time.tv_nsec = wake % kNsPerSecond;
  syscall(SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, 0, &time, nullptr, FUTEX_BITSET_MATCH_ANY);
}

}  // namespace

void TickSchedule::Advance(double now_ns, bool is_busy) {
  if (is_busy) {
    pause_ns_ = quantum_ns_;
  } else if (pause_ns_ * 2 <= idle_ns_max_) {
    pause_ns_ *= 2;
  }
  const double lead_ns = lead_ns_ + (now_ns > due_ns_ ? kLeadStepNs : -kLeadStepNs);
  lead_ns_ = std::max(0.0, std::min({lead_ns, kLeadNsMax, quantum_ns_ * 0.75}));
  due_ns_ += pause_ns_;
  const double earliest = now_ns + quantum_ns_ / 2;
  if (due_ns_ < earliest) due_ns_ += std::ceil((earliest - due_ns_) / quantum_ns_) * quantum_ns_;
  wake_ns_ = std::max(due_ns_ - lead_ns_, now_ns + quantum_ns_ / 4);
}

int QuantumTimer::Start() {
  sigset_t all;
  sigset_t old;
  sigfillset(&all);
  pthread_attr_t attributes;
  int error = pthread_attr_init(&attributes);
  if (error != 0) return error;
  pthread_attr_setstacksize(&attributes, kStackBytes);
  // A new thread inherits the mask: blocked before it can run.
  pthread_sigmask(SIG_SETMASK, &all, &old);
  error = pthread_create(&thread_, &attributes, Enter, this);
  pthread_sigmask(SIG_SETMASK, &old, nullptr);
  pthread_attr_destroy(&attributes);
  is_running_ = error == 0;
  return error;
}

void QuantumTimer::Stop() {
  if (!is_running_) return;
  __atomic_store_n(&stop_, 1, __ATOMIC_SEQ_CST);
  syscall(SYS_futex, &stop_, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
  pthread_join(thread_, nullptr);
  is_running_ = false;
}

void* QuantumTimer::Enter(void* self) {
  pthread_setname_np(pthread_self(), "luge-ticker");
  prctl(PR_SET_TIMERSLACK, 1ul);
  static_cast<QuantumTimer*>(self)->Run();
  return nullptr;
}

void QuantumTimer::Run() {
  schedule.Begin(MonotonicNs());
  while (__atomic_load_n(&stop_, __ATOMIC_SEQ_CST) == 0) {
    const double now_ns = MonotonicNs();
    if (now_ns < schedule.wake_ns()) {
      SleepUntil(&stop_, schedule.wake_ns());
      continue;
    }
    triage.Began(schedule.due_ns(), now_ns);
    schedule.Advance(now_ns, triage.Tick(now_ns));
  }
}

}  // namespace luge
