/**
 * Whether a history of overlapping operations has an order in which a sequential model gives the same answers, each operation taking
 * effect between its invocation and its response. After J. Wing, C. Gong, "Testing and Verifying Concurrent Objects" (1993).
 */
import { RETRY } from '../../src/ring/index.ts';

export interface Operation {
  readonly thread: number;
  readonly name: string;
  readonly args: readonly number[];
  /** Undefined while it runs; for ever when its thread died in it: it may have taken effect or not. */
  result: number | undefined;
  /** What a batch brought in or took out. */
  values: readonly number[];
  /** Places in the order of events; `invoked` is -1 until its first step. */
  invoked: number;
  responded: number;
  /** Takes effect only behind this one, which is a part of the same call. */
  readonly behind?: Operation;
}

/** A state is a string. */
export interface SequentialModel {
  readonly initial: string;
  /** The states that the operation may lead to: none where it cannot have its result, several where it has none. Unknown ones change nothing. */
  step(state: string, operation: Operation): readonly string[];
}

export class LinearizabilityChecker {
  readonly #model: SequentialModel;
  readonly #verdicts = new Map<string, string | undefined>();

  constructor(model: SequentialModel) {
    this.#model = model;
  }

  /** Different histories seen so far. */
  get histories(): number {
    return this.#verdicts.size;
  }

  /** What is wrong with the history, or undefined. */
  check(operations: readonly Operation[]): string | undefined {
    const key = keyOf(operations);
    if (this.#verdicts.has(key)) return this.#verdicts.get(key);
    const verdict = this.#judge(operations);
    this.#verdicts.set(key, verdict);
    return verdict;
  }

  #judge(operations: readonly Operation[]): string | undefined {
    const lonely = operations.find(
      (o) => o.result === RETRY && !operations.some((p) => overlaps(o, p)),
    );
    if (lonely !== undefined)
      return `${describe(lonely)}: RETRY, but no other operation was under way`;
    const ops = operations.filter(({ result }) => result !== RETRY).flatMap(singles);
    const all = 2 ** ops.length - 1;
    const seen = new Set<string>();
    const search = (done: number, state: string): boolean => {
      if (done === all) return true;
      const key = `${done} ${state}`;
      if (seen.has(key)) return false;
      seen.add(key);
      // The first response among those that are left: what was invoked behind it cannot come before it.
      let limit = Number.POSITIVE_INFINITY;
      ops.forEach((op, i) => {
        if ((done & (1 << i)) === 0 && op.responded >= 0) limit = Math.min(limit, op.responded);
      });
      return ops.some((op, i) => {
        if ((done & (1 << i)) !== 0 || op.invoked > limit) return false;
        if (op.behind !== undefined && (done & (1 << ops.indexOf(op.behind))) === 0) return false;
        const next = done | (1 << i);
        const states = this.#model.step(state, op);
        return (
          states.some((after) => search(next, after)) ||
          (op.result === undefined && search(next, state))
        );
      });
    };
    return search(0, this.#model.initial)
      ? undefined
      : 'no sequential order explains these answers';
  }
}

export function describe(op: Operation): string {
  const answer = op.result === undefined ? 'no answer' : (CODES[String(op.result)] ?? op.result);
  const values = op.values.length === 0 ? '' : ` [${op.values.join(', ')}]`;
  return `T${op.thread} ${op.name}(${op.args.join(', ')}) = ${answer}${values}`;
}

const CODES: Readonly<Record<string, string>> = { '-1': 'EMPTY', '-2': 'RETRY', '-3': 'FULL' };

/** `mpmcPushMany` publishes one value at a time, in order: it is as many pushes. */
function singles(op: Operation): Operation[] {
  if (op.name !== 'mpmcPushMany' || op.result === undefined || op.result < 0) return [op];
  const pushes: Operation[] = [];
  for (const value of op.values.slice(0, op.result)) {
    const behind = pushes.at(-1);
    const push = {
      ...op,
      name: 'mpmcPush',
      args: [op.args[0] as number, value],
      result: 0,
      values: [],
    };
    pushes.push(behind === undefined ? push : { ...push, behind });
  }
  return pushes;
}

function overlaps(a: Operation, b: Operation): boolean {
  if (a === b || a.thread === b.thread) return false;
  return b.invoked <= a.responded && (b.responded < 0 || b.responded >= a.invoked);
}

/** Equal for histories whose events come in the same order. */
function keyOf(operations: readonly Operation[]): string {
  const events: [number, string][] = [];
  operations.forEach((op, i) => {
    events.push([op.invoked, `${i}(`]);
    if (op.responded >= 0) events.push([op.responded, `${i})`]);
  });
  events.sort(([a], [b]) => a - b);
  return `${operations.map(describe).join(';')}|${events.map(([, text]) => text).join('')}`;
}
