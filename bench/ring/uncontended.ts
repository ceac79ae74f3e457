/**
 * One thread pushes and takes, without anybody else: `uncontended.ts <configuration>`. Each step of fastbench is a batch of PER_BATCH
 * operations, as one is far shorter than a step; a batch that does nothing is subtracted.
 */
import {
  Batch,
  CompletionRing,
  Deque,
  FreeList,
  Heap,
  type RingFunctions,
} from '../../src/ring/index.ts';
import { fastBatches } from '../fast-batches.ts';
import { ablation } from './ablations.ts';
import { JsHeap } from './js-heap.ts';
import { BATCHES_ADDRESS, CAPACITY, createQueue, openQueue, type QueueName } from './queues.ts';
import { expectSame, serveRounds } from './rounds.ts';
import { TsDeque } from './ts-deque.ts';

const PER_BATCH = 1024;
const BATCHES = 100;
const HEAP_ENTRIES = 1000;
/** The sum of 0 … PER_BATCH - 1. */
const SUM = (PER_BATCH * (PER_BATCH - 1)) / 2;

/** Does PER_BATCH operations, and throws when what came out is not what went in. */
type Work = () => void;
type Works = Readonly<Record<string, Work>>;

const CONFIGURATIONS: Readonly<Record<string, () => Works | Promise<Works>>> = {
  mpmc_push_pop_wasm_ns: () => pairs('mpmc-wasm'),
  mpmc_push_pop_ts_ns: () => pairs('mpmc-ts'),
  mpmc_vyukov_push_pop_wasm_ns: () => pairs('mpmc-vyukov'),
  mpmc_plain_publish_push_pop_wasm_ns: () => pairs('mpmc-plain-publish'),
  mpmc_push_pop_wasm_inner_ns: inner,
  wasm_call_ns: calls,
  spsc_push_pop_wasm_ns: () => pairs('spsc-wasm'),
  spsc_push_pop_ts_ns: () => pairs('spsc-ts'),
  deque_push_steal_wasm_ns: () => steals(Deque.create(memory(), 0, { capacity: CAPACITY })),
  deque_push_steal_ts_ns: () => steals(TsDeque.create(memory(), CAPACITY)),
  completion_push_pop_wasm_ns: completions,
  free_pop_push_wasm_ns: free,
  heap_push_pop_1k_wasm_ns: () => heap(Heap.create(memory(), 0, { capacity: HEAP_ENTRIES + 1 })),
  heap_push_pop_1k_js_ns: () => heap(new JsHeap()),
  spsc_indices_push_pop_wasm_ns: () => pairs('spsc-indices'),
};

const configuration = process.argv[2] ?? '';
const [, structure, size = ''] =
  /^(mpmc|spsc|deque)_.*_batch_(\d+)_wasm_ns$/.exec(configuration) ?? [];
const works = Object.entries(
  structure === undefined
    ? ((await CONFIGURATIONS[configuration]?.()) ?? {})
    : await batches(structure, Number(size)),
);
if (works.length === 0) throw new Error(`there is no configuration '${configuration}'`);
serveRounds(async () => {
  const sample: Record<string, number> = {};
  for (const [name, work] of works) sample[name] = await nsPerOperation(work);
  return sample;
});

async function nsPerOperation(work: Work): Promise<number> {
  const empty = await fastBatches((done) => setImmediate(done), BATCHES);
  const full = await fastBatches((done) => {
    work();
    setImmediate(done);
  }, BATCHES);
  return ((full - empty) * 1e6) / (BATCHES * PER_BATCH);
}

function memory(): WebAssembly.Memory {
  return new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
}

async function pairs(name: QueueName): Promise<Works> {
  const queue = openQueue(await createQueue(name));
  return {
    [configuration]: () => {
      let sum = 0;
      for (let i = 0; i < PER_BATCH; i++) {
        queue.push(i);
        sum += queue.pop();
      }
      expectSame(configuration, sum, SUM);
    },
  };
}

/** The pairs in one call: what is left of mpmc_push_pop_wasm_ns without the way between JavaScript and WebAssembly. */
async function inner(): Promise<Works> {
  const { memory: arena } = await createQueue('mpmc-wasm');
  const instance = new WebAssembly.Instance(await ablation('inner'), { luge: { arena } });
  const mpmcPairs = instance.exports.mpmcPairs as (ring: number, count: number) => number;
  return { [configuration]: () => expectSame(configuration, mpmcPairs(0, PER_BATCH), SUM) };
}

/** One call: of a function that does nothing (its body is inlined), and of one that loads a cell (it is not). */
async function calls(): Promise<Works> {
  const arena = memory();
  const instance = new WebAssembly.Instance(await ablation('inner'), { luge: { arena } });
  const fn = instance.exports as unknown as RingFunctions & {
    nothing(ring: number, value: number): number;
  };
  return {
    wasm_call_empty_ns: () => {
      let sum = 0;
      for (let i = 0; i < PER_BATCH; i++) sum += fn.nothing(0, i);
      expectSame('wasm_call_empty_ns', sum, SUM);
    },
    wasm_call_load_ns: () => {
      let sum = 0;
      for (let i = 0; i < PER_BATCH; i++) sum += fn.load32(0) + i;
      expectSame('wasm_call_load_ns', sum, SUM);
    },
  };
}

function steals(deque: Pick<Deque, 'push' | 'steal'>): Works {
  return {
    [configuration]: () => {
      let sum = 0;
      for (let i = 0; i < PER_BATCH; i++) {
        deque.push(i);
        sum += deque.steal();
      }
      expectSame(configuration, sum, SUM);
    },
  };
}

function completions(): Works {
  const ring = CompletionRing.create(memory(), 0, { capacity: CAPACITY });
  return {
    [configuration]: () => {
      let sum = 0;
      for (let i = 0; i < PER_BATCH; i++) {
        ring.push(i);
        sum += ring.pop();
      }
      expectSame(configuration, sum, SUM);
    },
  };
}

function free(): Works {
  const list = FreeList.create(memory(), 0, { count: CAPACITY });
  return {
    [configuration]: () => {
      let sum = 0;
      for (let i = 0; i < PER_BATCH; i++) {
        const index = list.pop();
        sum += index + i;
        list.push(index);
      }
      expectSame(configuration, sum, SUM); // the lowest index, 0, is on top
      expectSame(`${configuration}: free`, list.free, CAPACITY);
    },
  };
}

/** The hold model: the least goes out and comes back some way behind, so that the heap keeps its 1000 entries. */
function heap(queue: Pick<Heap, 'popMin'> & { push(key: number, value: number): unknown }): Works {
  const keys = new Float64Array(HEAP_ENTRIES);
  let seed = 1;
  const random = (): number => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff;
    return seed >> 8;
  };
  for (let value = 0; value < HEAP_ENTRIES; value++) {
    keys[value] = random();
    queue.push(keys[value] as number, value);
  }
  let last = 0;
  return {
    [configuration]: () => {
      let wrong = 0;
      for (let i = 0; i < PER_BATCH; i++) {
        const value = queue.popMin();
        const key = keys[value] as number;
        wrong += key >= last ? 0 : 1; // NaN counts: there was no such value
        last = key;
        keys[value] = key + random();
        queue.push(keys[value] as number, value);
      }
      expectSame(`${configuration}: out of order`, wrong, 0);
    },
  };
}

/** Nanoseconds a value, the filling and the reading of the batch included: a caller has to do it, too. */
async function batches(structure: string, size: number): Promise<Works> {
  if (structure === 'deque') return stealBatches(size);
  const shared = await createQueue(`${structure}-wasm` as QueueName);
  const queue = openQueue(shared);
  const batch = new Batch(shared.memory, BATCHES_ADDRESS, size);
  const { values } = batch;
  return {
    [configuration]: () => {
      let sum = 0;
      for (let next = 0; next < PER_BATCH; ) {
        for (let i = 0; i < size; i++) values[i] = next++;
        queue.pushMany(batch, size);
        const n = queue.popMany(batch, size);
        for (let i = 0; i < n; i++) sum += values[i] as number;
      }
      expectSame(configuration, sum, SUM);
    },
  };
}

/** Single pushes and batched steals. A steal takes half of what is there at most, so as much again stays behind. */
function stealBatches(size: number): Works {
  const arena = memory();
  const deque = Deque.create(arena, 0, { capacity: CAPACITY, batch: size });
  const batch = new Batch(arena, BATCHES_ADDRESS, size);
  const { values } = batch;
  for (let i = 0; i < size; i++) deque.push(PER_BATCH - size + i); // as if left over from the batch before
  return {
    [configuration]: () => {
      let sum = 0;
      for (let next = 0; next < PER_BATCH; ) {
        for (let i = 0; i < size; i++) deque.push(next++);
        const n = deque.stealBatch(batch, size);
        for (let i = 0; i < n; i++) sum += values[i] as number;
      }
      expectSame(configuration, sum, SUM);
      expectSame(`${configuration}: left`, deque.size, size);
    },
  };
}
