/**
 * When ticks are due, and when to wake for them: on a grid of quanta, so that the lateness of one does not move those behind it.
 *
 *   - While a guest runs there is one each quantum. While none does, each pause is twice the one before, up to `idleNsMax` (or the quantum,
 *     if that is longer): what comes behind a pause of q·2^k is still on the grid.
 *   - A thread that sleeps until a time comes some time behind it, always about as late: 20-35 µs for one of the system on a small VM, 85 µs for one in
 *     Atomics.wait. So it sleeps until a LEAD before the tick is due, which grows by a step when a tick came late and shrinks by one when it came
 *     early: that leads to the median of what it has to make up for, whatever the outliers are. (Without it a quantum of 50 µs lost every second tick.)
 *   - A tick that is so late that the next one is less than half a quantum away swallows it. With the lead, two ticks are at least a quarter of a quantum
 *     apart. To be found running by two ticks is what "has run for a quantum" means (triage.ts).
 *
 * native/timer.cc has the same rule, in the same doubles.
 */
const LEAD_STEP_NS = 500;
/** Out of thin air: what sleeps longer than this beyond its time does so because the machine is busy. */
const LEAD_NS_MAX = 200e3;

export class TickSchedule {
  readonly #quantumNs: number;
  readonly #idleNsMax: number;
  #pauseNs: number;
  #leadNs = 0;
  #dueNs: number;
  #wakeNs: number;

  /** The first tick is due `quantumNs` behind `nowNs`. */
  constructor(quantumNs: number, idleNsMax: number, nowNs: number) {
    this.#quantumNs = quantumNs;
    this.#idleNsMax = idleNsMax;
    this.#pauseNs = quantumNs;
    this.#dueNs = nowNs + quantumNs;
    this.#wakeNs = this.#dueNs;
  }

  get dueNs(): number {
    return this.#dueNs;
  }

  /** Whoever is awake then shall tick. */
  get wakeNs(): number {
    return this.#wakeNs;
  }

  /** The tick that was due is over. */
  advance(nowNs: number, isBusy: boolean): void {
    const quantumNs = this.#quantumNs;
    if (isBusy) this.#pauseNs = quantumNs;
    else if (this.#pauseNs * 2 <= this.#idleNsMax) this.#pauseNs *= 2;
    const lead = this.#leadNs + (nowNs > this.#dueNs ? LEAD_STEP_NS : -LEAD_STEP_NS);
    this.#leadNs = Math.max(0, Math.min(lead, LEAD_NS_MAX, quantumNs * 0.75));
    this.#dueNs += this.#pauseNs;
    const earliest = nowNs + quantumNs / 2;
    if (this.#dueNs < earliest) {
      this.#dueNs += Math.ceil((earliest - this.#dueNs) / quantumNs) * quantumNs;
    }
    this.#wakeNs = Math.max(this.#dueNs - this.#leadNs, nowNs + quantumNs / 4);
  }
}
