/** Sequential models: what the structures mean when one thread at a time uses them. */
import type { Operation, SequentialModel } from './linearizability.ts';

const EMPTY = -1;
const FULL = -3;

function read(state: string): number[] {
  return state === '' ? [] : state.split(',').map(Number);
}

function when(holds: boolean, after: readonly number[]): string[] {
  return holds ? [after.join()] : [];
}

/** Sizes are hints: all that is promised is the range. A stale first counter can make them larger than the capacity. */
function isSize(result: number | undefined, capacity: number): boolean {
  return result === undefined || (result >= 0 && result <= 2 * capacity);
}

function startsWith(values: readonly number[], taken: readonly number[]): boolean {
  return taken.every((value, i) => values[i] === value);
}

/** Pushed at the right, popped at the right, stolen at the left. */
export function dequeModel(capacity: number): SequentialModel {
  return {
    initial: '',
    step(state, { name, args, result, values: taken }) {
      const values = read(state);
      if (name === 'dequePush' || name === 'dequePushMark') {
        return result === FULL
          ? when(values.length === capacity, values)
          : when(values.length < capacity, [...values, args[1] as number]);
      }
      if (name === 'dequeSize') return isSize(result, capacity) ? [state] : [];
      if (!name.startsWith('deque')) return [state];
      if (result === EMPTY) return when(values.length === 0, values);
      if (name === 'dequePop') {
        return when(
          values.length > 0 && (result === undefined || values.at(-1) === result),
          values.slice(0, -1),
        );
      }
      if (name === 'dequeStealBatch') {
        const half = Math.ceil(values.length / 2);
        return when(startsWith(values, taken) && taken.length <= half, values.slice(taken.length));
      }
      return when(
        values.length > 0 && (result === undefined || values[0] === result),
        values.slice(1),
      );
    },
  };
}

/** First in, first out. */
export function queueModel(capacity: number): SequentialModel {
  return {
    initial: '',
    step(state, { name, args, result, values: taken }) {
      const values = read(state);
      if (name.endsWith('Push')) {
        return result === FULL
          ? when(values.length === capacity, values)
          : when(values.length < capacity, [...values, args[1] as number]);
      }
      if (name.endsWith('PushMany')) {
        if (result === FULL) return when(values.length === capacity, values);
        const pushed = taken.slice(0, result);
        return when(values.length + pushed.length <= capacity, [...values, ...pushed]);
      }
      if (name.endsWith('Size')) return isSize(result, capacity) ? [state] : [];
      if (result === EMPTY) return when(values.length === 0, values);
      if (name.endsWith('PopMany'))
        return when(startsWith(values, taken), values.slice(taken.length));
      return when(
        values.length > 0 && (result === undefined || values[0] === result),
        values.slice(1),
      );
    },
  };
}

/** A set of indices, any of which may come out. */
export function poolModel(count: number): SequentialModel {
  return {
    initial: Array.from({ length: count }, (_, i) => i).join(),
    step(state, { name, args, result }) {
      const free = read(state);
      if (name === 'freePop' || name === 'chainAppend') {
        if (result === EMPTY) return when(free.length === 0, free);
        const taken = result === undefined ? free : free.filter((i) => i === result);
        return taken.map((index) => free.filter((i) => i !== index).join());
      }
      if (name === 'freePushChain') {
        const index = args[1] as number;
        return free.includes(index) ? [] : [[...free, index].sort((a, b) => a - b).join()];
      }
      return [state];
    },
  };
}

/** Entries `key:value` in the order in which they leave. Keys are small here. */
export function heapModel(capacity: number): SequentialModel {
  return {
    initial: '',
    step(state, operation) {
      const entries = state === '' ? [] : state.split(',');
      return heapSteps(entries, operation, capacity).map((after) => after.join());
    },
  };
}

function heapSteps(
  entries: readonly string[],
  { name, args, result }: Operation,
  capacity: number,
): (readonly string[])[] {
  const valueIn = (entry: string): number => Number(entry.split(':')[1]);
  const keyIn = (entry: string): number => Number(entry.split(':')[0]);
  const without = (value: number): string[] => entries.filter((entry) => valueIn(entry) !== value);
  switch (name) {
    case 'heapPush': {
      const [, , key = 0, value = 0] = args;
      const rest = without(value);
      if (result === FULL) return rest.length === capacity ? [entries] : [];
      if (rest.length === capacity) return [];
      const at = rest.findIndex((entry) => keyIn(entry) > key);
      const before = at < 0 ? rest.length : at;
      return [[...rest.slice(0, before), `${key}:${value}`, ...rest.slice(before)]];
    }
    case 'heapPopMin': {
      const [first] = entries;
      if (result === EMPTY) return first === undefined ? [entries] : [];
      if (first === undefined) return [];
      return result === undefined || valueIn(first) === result ? [entries.slice(1)] : [];
    }
    case 'heapRemove': {
      const value = args[2] as number;
      const rest = without(value);
      if (result === EMPTY) return rest.length === entries.length ? [entries] : [];
      return rest.length < entries.length ? [rest] : [];
    }
    case 'heapPeek': {
      const least = entries[0] === undefined ? Number.POSITIVE_INFINITY : keyIn(entries[0]);
      return result === undefined || result === least ? [entries] : [];
    }
    default:
      return [entries];
  }
}

/** Periods up to so many ahead are newer, all others are old (budget.wat, G3). */
const NEWER_MAX = 1023;
const UNIT_NS = 1024;

/** `number:used`. A charge counts once, in its own period, or, if that has ended for all, in the one that is under way. */
export function budgetModel(periodNs: number, mostNs: number, first: number): SequentialModel {
  return {
    initial: `${first >>> 0}:0`,
    step(state, { name, args, result }) {
      const [number = 0, used = 0] = state.split(':').map(Number);
      const period = Math.floor((args[1] as number) / periodNs) >>> 0;
      const isOld = (number - period) >>> 0 > NEWER_MAX;
      if (name === 'budgetCharge') {
        const sum = (isOld ? 0 : used) + ((args[2] as number) >>> 0);
        return [`${isOld ? period : number}:${Math.min(sum, 2 ** 32 - 1)}`];
      }
      const left = isOld ? mostNs : mostNs - used * UNIT_NS;
      return result === undefined || result === left ? [state] : [];
    },
  };
}
