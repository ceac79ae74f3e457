/**
 * Responses that go out while their guests run: the worker's side of parts.ts.
 *
 *   write --over the mark--> press: a part goes out, or the guest is stopped at its next poll --drained--> stirred: the next part, the guest goes on
 *   flush ------------------> a part goes out, or will as soon as the one before it is drained
 *
 * T1  A response begins to go out when its guest asks for it (`flush`) or has written `streamHighWaterBytes`. From then on a part goes out when
 *     it has half of that, so that guest and client can both be at work.
 * T2  While more than `streamHighWaterBytes` wait, written and not drained, the guest is stopped: by its interrupt flag, at its next poll, where it sleeps
 *     until they are less. So at most that much waits, and what a guest writes between two polls, which is one round of a loop.
 * T3  A stopped guest is asleep like any other: its deadline, a cancellation or a kill find it there, and it cannot catch them.
 * T4  A guest that goes to sleep, for its input or a while, hands over what it has written, once its response has begun: who reads it may be who it waits for. Before that
 *     only where no guest can say anything of the head, and its exit code makes no error of it.
 *
 * Why the flag: an import that may suspend suspends at every call, at 0.5 µs each (wasi/poll.ts), and most writes need not wait. This way
 * `write` and `fd_write` are plain calls for everybody, and a write costs one comparison more than it did.
 */
import type { Arena } from '../ring/index.ts';
import { CONTROL_FLAG_INDEX, type Exchange, type Sandbox } from '../sandbox/index.ts';
import { deliverPart } from './delivery.ts';

export class GuestStreams {
  readonly #arena: Arena;
  readonly #control: Int32Array<SharedArrayBuffer>;
  readonly #press: (sandbox: Sandbox) => void;
  /** Those that have more to hand over, or are stopped, as soon as a part is drained. */
  readonly #waiting: Sandbox[] = [];

  constructor(arena: Arena, control: Int32Array<SharedArrayBuffer>) {
    this.#arena = arena;
    this.#control = control;
    this.#press = (sandbox) => this.press(sandbox);
  }

  /** A guest has got its request. */
  begin(sandbox: Sandbox): void {
    const exchange = sandbox.exchange as Exchange;
    if (exchange.parts.taken) {
      sandbox.pressureBytes = sandbox.spec.streamHighWaterBytes;
      sandbox.onPressure = this.#press;
    }
  }

  /** It has written enough for a part. */
  press(sandbox: Sandbox): void {
    this.#handOver(sandbox);
    if (this.#isFull(sandbox)) this.#stop(sandbox);
  }

  /** It wants out what it has written. Where nobody takes parts that is fixed, and goes out with the rest. */
  flush(sandbox: Sandbox): void {
    const { parts } = sandbox.exchange as Exchange;
    sandbox.isHeadFixed = true;
    if (!parts.taken || (parts.hasBegun && parts.filling.length === 0)) return;
    this.#handOver(sandbox);
  }

  /** It is about to sleep (T4). */
  rests(sandbox: Sandbox): void {
    const { parts } = sandbox.exchange as Exchange;
    if (!parts.taken || parts.filling.length === 0) return;
    const { iface, response, failsOnExit } = sandbox.spec;
    const isSettled = iface === 'wasi' && response === 'raw' && !failsOnExit;
    if (parts.hasBegun || isSettled) this.#handOver(sandbox);
  }

  /** At a poll: whether it has to sleep until a part is drained. */
  mustStop(sandbox: Sandbox): boolean {
    if (!sandbox.isStopped) return false;
    sandbox.isStopped = this.#isFull(sandbox);
    if (sandbox.isStopped) {
      sandbox.isBlocked = true;
      this.#await(sandbox);
    }
    return sandbox.isStopped;
  }

  /** Some part was drained: whoever waited for it goes on. Those that slept are due behind this. */
  stirred(): void {
    for (let i = this.#waiting.length - 1; i >= 0; i--) {
      const sandbox = this.#waiting[i] as Sandbox;
      const { parts } = sandbox.exchange as Exchange;
      if (parts.isOut) continue;
      this.#forget(i);
      if (parts.filling.length > 0) this.#handOver(sandbox);
      if (!sandbox.isStopped) continue;
      if (this.#isFull(sandbox)) {
        this.#await(sandbox);
        continue;
      }
      sandbox.isStopped = false;
      if (sandbox.isBlocked) sandbox.wakeAtNs = 0;
      sandbox.isBlocked = false;
    }
  }

  /** It has ended; what it has written and not handed over goes out with its completion. */
  end(sandbox: Sandbox): void {
    if (sandbox.isAwaitingDrain) this.#forget(this.#waiting.indexOf(sandbox));
  }

  #handOver(sandbox: Sandbox): void {
    const exchange = sandbox.exchange as Exchange;
    const { parts } = exchange;
    if (parts.isOut) {
      this.#await(sandbox);
      return;
    }
    if (!parts.hasBegun) {
      exchange.isTyped = sandbox.contentTypeSet;
      sandbox.isHeadFixed = true;
      sandbox.pressureBytes = sandbox.spec.streamHighWaterBytes / 2;
    }
    sandbox.sentBytes += parts.filling.length;
    deliverPart(this.#arena, exchange);
  }

  #isFull(sandbox: Sandbox): boolean {
    const { parts } = sandbox.exchange as Exchange;
    return parts.waitingBytes >= sandbox.spec.streamHighWaterBytes;
  }

  /** Takes effect at its next poll. It runs now, or its flag is raised with its next turn. */
  #stop(sandbox: Sandbox): void {
    sandbox.isStopped = true;
    this.#control[CONTROL_FLAG_INDEX] = 1;
    this.#await(sandbox);
  }

  #await(sandbox: Sandbox): void {
    if (sandbox.isAwaitingDrain) return;
    sandbox.isAwaitingDrain = true;
    this.#waiting.push(sandbox);
  }

  #forget(at: number): void {
    (this.#waiting[at] as Sandbox).isAwaitingDrain = false;
    this.#waiting[at] = this.#waiting[this.#waiting.length - 1] as Sandbox;
    this.#waiting.pop();
  }
}
