/**
 * One slot of an arena, with what its worker and its producer need of the rest, for scenarios of protocols that live in src (parts.ts, feed.ts): as
 * much of an Arena as that code asks for. The lot has the worker's place, and one for the producer instead of its bell: it announces, looks again and sleeps just
 * so (lot.wat, P1; bell.wat, B1).
 */
import { announceAll, deliver } from '../../../src/core/delivery.ts';
import {
  type Arena,
  attachRing,
  CompletionRing,
  FreeList,
  ParkingLot,
  type RingFunctions,
} from '../../../src/ring/index.ts';
import { Exchange, OUTCOME, SLOT_STATE } from '../../../src/sandbox/index.ts';
import type { RecordedRing } from '../recorded.ts';
import type { Cells, DirectCall, OperationName } from '../scenario.ts';
import { cellNames } from './layouts.ts';

export const RING = 0;
export const LOT = 512;
const LIST = 1280;
const CONTROL = 1792;
export const STIR: number = CONTROL + 132;
export const SLOT = 2176;
const SLOT_BYTES = 1280;
const CHUNKS = SLOT + SLOT_BYTES;
const CHUNK_COUNT = 4;
const CHUNK_BYTES = 16;
export const BYTES: number = CHUNKS + CHUNK_COUNT * CHUNK_BYTES;

/** Its place in the lot. */
export const CONSUMER = 1;
export const MARK: number = SLOT_STATE.CLAIMED;
export const NEVER: number = Number.POSITIVE_INFINITY;
export const MESSAGE = 'lost';

export function arenaOver(
  ring: RecordedRing,
  onArm: (onRing: () => void) => void = () => {},
): Arena {
  const { fn } = ring;
  const lot = {
    ...{ ring, address: LOT, workers: 2 },
    wake: (w: number) => fn.wakeWorker(LOT, w) === 1,
  };
  const arena = {
    ...{ ring, lot },
    constraints: { producers: 2, workers: 1, slots: 1, slotBytes: SLOT_BYTES },
    layout: { ringCapacity: 2 },
    slotAddress: () => SLOT,
    controlAddress: () => CONTROL,
    slotList: { push: () => {} },
    deque: () => undefined,
    chunks: {
      chunkBytes: CHUNK_BYTES,
      append: (chain: number) => fn.chainAppend(chain, LIST),
      next: (chunk: number) => fn.chainNext(LIST, chunk),
      release: (chain: number) => fn.chainRelease(chain, LIST),
      addressOf: (chunk: number) => CHUNKS + chunk * CHUNK_BYTES,
    },
    completions: () => ({
      push: (value: number) => fn.completionPush(RING, value),
      finish: (value: number, state: number, expected: number, next: number) =>
        fn.completionFinish(RING, value, state, expected, next) === 1,
      pop: () => fn.completionPop(RING),
    }),
    bell: () => ({
      ring: () => fn.wakeWorker(LOT, CONSUMER),
      arm: (onRing: () => void) => {
        onArm(onRing);
        fn.sleepBegin(LOT, CONSUMER);
      },
    }),
  };
  return arena as unknown as Arena;
}

/** The structures, and the slot as its worker has claimed it. */
export function opened(memory: WebAssembly.Memory): Exchange {
  CompletionRing.create(memory, RING, { capacity: 4 });
  ParkingLot.create(memory, LOT, { workers: 2 });
  FreeList.create(memory, LIST, { count: CHUNK_COUNT });
  const exchange = new Exchange(arenaOver(attachRing(memory)), 0);
  exchange.open(0, 0, 0, NEVER);
  exchange.started(0, 0);
  exchange.state = MARK;
  return exchange;
}

/** What the supervisor does for each request that a dead worker had claimed. */
export function answerForTheDead(
  memory: WebAssembly.Memory,
  call: DirectCall,
  isSilent = false,
): void {
  const fn = new Proxy({} as RingFunctions, {
    get:
      (_, name) =>
      (...args: number[]) =>
        call(name as OperationName, ...args),
  });
  const arena = arenaOver({ ...attachRing(memory), fn });
  const exchange = new Exchange(arena, 0);
  if (exchange.state === MARK) {
    exchange.attach();
    exchange.fail(OUTCOME.WORKER_LOST, MESSAGE);
    deliver(arena, exchange, MARK);
  }
  if (!isSilent) announceAll(arena);
}

/** What has not come back at the end. */
export function missing({ i32 }: Cells): string | undefined {
  let free = 0;
  for (let next = i32[(LIST + 128) >> 2] as number; next !== 0; free++)
    next = i32[((LIST + 384) >> 2) + next - 1] as number;
  if (free !== CHUNK_COUNT) return `${free} of ${CHUNK_COUNT} chunks came back`;
  return i32[SLOT >> 2] === SLOT_STATE.FREE ? undefined : 'the slot did not come back';
}

export function slotCells(cells: Readonly<Record<number, string>>): (address: number) => string {
  return cellNames({
    128: 'TAIL',
    [LOT + 128]: 'SLEEPERS',
    [LOT + 256]: 'SEARCHERS',
    [LOT + 384]: 'WAKE of the worker',
    [LOT + 512]: 'WAKE of the producer',
    [STIR]: 'STIR',
    [SLOT]: 'STATE',
    ...cells,
  });
}

/** Constants, and what only one side touches at a time: chains, bytes, the chunks' list (a structure of its own, explored elsewhere). */
export function slotIsQuiet(steps: readonly number[]): (address: number) => boolean {
  return (address) =>
    address < RING + 128 ||
    address === RING + 256 ||
    (address >= LOT && address < LOT + 128) ||
    (address >= LIST && !steps.includes(address));
}
