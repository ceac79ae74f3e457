/** Workers that sleep in a lot, and those who wake them. Nobody's sleep has an end of its own: a lost wake-up is a hang. */
import { Deque, EMPTY, MpmcRing, Parker, ParkingLot, RETRY } from '../../../src/ring/index.ts';
import type { Numbers, Role, RoleContext } from './role.ts';

/** Own cells of the signals: something was consumed; then a letter box for each worker. */
export const CONSUMED = 0;
const BOX = 8;

interface Queue {
  push(value: number): number;
  take(): number;
  readonly size: number;
}

/** The queue of the stage: one that any thread pushes to, or one whose takers leave a mark. */
function queueOf(context: RoleContext): Queue {
  const { memory } = context;
  if (context.has('mpmc')) {
    const ring = MpmcRing.attach(memory, context.at('mpmc'));
    return {
      push: (value) => ring.push(value),
      take: () => ring.pop(),
      get size() {
        return ring.size;
      },
    };
  }
  const deque = Deque.attach(memory, context.at('deque'));
  const [states, mark] = [context.at('states'), context.number + 1];
  return {
    push: (value) => deque.push(value),
    take: () => deque.stealMark(states, 4, mark),
    get size() {
      return deque.size;
    },
  };
}

/** Takes values, and sleeps when there are none, until all producers have ended. */
function worker(context: RoleContext): Numbers {
  const lot = ParkingLot.attach(context.memory, context.at('lot'));
  const parker = new Parker(lot, context.option('place'));
  const queue = queueOf(context);
  const { signals, ledger, patience, random } = context;
  const producers = context.option('producers');
  const timeoutNs = context.option('timeoutNs');
  const ready = (): boolean => queue.size > 0 || signals.ended === producers;
  let parks = 0;
  let wakes = 0;
  parker.searchBegin();
  for (;;) {
    const isOver = signals.ended === producers;
    const value = queue.take();
    if (value === RETRY) {
      patience.wait();
    } else if (value === EMPTY) {
      if (isOver) break;
      parks++;
      parker.park(ready, timeoutNs > 0 ? random.below(timeoutNs) : Number.POSITIVE_INFINITY);
    } else {
      if (parker.searchEnd() && queue.size > 0 && lot.wakeOne() >= 0) wakes++;
      ledger.take(value);
      signals.add(CONSUMED, 1);
      signals.wake(CONSUMED);
      random.dawdle();
      parker.searchBegin();
    }
  }
  parker.searchEnd();
  return { parks, wakes };
}

/** Pushes up to `burst` values at a time and wakes for each; goes on when all of them were taken. */
function producer(context: RoleContext): Numbers {
  const lot = ParkingLot.attach(context.memory, context.at('lot'));
  const queue = queueOf(context);
  const { signals, random, ledger } = context;
  const producers = context.option('producers');
  const own = context.option('producer');
  const most = Math.floor(ledger.hits.length / producers);
  const burst = context.option('burst');
  const least = context.option('least');
  let turns = 0;
  let wakes = 0;
  while (turns + burst <= most && !(turns >= least && signals.isStopped)) {
    const first = turns;
    for (let left = 1 + random.below(burst); left > 0; left--) {
      random.dawdle();
      if (queue.push(turns * producers + own) !== 0) throw new Error('there is room for all');
      turns++;
      if (lot.wakeOne() >= 0) wakes++;
    }
    for (let turn = first; turn < turns; turn++) {
      const value = turn * producers + own;
      for (;;) {
        const consumed = signals.load(CONSUMED);
        if (Atomics.load(ledger.hits, value) !== 0) break;
        signals.sleepWhile(CONSUMED, consumed);
      }
    }
  }
  signals.end();
  for (let place = 0; place < lot.workers; place++) if (lot.wake(place)) wakes++;
  return { turns, wakes };
}

/** Sleeps until there is a letter for it. */
function addressee(context: RoleContext): Numbers {
  const lot = ParkingLot.attach(context.memory, context.at('lot'));
  const place = context.option('place');
  const parker = new Parker(lot, place);
  const { signals, ledger } = context;
  const writers = context.option('producers');
  const ready = (): boolean => signals.load(BOX + place) !== 0 || signals.ended === writers;
  let parks = 0;
  for (;;) {
    const isOver = signals.ended === writers;
    const letter = signals.load(BOX + place);
    if (letter !== 0) {
      ledger.take(letter - 1);
      signals.store(BOX + place, 0);
      signals.wake(BOX + place);
    } else if (isOver) {
      return { parks, wakes: 0 };
    } else {
      parks++;
      parker.park(ready, Number.POSITIVE_INFINITY);
    }
  }
}

/** Puts letters into boxes, wakes whom they are for, and waits until they are taken. */
function writer(context: RoleContext): Numbers {
  const lot = ParkingLot.attach(context.memory, context.at('lot'));
  const { signals, random, ledger, patience } = context;
  const writers = context.option('producers');
  const own = context.option('producer');
  const most = Math.floor(ledger.hits.length / writers);
  const least = context.option('least');
  let turns = 0;
  let wakes = 0;
  while (turns < most && !(turns >= least && signals.isStopped)) {
    const place = random.below(lot.workers);
    const letter = turns * writers + own + 1;
    if (signals.swap(BOX + place, 0, letter) !== 0) {
      patience.wait();
      continue;
    }
    turns++;
    if (lot.wake(place)) wakes++;
    signals.sleepWhile(BOX + place, letter);
  }
  signals.end();
  for (let place = 0; place < lot.workers; place++) if (lot.wake(place)) wakes++;
  return { turns, wakes };
}

export const roles: Readonly<Record<string, Role>> = { worker, producer, addressee, writer };
