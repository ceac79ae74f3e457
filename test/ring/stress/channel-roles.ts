/** Producers and consumers of the rings: mpmc, spsc, completion. */
import { attachRing, Batch, EMPTY, FULL, RETRY } from '../../../src/ring/index.ts';
import { attachChannel, type Channel, createChannel } from './channel.ts';
import { Order } from './order.ts';
import type { Numbers, Role, RoleContext } from './role.ts';
import { anyStart } from './starts.ts';

/** Values of one batch: more than the 8 that mpmc claims at once. */
export const BATCH = 11;
/** Own cells of the signals (0 is the channel's). */
const ROUND_ENDED = 1;
const GOES_ON = 2;
/** How many pushes are over for certain. */
const PUSHED = 3;

/** One side of a channel: single values, batches, or one or the other by chance (`many` = 0, 1, 2). */
class Side {
  readonly #context: RoleContext;
  readonly #channel: Channel;
  readonly #batch: Batch;
  readonly #many: number;

  constructor(context: RoleContext) {
    this.#context = context;
    this.#channel = attachChannel(context);
    this.#batch = new Batch(context.memory, context.at('batches', context.number), BATCH);
    this.#many = context.option('many');
  }

  #takesMany(): boolean {
    return this.#many === 2 ? this.#context.random.oneIn(2) : this.#many === 1;
  }

  /** Pushes values from `first` on, `step` apart and at most `count`: how many, or FULL. */
  push(first: number, step: number, count: number): number {
    if (!this.#takesMany()) {
      const answer = this.#channel.push(first);
      if (answer !== 0 && answer !== FULL) throw new Error(`push answered ${answer}`);
      return answer === 0 ? 1 : FULL;
    }
    const wanted = Math.min(count, 1 + this.#context.random.below(BATCH));
    for (let i = 0; i < wanted; i++) this.#batch.values[i] = first + i * step;
    const pushed = this.#channel.pushMany(this.#batch, wanted);
    if (pushed !== FULL && !(pushed >= 1 && pushed <= wanted)) {
      throw new Error(`pushMany of ${wanted} answered ${pushed}`);
    }
    return pushed;
  }

  /** Takes at most `max` values and shows them to `see`: how many, EMPTY, or RETRY. */
  pop(max: number, see: (value: number) => void): number {
    if (!this.#takesMany()) {
      const value = this.#channel.pop();
      if (value === EMPTY || value === RETRY) return value;
      see(value);
      return 1;
    }
    const wanted = Math.min(max, 1 + this.#context.random.below(BATCH));
    const popped = this.#channel.popMany(this.#batch, wanted);
    if (popped > wanted || popped === 0) throw new Error(`popMany of ${wanted} answered ${popped}`);
    if (this.#batch.count !== Math.max(popped, 0)) {
      throw new Error(`popMany answered ${popped} and left a count of ${this.#batch.count}`);
    }
    for (let i = 0; i < popped; i++) see(this.#batch.values[i] as number);
    return popped;
  }
}

/** Pushes its values in order until it is told to stop, but at least `least`. */
function producer(context: RoleContext): Numbers {
  const side = new Side(context);
  const { signals, patience, random } = context;
  const producers = context.option('producers');
  const own = context.option('producer');
  const least = context.option('least');
  const most = Math.floor(context.ledger.hits.length / producers);
  let turns = 0;
  while (turns < most && !(turns >= least && signals.isStopped)) {
    random.dawdle();
    const pushed = side.push(turns * producers + own, producers, most - turns);
    if (pushed === FULL) {
      patience.wait();
      continue;
    }
    turns += pushed;
    signals.add(PUSHED, pushed);
  }
  signals.end();
  return { turns };
}

/**
 * Pushes some values and takes as many, over and over. As all do so, there is room for its own values, and one for each of them: it
 * may be told RETRY, as others push too, but neither FULL nor EMPTY.
 */
function turnstile(context: RoleContext): Numbers {
  const side = new Side(context);
  const { signals, ledger, patience, random, number } = context;
  const threads = context.option('threads');
  const most = Math.floor(ledger.hits.length / threads);
  const amount = context.option('share');
  const least = context.option('least');
  const order = new Order(threads);
  const see = (value: number): void => {
    ledger.take(value);
    order.see(value);
  };
  let turns = 0;
  while (turns + amount <= most && !(turns >= least && signals.isStopped)) {
    const end = turns + 1 + random.below(amount);
    const first = turns;
    while (turns < end) {
      random.dawdle();
      const pushed = side.push(turns * threads + number, threads, end - turns);
      if (pushed < 0) throw new Error(`push answered ${pushed}, though there is room`);
      turns += pushed;
    }
    for (let left = end - first; left > 0; ) {
      const popped = side.pop(left, see);
      if (popped === EMPTY) throw new Error('EMPTY, though it has pushed more than it has taken');
      if (popped === RETRY) patience.wait();
      else left -= popped;
    }
  }
  return { turns };
}

/** Pushes its values in order until it is killed; `progress` says how many are pushed for certain. */
function doomedProducer(context: RoleContext): undefined {
  const side = new Side(context);
  const { fn } = attachRing(context.memory);
  const producers = context.option('producers');
  const own = context.option('producer');
  const most = Math.floor(context.ledger.hits.length / producers);
  for (let turns = 0; ; ) {
    const pushed = side.push(turns * producers + own, producers, most - turns);
    if (pushed === FULL) context.patience.wait();
    else turns += pushed;
    fn.store32(context.at('progress', own), turns);
    while (turns === most) context.patience.nap();
  }
}

/** The only consumer of producers that are killed: when they all are, it takes what is left. */
function survivor(context: RoleContext): Numbers {
  const side = new Side(context);
  const { signals, ledger, patience } = context;
  const order = new Order(context.option('producers'));
  const see = (value: number): void => {
    ledger.take(value);
    order.seeNext(value);
  };
  for (let taken = 0; ; ) {
    const isOver = signals.isStopped;
    const popped = side.pop(BATCH, see);
    if (popped === EMPTY && isOver) return { taken };
    if (popped === RETRY && isOver) throw new Error('RETRY: a producer died behind its claim');
    if (popped < 0) patience.wait();
    else taken += popped;
  }
}

/** Takes values until it is killed; the count of its batch says what it holds. */
function doomedConsumer(context: RoleContext): undefined {
  const side = new Side(context);
  const order = new Order(1);
  const see = (value: number): void => {
    context.ledger.take(value);
    order.see(value);
  };
  for (;;) if (side.pop(BATCH, see) < 0) context.patience.wait();
}

/** Takes values until all producers have ended and nothing is left. */
function consumer(context: RoleContext): Numbers {
  const side = new Side(context);
  const { signals, patience, random, ledger } = context;
  const producers = context.option('producers');
  const isOnly = context.option('consumers') === 1;
  const order = new Order(producers);
  let taken = 0;
  const see = (value: number): void => {
    ledger.take(value);
    if (isOnly) order.seeNext(value);
    else order.see(value);
  };
  for (;;) {
    random.dawdle();
    const isOver = signals.ended === producers;
    const pushed = signals.load(PUSHED);
    const popped = side.pop(BATCH, see);
    if (popped === EMPTY && isOnly && taken < pushed) {
      throw new Error(`EMPTY behind ${taken} values, though ${pushed} were pushed`);
    }
    if (popped === EMPTY && isOver) return { taken };
    // RETRY is for a value that is being pushed.
    if (popped === RETRY && isOver) throw new Error('RETRY, though nobody pushes');
    if (popped < 0) patience.wait();
    else taken += popped;
  }
}

/**
 * Rounds on a new ring, whose counters begin anywhere and which holds next to nothing: all threads start at once. `producers` push
 * up to 3 values each, the others take until nothing is left.
 */
function stampede(context: RoleContext): Numbers {
  const { barrier, signals, ledger, patience, random, number } = context;
  const producers = context.option('producers');
  const least = context.option('least');
  const values = 3 * producers;
  let rounds = 0;
  let side: Side | undefined;
  for (;;) {
    if (number === 0) {
      const start = anyStart(random, values);
      createChannel(context, { capacity: context.option('capacity'), start });
      signals.store(ROUND_ENDED, 0);
      signals.store(GOES_ON, rounds < least || !signals.isStopped ? 1 : 0);
    }
    barrier.arrive();
    if (signals.load(GOES_ON) === 0) return { rounds };
    side ??= new Side(context);
    barrier.arrive();
    if (number < producers) {
      for (let turn = 0; turn < 3; ) {
        const pushed = side.push(turn * producers + number, producers, 3 - turn);
        if (pushed === FULL) patience.wait();
        else turn += pushed;
      }
      signals.add(ROUND_ENDED, 1);
    } else {
      const order = new Order(producers);
      const see = (value: number): void => {
        ledger.take(value);
        order.see(value);
      };
      for (;;) {
        const isOver = signals.load(ROUND_ENDED) === producers;
        const popped = side.pop(BATCH, see);
        if (popped === EMPTY && isOver) break;
        if (popped === RETRY && isOver) throw new Error('RETRY, though nobody pushes');
        if (popped < 0) patience.wait();
      }
    }
    barrier.arrive();
    if (number === 0) {
      ledger.check((value) => value < values);
      ledger.clear(values);
    }
    rounds++;
  }
}

/**
 * Rounds in which all threads push `share` values each, and then take as many each. There is room for all of them and enough for
 * all of them, so nobody may ever be refused, however the threads run.
 */
function share(context: RoleContext): Numbers {
  const { barrier, signals, ledger, random, number } = context;
  const threads = context.option('threads');
  const amount = context.option('share');
  const least = context.option('least');
  let rounds = 0;
  let side: Side | undefined;
  for (;;) {
    if (number === 0) {
      // Not each time: a ring that has been round knows its counters of old.
      if (rounds === 0 || random.oneIn(4)) {
        const start = anyStart(random, threads * amount);
        createChannel(context, { capacity: context.option('capacity'), start });
      }
      signals.store(GOES_ON, rounds < least || !signals.isStopped ? 1 : 0);
    }
    barrier.arrive();
    if (signals.load(GOES_ON) === 0) return { rounds };
    side ??= new Side(context);
    barrier.arrive();
    for (let turn = 0; turn < amount; ) {
      const pushed = side.push(turn * threads + number, threads, amount - turn);
      if (pushed < 0) throw new Error(`push answered ${pushed}, though there is room`);
      turn += pushed;
    }
    barrier.arrive();
    const order = new Order(threads);
    const see = (value: number): void => {
      ledger.take(value);
      order.see(value);
    };
    for (let taken = 0; taken < amount; ) {
      const popped = side.pop(amount - taken, see);
      if (popped < 0) throw new Error(`pop answered ${popped}, though its share is there`);
      taken += popped;
    }
    barrier.arrive();
    if (number === 0) {
      ledger.check(() => true);
      ledger.clear(threads * amount);
    }
    rounds++;
  }
}

export const roles: Readonly<Record<string, Role>> = {
  producer,
  consumer,
  stampede,
  share,
  turnstile,
  doomedProducer,
  doomedConsumer,
  survivor,
};
