/** Lot and bell: no wake-up is lost. The work is values in a deque, as in the runtime. */
import { Deque, ParkingLot } from '../../../src/ring/index.ts';
import type { Bounds, Call, Scenario } from '../scenario.ts';
import { AT, BYTES, cellNames, isQuiet, type Program } from './layouts.ts';

const LOT = 1024;
const NEVER = Number.POSITIVE_INFINITY;

function lot(name: string, values: number, bounds: Bounds, threads: readonly Program[]): Scenario {
  const deque = cellNames({ 128: 'TOP', 256: 'BOTTOM' }, { from: 384, bytes: 4, name: 'cell' });
  const parking = cellNames(
    { [LOT + 128]: 'SLEEPERS', [LOT + 256]: 'SEARCHERS' },
    { from: LOT + 384, bytes: 128, name: 'WAKE' },
  );
  return {
    name: `parking/${name}/4/0`,
    bounds,
    bytes: BYTES,
    threads,
    setup: ({ memory }) => {
      Deque.create(memory, AT, { capacity: 4, batch: 1 });
      ParkingLot.create(memory, LOT, { workers: 2 });
    },
    final: (_, history) => {
      const got = history.filter(
        ({ name: op, result = -1 }) => op === 'dequeSteal' && result >= 0,
      ).length;
      return got === values ? undefined : `${got} of ${values} values were taken`;
    },
    invariant: ({ i64 }) => {
      const [sleepers, searchers] = [
        i64[(LOT + 128) >> 3] as bigint,
        i64[(LOT + 256) >> 3] as bigint,
      ];
      return (sleepers | searchers) > 3n ? `P2: masks ${sleepers}, ${searchers}` : undefined;
    },
    cell: (at) => (at >= LOT ? parking(at) : deque(at)),
    isQuiet: (address) => isQuiet(address) || (address >= LOT && address < LOT + 128),
  };
}

/** The worker loop of the runtime: search, announce, look, sleep, look again; hands the search on. */
const worker =
  (id: number, wanted: number, timeoutNs: number = NEVER): Program =>
  async (call: Call) => {
    await call('searchBegin', LOT, id);
    for (let got = 0; got < wanted; ) {
      let value = await call('dequeSteal', AT);
      while (value === -2) value = await call('dequeSteal', AT);
      if (value >= 0) {
        got++;
        if ((await call('searchEnd', LOT, id)) === 1 && (await call('dequeSize', AT)) > 0) {
          await call('wakeOne', LOT);
        }
        if (got < wanted) await call('searchBegin', LOT, id);
        continue;
      }
      await call('sleepBegin', LOT, id);
      if ((await call('dequeSize', AT)) === 0) await call('sleepWait', LOT, id, timeoutNs);
      await call('sleepEnd', LOT, id);
    }
  };

const producer =
  (...values: number[]): Program =>
  async (call) => {
    for (const value of values) {
      await call('dequePush', AT, value);
      await call('wakeOne', LOT);
    }
  };

export const parkingScenarios: readonly Scenario[] = [
  lot('one-sleeper', 1, { preemptions: Number.POSITIVE_INFINITY }, [producer(1), worker(0, 1)]),
  lot('two-values', 2, { preemptions: 3 }, [producer(1, 2), worker(0, 2)]),
  lot('two-sleepers', 2, { preemptions: 2 }, [producer(1, 2), worker(0, 1), worker(1, 1)]),
  lot('time-is-up', 1, { preemptions: 2 }, [producer(1), worker(0, 1, 1000)]),
  lot('wake-worker', 1, { preemptions: 3 }, [
    producer(1),
    worker(0, 1),
    async (call) => void (await call('wakeWorker', LOT, 0)),
  ]),
];
