/** The owner of a deque and its thieves. */
import { Batch, Deque, EMPTY, FULL, RETRY } from '../../../src/ring/index.ts';
import { Marks } from './marks.ts';
import { Order } from './order.ts';
import type { Numbers, Role, RoleContext } from './role.ts';
import { anyStart } from './starts.ts';

/** The ways of stealing; `ANY_WAY` takes one by chance each time. */
export const WAY = { steal: 0, mark: 1, batch: 2 } as const;
export const ANY_WAY = 3;
/** Values that a thief's batch has room for, and that one thread takes without a pause. */
export const BATCH = 5;
/** Own cells of the signals. */
const ROUND_ENDED = 0;
const GOES_ON = 1;

/** The owner's side: it knows what it pushed and has not popped, and thieves take the oldest of it. */
class Owner {
  readonly #deque: Deque;
  readonly #context: RoleContext;
  readonly #marks: Marks | undefined;
  /** Values by depth, modulo the capacity, as in the deque itself. */
  readonly #stack: Int32Array;
  readonly #popped: Int32Array = new Int32Array(BATCH);
  #depth = 0;
  /** Pops that could have changed TAG: a thief's RETRY is due to one of them, or to another thief. */
  pops = 0;

  constructor(context: RoleContext, marks?: Marks) {
    this.#context = context;
    this.#marks = marks;
    this.#deque = Deque.attach(context.memory, context.at('deque'));
    this.#stack = new Int32Array(this.#deque.capacity);
  }

  /** Whether there was room. */
  push(value: number): boolean {
    const answer = this.#deque.push(value);
    if (answer === FULL) {
      if (this.#depth < this.#stack.length) throw new Error(`FULL at ${this.#depth} values`);
      return false;
    }
    if (answer !== 0) throw new Error(`push answered ${answer}`);
    this.#stack[this.#depth % this.#stack.length] = value;
    this.#depth++;
    return true;
  }

  /** Pops up to `max` values without a pause, and looks at them then. Whether there were so many. */
  pop(max: number): boolean {
    let count = 0;
    let value = 0;
    while (count < max) {
      value = this.#deque.pop();
      if (value === EMPTY) break;
      this.#popped[count++] = value;
    }
    this.pops += count + 1;
    for (let i = 0; i < count; i++) this.#see(this.#popped[i] as number);
    if (value === EMPTY) this.#depth = 0;
    return count === max;
  }

  #see(value: number): void {
    this.#depth--;
    const newest = this.#stack[this.#depth % this.#stack.length];
    if (value !== newest) throw new Error(`the owner popped ${value}, its newest is ${newest}`);
    this.#context.ledger.take(value);
    this.#marks?.expect(value, 0);
  }
}

class Thief {
  readonly #deque: Deque;
  readonly #context: RoleContext;
  readonly #batch: Batch;
  readonly #way: number;
  /** Values that it steals without a pause. */
  readonly #burst: number;
  readonly #stolen: Int32Array = new Int32Array(BATCH);
  readonly #marks: Marks | undefined;
  #order: Order = new Order(1);
  taken = 0;
  retries = 0;
  empties = 0;

  /** `marks` only where each value comes once: in rounds there are marks of earlier ones. */
  constructor(context: RoleContext, marks?: Marks) {
    this.#context = context;
    this.#deque = Deque.attach(context.memory, context.at('deque'));
    this.#batch = new Batch(context.memory, context.at('batches', context.number), BATCH);
    this.#way = context.option('way');
    this.#burst = context.option('burst');
    this.#marks = marks;
  }

  /** Values are counted from 0 again. */
  forget(): void {
    this.#order = new Order(1);
  }

  /** Steals at most `max` values: how many, EMPTY, or RETRY. */
  steal(max: number): number {
    const way = this.#way === ANY_WAY ? this.#context.random.below(ANY_WAY) : this.#way;
    const answer =
      way === WAY.batch ? this.#stealBatch(max) : this.#stealSome(way, Math.min(max, this.#burst));
    if (answer === RETRY) this.retries++;
    else if (answer === EMPTY) this.empties++;
    else if (answer > 0) this.taken += answer;
    return answer;
  }

  /** One by one: who looks at a value before it takes the next one is seldom in another one's way. */
  #stealSome(way: number, max: number): number {
    const states = this.#context.at('states');
    const mark = way === WAY.mark ? this.#context.number + 1 : 0;
    let count = 0;
    let value = EMPTY;
    while (count < max) {
      value = mark === 0 ? this.#deque.steal() : this.#deque.stealMark(states, 4, mark);
      if (value === EMPTY || value === RETRY) break;
      this.#stolen[count++] = value;
    }
    for (let i = 0; i < count; i++) this.#see(this.#stolen[i] as number, mark);
    if (count === 0) return value;
    // What was said behind the values counts, too.
    if (value === RETRY) this.retries++;
    else if (value === EMPTY) this.empties++;
    return count;
  }

  #stealBatch(max: number): number {
    const wanted = Math.min(max, 1 + this.#context.random.below(BATCH));
    const count = this.#deque.stealBatch(this.#batch, wanted);
    if (count > wanted || count === 0) throw new Error(`a steal of ${wanted} answered ${count}`);
    if (this.#batch.count !== Math.max(count, 0)) {
      throw new Error(`stealBatch answered ${count} and left a count of ${this.#batch.count}`);
    }
    for (let i = 0; i < count; i++) this.#see(this.#batch.values[i] as number, 0);
    return count;
  }

  /** Pushed in ascending order and stolen from the old end: each thief's values ascend, whatever the owner pops meanwhile. */
  #see(value: number, mark: number): void {
    this.#context.ledger.take(value);
    this.#order.see(value);
    this.#marks?.expect(value, mark);
  }
}

/** Pushes until it is told to stop, but at least `least` values, and pops now and then, if it `pops`. */
function owner(context: RoleContext): Numbers {
  const own = new Owner(context, new Marks(context));
  const { signals, patience, random } = context;
  const least = context.option('least');
  const popping = context.option('pops') === 1;
  const most = context.ledger.hits.length;
  let pushed = 0;
  while (pushed < most && !(pushed >= least && signals.isStopped)) {
    random.dawdle();
    for (let left = 1 + random.below(4); left > 0 && pushed < most; left--) {
      if (own.push(pushed)) pushed++;
      else patience.wait();
    }
    if (popping) own.pop(random.below(BATCH + 1));
  }
  if (popping) while (own.pop(BATCH));
  signals.end();
  return { pushed, pops: own.pops };
}

/** Steals until the owner has ended and nothing is left. */
function thief(context: RoleContext): Numbers {
  const own = new Thief(context, new Marks(context));
  const { signals, patience, random } = context;
  for (;;) {
    random.dawdle();
    const isOver = signals.ended === 1;
    const answer = own.steal(BATCH);
    if (answer === EMPTY && isOver) return { taken: own.taken, retries: own.retries };
    if (answer < 0) patience.wait();
  }
}

/** Rounds on a new deque with a handful of values, which the owner (thread 0) and all thieves want at once. */
function stampede(context: RoleContext): Numbers {
  const { barrier, signals, ledger, random, number, memory, patience } = context;
  const least = context.option('least');
  const values = ledger.hits.length;
  let rounds = 0;
  let own: Owner | undefined;
  let thieving: Thief | undefined;
  for (;;) {
    const before = random.below(values + 1);
    if (number === 0) {
      Deque.create(memory, context.at('deque'), {
        capacity: context.option('capacity'),
        batch: 1 + random.below(context.option('batch')),
        start: anyStart(random, values),
      });
      own = new Owner(context);
      for (let value = 0; value < before; value++) own.push(value);
      signals.store(ROUND_ENDED, 0);
      signals.store(GOES_ON, rounds < least || !signals.isStopped ? 1 : 0);
    }
    barrier.arrive();
    if (signals.load(GOES_ON) === 0) return { rounds };
    thieving ??= number === 0 ? undefined : new Thief(context);
    barrier.arrive();
    if (own !== undefined) {
      for (let value = before; value < values; value++) {
        own.push(value);
        if (random.oneIn(2)) own.pop(1);
      }
      while (own.pop(BATCH));
      signals.store(ROUND_ENDED, 1);
    } else if (thieving !== undefined) {
      thieving.forget();
      for (;;) {
        const isOver = signals.load(ROUND_ENDED) === 1;
        const answer = thieving.steal(BATCH);
        if (answer === EMPTY && isOver) break;
        if (answer === EMPTY) patience.wait();
      }
    }
    barrier.arrive();
    if (number === 0) {
      ledger.check(() => true);
      ledger.clear(values);
    }
    rounds++;
  }
}

/** Rounds in which each thread steals its share of what is there: there is enough, so nobody may be told EMPTY. */
function share(context: RoleContext): Numbers {
  const { barrier, signals, ledger, random, number, memory } = context;
  const least = context.option('least');
  const amount = context.option('share');
  const capacity = context.option('capacity');
  const values = ledger.hits.length;
  let rounds = 0;
  let own: Thief | undefined;
  for (;;) {
    if (number === 0) {
      const start = anyStart(random, values);
      const deque = Deque.create(memory, context.at('deque'), { capacity, start });
      for (let value = 0; value < values; value++) deque.push(value);
      signals.store(GOES_ON, rounds < least || !signals.isStopped ? 1 : 0);
    }
    barrier.arrive();
    if (signals.load(GOES_ON) === 0) return { rounds };
    own ??= new Thief(context);
    own.forget();
    barrier.arrive();
    for (let taken = 0; taken < amount; ) {
      const answer = own.steal(amount - taken);
      if (answer > 0) taken += answer;
      if (own.empties > 0) throw new Error('EMPTY, though its share is there');
    }
    barrier.arrive();
    if (number === 0) {
      ledger.check(() => true);
      ledger.clear(values);
    }
    rounds++;
  }
}

export const roles: Readonly<Record<string, Role>> = { owner, thief, stampede, share };
