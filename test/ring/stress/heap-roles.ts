/** Threads that push to a heap, take the least, remove and move. */
import { attachRing, EMPTY, FULL, Heap, RETRY } from '../../../src/ring/index.ts';
import { checkHeap } from './heap-check.ts';
import { Marks } from './marks.ts';
import { Order } from './order.ts';
import type { Numbers, Role, RoleContext } from './role.ts';

/** Keys that a pusher gives: by chance; growing, some alike; all alike. */
export const KEYS = { random: 0, growing: 1, alike: 2 } as const;
const KEYS_MAX = 1000;
/** Own cells of the signals. */
const GOES_ON = 0;
const ROUND_ENDED = 1;
/** How far each pusher has come, for the removers. */
const TURN = 8;

function heapOf(context: RoleContext): Heap {
  return Heap.attach(context.memory, context.at('heap'), context.number);
}

function keyFor(context: RoleContext, turn: number): number {
  switch (context.option('keys')) {
    case KEYS.random:
      return context.random.below(KEYS_MAX);
    case KEYS.growing:
      return turn >> 2;
    default:
      return 7;
  }
}

/** Pushes each of its values once until it is told to stop. */
function pusher(context: RoleContext): Numbers {
  const heap = heapOf(context);
  const { signals, patience, random } = context;
  const pushers = context.option('pushers');
  const own = context.option('pusher');
  const least = context.option('least');
  const most = Math.floor(context.ledger.hits.length / pushers);
  let turns = 0;
  while (turns < most && !(turns >= least && signals.isStopped)) {
    random.dawdle();
    const answer = heap.push(keyFor(context, turns), turns * pushers + own);
    if (answer === 0) signals.store(TURN + own, ++turns);
    else if (answer === FULL || answer === RETRY) patience.wait();
    else throw new Error(`push answered ${answer}`);
  }
  signals.end();
  return { turns };
}

/** Takes the least until all pushers have ended and nothing is left. */
function popper(context: RoleContext): Numbers {
  const heap = heapOf(context);
  const marks = new Marks(context);
  const { signals, patience, random, ledger } = context;
  const pushers = context.option('pushers');
  const isOrdered = context.option('keys') !== KEYS.random;
  const states = context.at('states');
  const mark = context.number + 1;
  // A pusher's keys do not fall, and equal ones leave in their order (H4): while a value is in, none behind it is the least.
  const order = new Order(pushers);
  let taken = 0;
  for (;;) {
    random.dawdle();
    const isOver = signals.ended === pushers;
    const isMarked = random.oneIn(2);
    const value = isMarked ? heap.popMinMark(states, 4, mark) : heap.popMin();
    if (value === EMPTY && isOver) return { taken };
    if (value === EMPTY || value === RETRY) {
      patience.wait();
      continue;
    }
    ledger.take(value);
    marks.expect(value, isMarked ? mark : 0);
    if (isOrdered) order.see(value);
    taken++;
  }
}

/** Takes the least with its mark, until it is killed. */
function marker(context: RoleContext): undefined {
  const heap = heapOf(context);
  for (;;) {
    const value = heap.popMinMark(context.at('states'), 4, context.number + 1);
    if (value >= 0) context.ledger.take(value);
    else context.patience.wait();
  }
}

/** Removes values that were pushed a moment ago, where they still are in. */
function remover(context: RoleContext): Numbers {
  const heap = heapOf(context);
  const { signals, patience, random, ledger } = context;
  const pushers = context.option('pushers');
  let taken = 0;
  while (signals.ended < pushers) {
    random.dawdle();
    const own = random.below(pushers);
    const turn = signals.load(TURN + own) - random.below(12);
    if (turn < 0) continue;
    const wanted = turn * pushers + own;
    if (wanted >= ledger.hits.length) continue;
    const value = heap.remove(wanted);
    if (value === wanted) {
      ledger.take(value);
      taken++;
    } else if (value === EMPTY || value === RETRY) {
      patience.wait();
    } else {
      throw new Error(`remove(${wanted}) answered ${value}`);
    }
  }
  return { taken };
}

/** Gives new keys to values that are in and that nobody takes out: no more and no fewer entries at any time. */
function mover(context: RoleContext): Numbers {
  const heap = heapOf(context);
  const { signals, patience, random } = context;
  const values = context.ledger.hits.length;
  const least = context.option('least');
  let moves = 0;
  while (moves < least || !signals.isStopped) {
    random.dawdle();
    const answer = heap.push(random.below(KEYS_MAX), random.below(values));
    if (answer === 0) moves++;
    else if (answer === RETRY) patience.wait();
    else throw new Error(`a move answered ${answer}`);
    if (heap.size !== values) throw new Error(`the heap has ${heap.size} of ${values} entries`);
    if (!(heap.peek() < KEYS_MAX)) throw new Error(`the least key is ${heap.peek()}`);
  }
  return { moves };
}

/** Rounds in which all threads push two values each, move one of them, and take what is there. */
function stampede(context: RoleContext): Numbers {
  const { barrier, signals, ledger, random, number, patience, memory } = context;
  const heap = heapOf(context);
  const { i32 } = attachRing(memory);
  const least = context.option('least');
  const values = ledger.hits.length;
  const threads = values / 2;
  let rounds = 0;
  const put = (value: number): void => {
    for (;;) {
      const answer = heap.push(random.below(4), value);
      if (answer === 0) return;
      if (answer !== RETRY) throw new Error(`push answered ${answer}`);
      patience.wait();
    }
  };
  for (;;) {
    if (number === 0) {
      signals.store(ROUND_ENDED, 0);
      signals.store(GOES_ON, rounds < least || !signals.isStopped ? 1 : 0);
    }
    barrier.arrive();
    if (signals.load(GOES_ON) === 0) return { rounds };
    put(2 * number);
    put(2 * number + 1);
    signals.add(ROUND_ENDED, 1);
    for (;;) {
      const isOver = signals.load(ROUND_ENDED) === threads;
      const value = random.oneIn(2) ? heap.popMin() : heap.remove(random.below(values));
      if (value >= 0) ledger.take(value);
      else if (value === RETRY) patience.wait();
      else if (isOver && heap.size === 0) break;
    }
    barrier.arrive();
    if (number === 0) {
      ledger.check(() => true);
      ledger.clear(values);
      checkHeap(i32, context.at('heap'));
    }
    rounds++;
  }
}

/** Rounds in which each thread takes its share of a heap: keys that do not fall, equal ones in their order, and never EMPTY. */
function share(context: RoleContext): Numbers {
  const { barrier, signals, ledger, random, number, patience } = context;
  const heap = heapOf(context);
  const { i32 } = attachRing(context.memory);
  const least = context.option('least');
  const amount = context.option('share');
  const values = ledger.hits.length;
  const keys = new Int32Array(values);
  let rounds = 0;
  for (;;) {
    // The same keys on all threads: what they choose from is the same in each round.
    for (let value = 0; value < values; value++) keys[value] = (value * (rounds + 7)) % 16;
    if (number === 0) {
      for (let value = 0; value < values; value++) {
        if (heap.push(keys[value] as number, value) !== 0) throw new Error('nobody else is here');
      }
      signals.store(GOES_ON, rounds < least || !signals.isStopped ? 1 : 0);
    }
    barrier.arrive();
    if (signals.load(GOES_ON) === 0) return { rounds };
    let last = -1;
    for (let taken = 0; taken < amount; ) {
      const value = random.oneIn(2) ? heap.popMin() : heap.popMinMark(context.at('states'), 4, 1);
      if (value === EMPTY) throw new Error('EMPTY, though its share is there');
      if (value === RETRY) {
        patience.wait();
        continue;
      }
      ledger.take(value);
      // Pushed in the order of the values.
      const rank = (keys[value] as number) * values + value;
      if (rank <= last) throw new Error(`value ${value} (key ${keys[value]}) came too late`);
      last = rank;
      taken++;
    }
    barrier.arrive();
    if (number === 0) {
      ledger.check(() => true);
      ledger.clear(values);
      checkHeap(i32, context.at('heap'));
    }
    rounds++;
  }
}

/** Pushes a value and takes one, over and over. As all do so, there is room and something for each: neither FULL nor EMPTY. */
function turnstile(context: RoleContext): Numbers {
  const heap = heapOf(context);
  const { signals, ledger, patience, random, number } = context;
  const threads = context.option('threads');
  const most = Math.floor(ledger.hits.length / threads);
  const least = context.option('least');
  let turns = 0;
  while (turns < most && !(turns >= least && signals.isStopped)) {
    random.dawdle();
    const pushed = heap.push(random.below(KEYS_MAX), turns * threads + number);
    if (pushed === FULL) throw new Error('FULL, though there is room');
    if (pushed === RETRY) {
      patience.wait();
      continue;
    }
    turns++;
    let value = heap.popMin();
    for (; value === RETRY; value = heap.popMin()) patience.wait();
    if (value === EMPTY) throw new Error('EMPTY, though it has pushed more than it has taken');
    ledger.take(value);
  }
  return { turns };
}

/**
 * Pushes, moves and removes values of a range of its own, until it is killed. `present` says which are in, but for the one that
 * INTENT names (value + 1), where nobody knows how far it has come.
 */
function juggler(context: RoleContext): Numbers {
  const heap = heapOf(context);
  const { fn } = attachRing(context.memory);
  const { random, patience, signals } = context;
  const range = context.option('range');
  const from = context.option('place') * range;
  const intent = context.at('intents', context.option('place'));
  const present = context.at('present');
  let steps = 0;
  while (!signals.isStopped) {
    const value = from + random.below(range);
    const isIn = fn.load32(present + 4 * value) === 1;
    const isPush = !isIn || random.oneIn(2);
    fn.store32(intent, value + 1);
    const answer = isPush ? heap.push(random.below(KEYS_MAX), value) : heap.remove(value);
    if (answer !== RETRY) {
      if (answer !== (isPush ? 0 : value)) throw new Error(`value ${value}: answer ${answer}`);
      fn.store32(present + 4 * value, isPush ? 1 : 0);
    }
    fn.store32(intent, 0);
    if (answer === RETRY) patience.wait();
    steps++;
  }
  return { steps };
}

export const roles: Readonly<Record<string, Role>> = {
  pusher,
  popper,
  marker,
  remover,
  mover,
  stampede,
  share,
  turnstile,
  juggler,
};
