/** Lot and bell: no wake-up is lost. The work is values in a deque, as in the runtime. */
import { attachRing, CompletionRing, Deque, ParkingLot } from '../../../src/ring/index.ts';
import type { Bounds, Call, Cells, Scenario } from '../scenario.ts';
import { AT, BYTES, cellNames, isQuiet, type Program, STATES, sequence } from './layouts.ts';

const LOT = 1024;
const BELL = STATES;
const MAIL = STATES + 128;
const NEVER = Number.POSITIVE_INFINITY;
const UNBOUNDED = { preemptions: Number.POSITIVE_INFINITY };

const deque = cellNames({ 128: 'TOP', 256: 'BOTTOM' }, { from: 384, bytes: 4, name: 'cell' });
const parking = cellNames(
  { [LOT + 128]: 'SLEEPERS', [LOT + 256]: 'SEARCHERS' },
  { from: LOT + 384, bytes: 128, name: 'WAKE' },
);

function lot(name: string, bounds: Bounds, threads: readonly Program[]): Scenario {
  return {
    name: `parking/${name}/4/0`,
    bounds,
    bytes: BYTES,
    threads,
    setup: ({ memory }) => {
      Deque.create(memory, AT, { capacity: 4, batch: 1 });
      ParkingLot.create(memory, LOT, { workers: 2 });
    },
    // Workers sleep in the end, but never while something waits for them.
    mayRest: isEmpty,
    final: (cells) => (isEmpty(cells) ? undefined : 'a value was left behind'),
    invariant: ({ i64 }) => {
      const masks = (i64[(LOT + 128) >> 3] as bigint) | (i64[(LOT + 256) >> 3] as bigint);
      return masks > 3n ? `P2: a bit of no worker: ${masks}` : undefined;
    },
    cell: (at) => (at >= LOT ? parking(at) : deque(at)),
    isQuiet: (address) => isQuiet(address) || (address >= LOT && address < LOT + 128),
  };
}

function isEmpty({ i32 }: Cells): boolean {
  return i32[32] === i32[64];
}

/** The worker loop of the runtime: search, announce, look, sleep, look again; hand the search on. */
const worker =
  (id: number, timeoutNs: number = NEVER, wanted: number = NEVER, isAnnounced = false): Program =>
  async (call: Call) => {
    if (isAnnounced) await call('sleepEnd', LOT, id);
    else await call('searchBegin', LOT, id);
    for (let got = 0; got < wanted; ) {
      const value = await call('dequeSteal', AT);
      if (value === -2) continue;
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

/** Sleeps until there is mail. */
const mailbox: Program = async (call) => {
  for (;;) {
    await call('sleepBegin', LOT, 1);
    if ((await call('load32', MAIL)) === 0) await call('sleepWait', LOT, 1, NEVER);
    await call('sleepEnd', LOT, 1);
    if ((await call('load32', MAIL)) === 1) return;
  }
};

/** A waker that is late: worker 0 has announced that it sleeps, and leaves by itself, since it sees the value. */
const lateWaker = lot('late-waker', { preemptions: 2 }, [
  producer(1, 2),
  worker(0, NEVER, 1, true),
  worker(1, NEVER, 1),
]);

const killed = lot('killed-worker', { preemptions: 1, kills: 1 }, [
  producer(1, 2),
  worker(0),
  worker(1),
]);

export const parkingScenarios: readonly Scenario[] = [
  lot('one-sleeper', UNBOUNDED, [producer(1), worker(0, NEVER, 1)]),
  lot('two-values', { preemptions: 3 }, [producer(1, 2), worker(0)]),
  lot('two-sleepers', { preemptions: 2 }, [producer(1, 2), worker(0), worker(1)]),
  // Each takes one value and is gone, as if it ran a long guest: the other one has to be woken for the second.
  lot('two-who-leave', { preemptions: 2 }, [
    producer(1, 2),
    worker(0, NEVER, 1),
    worker(1, NEVER, 1),
  ]),
  lot('time-is-up', { preemptions: 2 }, [producer(1), worker(0, 1000, 1)]),
  lot('mail', UNBOUNDED, [mailbox, sequence(['store32', MAIL, 1], ['wakeWorker', LOT, 0])]),
  lot('mail-and-work', { preemptions: 2 }, [
    producer(1),
    worker(0),
    sequence(['wakeWorker', LOT, 0]),
  ]),
  {
    ...killed,
    killable: [1],
    // What the supervisor does for a dead worker: lot.forget.
    onDeath: (call, thread) => {
      call('lotForget', LOT, thread - 1);
      call('wakeAny', LOT);
    },
  },
  {
    ...lateWaker,
    setup: (cells) => {
      lateWaker.setup(cells);
      attachRing(cells.memory).fn.sleepBegin(LOT, 0);
    },
  },
  bell(),
];

/** The sleeper arms and looks once more; if it found nothing it has been rung. */
function bell(): Scenario {
  return {
    name: 'parking/bell/4/0',
    bounds: UNBOUNDED,
    bytes: BYTES,
    threads: [
      sequence(['completionPush', AT, 1], ['bellRing', BELL]),
      sequence(['completionPush', AT, 2], ['bellRing', BELL]),
      sequence(['store32', BELL, 1], ['completionPop', AT], ['completionPop', AT]),
    ],
    setup: ({ memory }) => void CompletionRing.create(memory, AT, { capacity: 4 }),
    final: ({ i32, notified }, history) => {
      const got = history.filter(
        ({ name, result = -1 }) => name === 'completionPop' && result >= 0,
      );
      const isArmed = i32[BELL >> 2] === 1;
      if (got.length < 2 && isArmed) return 'B1: a completion waits and nobody rang';
      const rings = notified.filter((address) => address === BELL).length;
      return rings === (isArmed ? 0 : 1) ? undefined : `B1: armed once, rung ${rings} times`;
    },
    cell: (at) => (at === BELL ? 'ARMED' : cellNames({ 128: 'TAIL', 256: 'HEAD' })(at)),
    isQuiet,
  };
}
