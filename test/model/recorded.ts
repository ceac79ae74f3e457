/**
 * Runs synchronous TypeScript of src as a program of the explorer, as it stands.
 *
 * A program of the explorer is suspended inside its calls, which synchronous code cannot be. So it is run from its start again behind each
 * call: what it has been told before it is told again, and the first call that has no answer yet ends the run. What it
 * reads and writes plainly is done once, when it is reached, and remembered like an answer. So the code must depend on nothing else.
 */
import { attachRing, type RingFunctions } from '../../src/ring/index.ts';
import type { Call, OperationName } from './scenario.ts';

/** Ends a run: this call has no answer yet. */
class Unanswered extends Error {
  readonly operation: Parameters<Call>;

  constructor(operation: Parameters<Call>) {
    super(`${operation[0]} has no answer yet`);
    this.operation = operation;
  }
}

type View = Uint8Array | Int32Array | Float64Array;

/** What the code of one thread gets in the place of a `Ring`. */
export interface RecordedRing {
  readonly fn: RingFunctions;
  readonly i32: Int32Array<SharedArrayBuffer>;
  readonly f64: Float64Array<SharedArrayBuffer>;
  readonly u8: Uint8Array<SharedArrayBuffer>;
}

class Recording {
  readonly #answers: unknown[] = [];
  #at = 0;

  rewind(): void {
    this.#at = 0;
  }

  answer(value: unknown): void {
    this.#answers.push(value);
  }

  call(...operation: Parameters<Call>): unknown {
    if (this.#at < this.#answers.length) return this.#answers[this.#at++];
    throw new Unanswered(operation);
  }

  once<T>(action: () => T): T {
    if (this.#at < this.#answers.length) return this.#answers[this.#at++] as T;
    const value = action();
    this.#answers.push(value);
    this.#at++;
    return value;
  }
}

/** `isStep`: 4-byte cells that are read plainly though others write them; such a read is a step of its own. */
export function recorded(
  memory: () => WebAssembly.Memory,
  isStep: (address: number) => boolean,
  body: (ring: RecordedRing) => void,
): (call: Call) => Promise<void> {
  return async (call) => {
    const recording = new Recording();
    const ring = recordedRing(memory(), isStep, recording);
    for (;;) {
      recording.rewind();
      try {
        return body(ring);
      } catch (error) {
        if (!(error instanceof Unanswered)) throw error;
        recording.answer(await call(...error.operation));
      }
    }
  };
}

function recordedRing(
  memory: WebAssembly.Memory,
  isStep: (address: number) => boolean,
  recording: Recording,
): RecordedRing {
  const { i32, f64, u8 } = attachRing(memory);
  const fn = new Proxy({} as RingFunctions, {
    get: (_, name) => {
      return (...args: number[]) => recording.call(name as OperationName, ...args);
    },
  });
  return {
    fn,
    i32: recordedView(i32, recording, (index) =>
      isStep(4 * index) ? (recording.call('load32', 4 * index) as number) : undefined,
    ),
    f64: recordedView(f64, recording),
    u8: recordedView(u8, recording),
  };
}

function recordedView<T extends View>(
  view: T,
  recording: Recording,
  step: (index: number) => number | undefined = () => undefined,
): T {
  return new Proxy(view, {
    get: (_, key) => {
      const index = indexOf(key);
      return step(index) ?? recording.once(() => view[index]);
    },
    set: (_, key, value: number) => {
      const index = indexOf(key);
      recording.once(() => {
        view[index] = value;
      });
      return true;
    },
  });
}

/** Nothing but elements: what else a view does would go unnoticed. */
function indexOf(key: string | symbol): number {
  const index = Number(String(key));
  if (!Number.isInteger(index)) throw new Error(`recorded views have no ${String(key)}`);
  return index;
}
