/** Threads that take indices from a free list and give them back, one by one or as chains. */
import { attachRing, CHAIN_FIRST, ChunkPool, EMPTY, FreeList } from '../../../src/ring/index.ts';
import { Ownership } from './ownership.ts';
import type { Numbers, Role, RoleContext } from './role.ts';
import { anyStart } from './starts.ts';

export const CHUNK_BYTES = 128;
const CHAIN_COUNT = 8;
/** Own cells of the signals. */
const GOES_ON = 0;

/** Holds up to `hold` indices, in no order; where there are enough for all, EMPTY is a fault. */
function keeper(context: RoleContext): Numbers {
  const list = FreeList.attach(context.memory, context.at('list'));
  const own = new Ownership(context.ledger, context.number);
  const { signals, random, patience } = context;
  const hold = context.option('hold');
  const isEnough = context.option('threads') * hold <= list.count;
  const least = context.option('least');
  const held: number[] = [];
  let changes = 0;
  for (let step = 0; step < least || !signals.isStopped; step++) {
    if (held.length < hold && (held.length === 0 || random.oneIn(2))) {
      const index = list.pop();
      if (index === EMPTY) {
        if (isEnough) throw new Error('EMPTY, though there are enough for all');
        patience.wait();
        continue;
      }
      own.take(index);
      held.push(index);
    } else {
      const [index = EMPTY] = held.splice(random.below(held.length), 1);
      own.release(index);
      list.push(index);
    }
    changes++;
  }
  for (const index of held) {
    own.release(index);
    list.push(index);
    changes++;
  }
  return { changes };
}

/** Rounds in which all threads want one of too few indices of a new list at once, and give it back. */
function stampede(context: RoleContext): Numbers {
  const { barrier, signals, random, number, memory, ledger } = context;
  const own = new Ownership(ledger, number);
  const least = context.option('least');
  const count = ledger.hits.length;
  let rounds = 0;
  let list: FreeList | undefined;
  for (;;) {
    if (number === 0) {
      FreeList.create(memory, context.at('list'), { count, start: anyStart(random, 8) });
      signals.store(GOES_ON, rounds < least || !signals.isStopped ? 1 : 0);
    }
    barrier.arrive();
    if (signals.load(GOES_ON) === 0) return { rounds };
    list ??= FreeList.attach(memory, context.at('list'));
    barrier.arrive();
    for (let turn = 0; turn < 4; turn++) {
      const index = list.pop();
      if (index === EMPTY) continue;
      own.take(index);
      own.release(index);
      list.push(index);
    }
    barrier.arrive();
    if (number === 0) {
      const all = new Set(Array.from({ length: count }, () => list?.pop() ?? EMPTY));
      if (all.size !== count || all.has(EMPTY) || list.pop() !== EMPTY) {
        throw new Error(`the list holds ${[...all]} and should hold ${count} indices`);
      }
    }
    rounds++;
  }
}

/** Builds chains, writes into their chunks, and looks whether chain and chunks are still its own before it releases them. */
function builder(context: RoleContext): Numbers {
  const { memory, signals, random, patience, number } = context;
  const list = FreeList.attach(memory, context.at('list'));
  const pool = new ChunkPool(list, context.at('chunks'), CHUNK_BYTES);
  const own = new Ownership(context.ledger, number);
  const { i32 } = attachRing(memory);
  const chain = context.at('chains', number);
  const longest = context.option('longest');
  const least = context.option('least');
  const isEnough = context.option('threads') * longest <= list.count;
  let chains = 0;
  while (chains < least || !signals.isStopped) {
    const model: number[] = [];
    for (let left = random.below(longest + 1); left > 0; left--) {
      const index = pool.append(chain);
      if (index === EMPTY) {
        if (isEnough) throw new Error('EMPTY, though there are enough for all');
        break;
      }
      own.take(index);
      model.push(index);
      i32.fill(number, pool.addressOf(index) >> 2, (pool.addressOf(index) + CHUNK_BYTES) >> 2);
    }
    if (model.length === 0) patience.wait();
    const first = (i32[(chain + CHAIN_FIRST) >> 2] as number) - 1;
    if (i32[(chain + CHAIN_COUNT) >> 2] !== model.length || (model[0] ?? EMPTY) !== first) {
      throw new Error(`chain ${number} begins with ${first} instead of ${model}`);
    }
    for (const [i, index] of model.entries()) {
      const at = pool.addressOf(index) >> 2;
      const foreign = i32.subarray(at, at + CHUNK_BYTES / 4).findIndex((cell) => cell !== number);
      if (foreign !== -1) throw new Error(`thread ${i32[at + foreign]} wrote chunk ${index} too`);
      const next = pool.next(index);
      if (next !== (model[i + 1] ?? EMPTY)) {
        throw new Error(`chunk ${next} is behind chunk ${index} of chain ${model}`);
      }
      own.release(index);
    }
    pool.release(chain);
    chains++;
  }
  return { chains };
}

export const roles: Readonly<Record<string, Role>> = { keeper, stampede, builder };
