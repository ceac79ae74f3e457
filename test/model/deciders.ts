/** Who runs next, and what else is open: by depth-first search with bounds, by depth-first search with sleep sets, or by a given schedule. */

/** What a step does, as far as it matters for its independence of others. */
export interface Step {
  readonly thread: number;
  /** The 8-byte word that it accesses. */
  readonly word: number;
  readonly isWrite: boolean;
  /** Whether it is the first of an operation; `responds`: whether the last. The order of the two is part of a history. */
  readonly invokes: boolean;
  responds: boolean;
}

export interface Decider {
  /** One of `enabled`, or -1: this execution would only repeat another one. `current` is first when it could go on. */
  thread(enabled: readonly Step[], current: number): number;
  /** Whether a store is delayed, or a thread dies, here: at the `ordinal`-th such question since the last step. */
  flag(kind: 'delay' | 'kill', ordinal: number): boolean;
  /** What the chosen step turned out to be. */
  done(step: Step): void;
  /** Prepares the next execution; false when all have been seen. */
  next(): boolean;
}

interface Choice {
  readonly options: number;
  index: number;
}

/** Depth first, at most `preemptions` switches away from a thread that could go on. */
export class BoundedSearch implements Decider {
  readonly #preemptionsMax: number;
  readonly #flagsMax: Readonly<Record<'delay' | 'kill', number>>;
  readonly #stack: Choice[] = [];
  #depth = 0;
  #preemptions = 0;
  #flags = { delay: 0, kill: 0 };

  constructor(bounds: { preemptions: number; delays: number; kills: number }) {
    this.#preemptionsMax = bounds.preemptions;
    this.#flagsMax = { delay: bounds.delays, kill: bounds.kills };
  }

  thread(enabled: readonly Step[], current: number): number {
    const canStay = enabled[0]?.thread === current;
    const isFree = !canStay || this.#preemptions < this.#preemptionsMax;
    const at = isFree ? this.#choose(enabled.length) : 0;
    if (canStay && at > 0) this.#preemptions++;
    return (enabled[at] as Step).thread;
  }

  flag(kind: 'delay' | 'kill'): boolean {
    if (this.#flags[kind] >= this.#flagsMax[kind] || this.#choose(2) === 0) return false;
    this.#flags[kind]++;
    return true;
  }

  done(): void {}

  next(): boolean {
    this.#depth = 0;
    this.#preemptions = 0;
    this.#flags = { delay: 0, kill: 0 };
    for (let top = this.#stack.at(-1); top !== undefined; top = this.#stack.at(-1)) {
      if (top.index + 1 < top.options) {
        top.index++;
        return true;
      }
      this.#stack.pop();
    }
    return false;
  }

  #choose(options: number): number {
    if (options === 1) return 0;
    const known = this.#stack[this.#depth++];
    if (known !== undefined) {
      if (known.options !== options) throw new Error('the programs are not deterministic');
      return known.index;
    }
    this.#stack.push({ options, index: 0 });
    return 0;
  }
}

interface Node {
  readonly enabled: readonly number[];
  /** Threads whose next step leads to nothing new here: it was taken from a neighbour and all since is independent of it. */
  readonly sleeping: readonly Step[];
  readonly explored: Step[];
  chosen: number;
  step: Step | undefined;
}

/** Depth first without a bound, with the sleep sets of P. Godefroid, "Partial-Order Methods" (1996). */
export class FullSearch implements Decider {
  readonly #stack: Node[] = [];
  #depth = 0;

  thread(enabled: readonly Step[]): number {
    const known = this.#stack[this.#depth];
    if (known !== undefined) {
      this.#depth++;
      return known.chosen;
    }
    const parent = this.#stack.at(-1);
    const sleeping =
      parent === undefined
        ? []
        : [...parent.sleeping, ...parent.explored].filter((step) =>
            isIndependent(step, parent.step as Step),
          );
    const threads = enabled.map(({ thread }) => thread);
    const chosen = threads.find((t) => !sleeping.some(({ thread }) => thread === t)) ?? -1;
    if (chosen < 0) return -1;
    this.#stack.push({ enabled: threads, sleeping, explored: [], chosen, step: undefined });
    this.#depth++;
    return chosen;
  }

  flag(): boolean {
    return false;
  }

  done(step: Step): void {
    (this.#stack[this.#depth - 1] as Node).step = { ...step };
  }

  next(): boolean {
    this.#depth = 0;
    for (let top = this.#stack.at(-1); top !== undefined; top = this.#stack.at(-1)) {
      if (top.step !== undefined) top.explored.push(top.step);
      const { enabled, sleeping, explored } = top;
      const next = enabled.find((t) => ![...sleeping, ...explored].some((s) => s.thread === t));
      if (next !== undefined) {
        top.chosen = next;
        top.step = undefined;
        return true;
      }
      this.#stack.pop();
    }
    return false;
  }
}

function isIndependent(a: Step, b: Step): boolean {
  if (a.thread === b.thread) return false;
  if (a.word === b.word && (a.isWrite || b.isWrite)) return false;
  return !(a.responds && b.invokes) && !(a.invokes && b.responds);
}

/** A schedule: thread numbers, `3*2` for three in a row of thread 2, `d` a store delayed, `x2` a
 * death at the second stack check behind the last step. Behind its end threads run on in turn. */
export class GivenSchedule implements Decider {
  readonly #tokens: string[];
  #at = 0;

  constructor(schedule: string) {
    this.#tokens = schedule.split(/[\s,]+/).flatMap((token) => {
      const run = /^(\d+)\*(\d+)$/.exec(token);
      if (run !== null) return Array.from({ length: Number(run[1]) }, () => run[2] as string);
      if (token !== '' && !/^(\d+|d|x\d+)$/.test(token)) throw new Error(`schedule: '${token}'?`);
      return token === '' ? [] : [token];
    });
  }

  thread(enabled: readonly Step[]): number {
    const token = this.#tokens[this.#at];
    if (token === undefined) return (enabled[0] as Step).thread;
    this.#at++;
    const wanted = Number(token);
    if (enabled.some(({ thread }) => thread === wanted)) return wanted;
    throw new Error(`schedule: thread ${token} cannot run as step ${this.#at}`);
  }

  flag(kind: 'delay' | 'kill', ordinal: number): boolean {
    if (this.#tokens[this.#at] !== (kind === 'delay' ? 'd' : `x${ordinal}`)) return false;
    this.#at++;
    return true;
  }

  done(): void {}

  next(): boolean {
    return false;
  }
}
