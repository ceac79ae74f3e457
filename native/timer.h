#ifndef LUGE_TIMER_H_
#define LUGE_TIMER_H_

#include <pthread.h>

#include <cstdint>

#include "triage.h"

namespace luge {

/** When ticks are due, as src/core/tick-schedule.ts has it. */
class TickSchedule {
 public:
  TickSchedule(double quantum_ns, double idle_ns_max)
      : quantum_ns_(quantum_ns), idle_ns_max_(idle_ns_max), pause_ns_(quantum_ns) {}

  double due_ns() const { return due_ns_; }
  /** Whoever is awake then shall tick. */
  double wake_ns() const { return wake_ns_; }

  void Begin(double now_ns) { due_ns_ = wake_ns_ = now_ns + quantum_ns_; }

  /** The tick that was due is over. */
  void Advance(double now_ns, bool is_busy);

 private:
  const double quantum_ns_;
  const double idle_ns_max_;
  double pause_ns_;
  double lead_ns_ = 0;
  double due_ns_ = 0;
  double wake_ns_ = 0;
};

/** A thread that ticks. Start and Stop are called by one thread; `triage` and `schedule` are the timer's between them. */
class QuantumTimer {
 public:
  QuantumTimer(TriagePlan plan, TickSchedule schedule) : triage(plan), schedule(schedule) {}
  ~QuantumTimer() { Stop(); }
  QuantumTimer(const QuantumTimer&) = delete;
  QuantumTimer& operator=(const QuantumTimer&) = delete;

  /** 0, or the error of the system. */
  int Start();

  /** Behind it the thread is gone, and touches nothing any more. */
  void Stop();

  bool is_running() const { return is_running_; }

  Triage triage;
  TickSchedule schedule;

 private:
  static void* Enter(void* self);
  void Run();

  bool is_running_ = false;
  pthread_t thread_{};
  /** 1 = the thread shall end; what it sleeps on. */
  int32_t stop_ = 0;
};

}  // namespace luge

#endif
