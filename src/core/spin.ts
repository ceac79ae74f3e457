/**
 * How long a thread polls for its next piece of work before it sleeps. A wake-up through the kernel costs 30 to 50 µs on a small VM, as much as
 * the rest of a short request; polling costs a core. So it pays where work comes one at a time and soon:
 *
 *   - a worker that served more than one request since it was idle last does not poll: under load a wake-up is shared by many;
 *   - what is learned from the gaps: one that was longer than the most halves the time, down to a sixteenth; a shorter one doubles it, up to the
 *     most. Whether it was polled or slept through does not matter, so that a thread that polls too little finds out.
 *
 * Never more pollers than spare cores: by default there is polling where the workers leave a core to who submits, and then all of them and
 * that one have a core each. A setting of one's own is taken as it is.
 */
const SHRINK_MOST = 16;

export class Spin {
  readonly #mostNs: number;
  #ns: number;

  /** `mostNs` of 0: never. */
  constructor(mostNs: number) {
    this.#mostNs = mostNs;
    this.#ns = mostNs;
  }

  /** How long to poll now. */
  get ns(): number {
    return this.#ns;
  }

  /** There was nothing to do for so long. */
  learn(gapNs: number): void {
    this.#ns =
      gapNs <= this.#mostNs
        ? Math.min(this.#mostNs, this.#ns * 2)
        : Math.max(this.#mostNs / SHRINK_MOST, this.#ns / 2);
  }
}
