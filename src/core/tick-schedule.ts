/**
 * When ticks are due: on a grid of quanta, so that the lateness of one does not move those behind it.
 *
 *   - While a guest runs there is one each quantum. While none does, each pause is twice the one before, up to `idleNsMax` (or the quantum,
 *     if that is longer): what comes behind a pause of q·2^k is still on the grid.
 *   - Two ticks are at least half a quantum apart: one that comes late swallows those that it ran into. To be found running by two ticks
 *     is what "has run for a quantum" means (triage.ts), so no guest is interrupted for others before it had half of one.
 *
 * native/timer.cc has the same rule, in the same doubles.
 */
export class TickSchedule {
  readonly #quantumNs: number;
  readonly #idleNsMax: number;
  #pauseNs: number;
  #dueNs: number;

  /** The first tick is due `quantumNs` behind `nowNs`. */
  constructor(quantumNs: number, idleNsMax: number, nowNs: number) {
    this.#quantumNs = quantumNs;
    this.#idleNsMax = idleNsMax;
    this.#pauseNs = quantumNs;
    this.#dueNs = nowNs + quantumNs;
  }

  get dueNs(): number {
    return this.#dueNs;
  }

  /** The tick that was due is over. */
  advance(nowNs: number, isBusy: boolean): void {
    const quantumNs = this.#quantumNs;
    if (isBusy) this.#pauseNs = quantumNs;
    else if (this.#pauseNs * 2 <= this.#idleNsMax) this.#pauseNs *= 2;
    this.#dueNs += this.#pauseNs;
    const earliest = nowNs + quantumNs / 2;
    if (this.#dueNs < earliest) {
      this.#dueNs += Math.ceil((earliest - this.#dueNs) / quantumNs) * quantumNs;
    }
  }
}
