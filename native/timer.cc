// The precise timer: a thread of the system that sleeps until each tick is due, and looks at the workers. No JavaScript, no allocation, no lock.
//
// It sleeps on a futex with an absolute time of CLOCK_MONOTONIC. clock_nanosleep has the same timer of the kernel behind it, and was measured to be as
// late (p50/p99 at 50 µs on a 2-core VM: 22.9/45.5 µs and 23.7/44.6), but the end of a runtime would have to wait for the end of its sleep, up to 1 s.
// The slack of the thread's timers is 1 ns instead of 50 µs: the kernel would wait that long for others to wake up with.
//
// What a tick costs is what the kernel and the hypervisor take to set a timer and to wake a thread: on that VM 14-21 µs, at 50 µs up to 40 % of a core. So the
// pauses grow while no guest runs, as the JavaScript ticker's do, up to 4 ms: 0.5 % of a core then. Woken by the worker that begins to run a guest it would
// cost nothing when idle, but each first request a system call of about 5 µs on the worker, where the whole of a request takes 8; and a guest that
// begins within a pause waits at most 4 ms for its first tick, which only matters if another one comes meanwhile.
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

#include <cmath>

namespace luge {
namespace {

constexpr int64_t kNsPerSecond = 1000000000;
/** It needs a page or two; thread-local data of the process's libraries lies in it, too. */
constexpr size_t kStackBytes = 256 * 1024;

double MonotonicNs() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec * kNsPerSecond + time.tv_nsec);
}

/** Returns at the time, or when the word is no longer 0, or for no reason. */
void SleepUntil(int32_t* word, double due_ns) {
  const int64_t due = static_cast<int64_t>(due_ns);
  timespec time;
  time.tv_sec = due / kNsPerSecond;
  time.tv_nsec = due % kNsPerSecond;
  syscall(SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, 0, &time, nullptr, FUTEX_BITSET_MATCH_ANY);
}

}  // namespace

void TickSchedule::Advance(double now_ns, bool is_busy) {
  if (is_busy) {
    pause_ns_ = quantum_ns_;
  } else if (pause_ns_ * 2 <= idle_ns_max_) {
    pause_ns_ *= 2;
  }
  due_ns_ += pause_ns_;
  const double earliest = now_ns + quantum_ns_ / 2;
  if (due_ns_ < earliest) due_ns_ += std::ceil((earliest - due_ns_) / quantum_ns_) * quantum_ns_;
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
    const double due_ns = schedule.due_ns();
    const double now_ns = MonotonicNs();
    if (now_ns < due_ns) {
      SleepUntil(&stop_, due_ns);
      continue;
    }
    triage.Began(due_ns, now_ns);
    schedule.Advance(now_ns, triage.Tick(now_ns));
  }
}

}  // namespace luge
