/**
 * Request bodies that come in while their guests run (src/sandbox/feed.ts, F1 to F7): producer and worker run the code of src itself, over the ring's text.
 *
 *   producer  Producer, BodyFeed, Exchange; whoever has the bytes is `producer` here
 *   worker    Feed, takeInput, GuestInputs, deliver, Parker; what a host call does, and WorkerLoop when it is idle, is `guest`
 *
 * Whatever is written is read once and in its order, no guest sleeps behind a part or the end, no producer waits for a guest that has read, and all chunks come back, also
 * when the worker dies. `BROKEN_FEEDS` do one thing in another order, each, and are caught.
 */
import { deliver } from '../../../src/core/delivery.ts';
import { GuestInputs } from '../../../src/core/guest-inputs.ts';
import { Producer } from '../../../src/core/producer.ts';
import { WorkerControl } from '../../../src/core/worker-control.ts';
import { Parker, type RingFunctions } from '../../../src/ring/index.ts';
import { Exchange, OUTCOME, type Sandbox } from '../../../src/sandbox/index.ts';
import { takeInput, WAIT } from '../../../src/sandbox/input.ts';
import { type RecordedRing, recorded } from '../recorded.ts';
import type { Bounds, Scenario } from '../scenario.ts';
import {
  answerForTheDead,
  arenaOver,
  BYTES,
  CONSUMER,
  LOT,
  MARK,
  missing,
  NEVER,
  opened,
  SLOT,
  STIR,
  slotCells,
  slotIsQuiet,
} from './slot-arena.ts';

const WAITING = SLOT + 200;
const DRAINED = SLOT + 204;
const SEALED = SLOT + 256;
const ENDED = SLOT + 260;
const STEPS: readonly number[] = [SLOT, WAITING, DRAINED, SEALED, ENDED, STIR];
const HIGH_WATER_BYTES = 2;

/** What is done in another order, or not at all; nothing by default. */
interface Fault {
  readonly worker?: 'sleeps-without-a-look' | 'tells-before-it-drains';
  readonly producer?: 'looks-before-it-seals' | 'ends-in-silence' | 'does-not-wait-to-be-told';
}

/** The explorer takes a program for started with its first step, and what follows here begins with none. */
function begin({ fn }: RecordedRing): void {
  if (fn.load32(SLOT) === 0) throw new Error('the slot is free');
}

/** Reads byte by byte up to the end, and looks at what it gets. */
const guest =
  (count: number, fault: Fault['worker']) =>
  (ring: RecordedRing): void => {
    begin(ring);
    const arena = arenaOver(ring);
    const state = new WorkerControl(arena, 0);
    const parker = new Parker(arena.lot, 0);
    const exchange = new Exchange(arena, 0);
    exchange.attach();
    exchange.feed.attach();
    const inputs = new GuestInputs(arena, 0);
    const sandbox = {
      ...{ exchange, u8: new Uint8Array(count + 1), inputOffset: 0 },
      ...{ isAwaitingInput: false, wakeAtNs: NEVER },
    } as unknown as Sandbox;
    const tellsEarly = fault === 'tells-before-it-drains';
    const host = {
      kernel: { drained: (used: Exchange) => (tellsEarly ? undefined : inputs.drained(used)) },
    } as unknown as Parameters<typeof takeInput>[0];
    const sleep = (): void => {
      if (fault === 'sleeps-without-a-look') {
        exchange.feed.awaitBy(0);
        parker.park(() => state.hasStir, NEVER);
        state.hasStir = false;
        return;
      }
      if (!inputs.await(sandbox)) return;
      while (sandbox.isAwaitingInput) {
        if (state.hasStir) {
          state.hasStir = false;
          inputs.stirred();
        } else parker.park(() => state.hasStir, NEVER);
      }
    };
    for (let got = 0; ; ) {
      if (tellsEarly && ring.fn.load32(SEALED) !== ring.fn.load32(DRAINED))
        inputs.drained(exchange);
      const n = takeInput(host, sandbox, got, 1);
      if (n === WAIT) sleep();
      else if (n === 0 && got !== count) throw new Error(`the end behind ${got} bytes`);
      else if (n === 0) break;
      else if (sandbox.u8[got] !== ++got) throw new Error(`${sandbox.u8[got - 1]} as byte ${got}`);
    }
    inputs.leave(sandbox);
    deliver(arena, exchange, MARK);
  };

function withFunction(fn: RingFunctions, others: Partial<RingFunctions>): RingFunctions {
  return new Proxy(fn, {
    get: (target, name) =>
      others[name as keyof RingFunctions] ?? target[name as keyof RingFunctions],
  });
}

/** Writes the bytes 1, 2, …, a part each where it can, as there is room, then ends. */
const producer =
  (count: number, asks: boolean, fault: Fault['producer']) =>
  (ring: RecordedRing): void => {
    begin(ring);
    let onRing = (): void => {};
    let isOpening = true;
    // The scenario has opened the feed, before the worker began.
    const store = (name: 'store32' | 'storeF64') => (address: number, value: number) => {
      if (!isOpening) ring.fn[name](address, value);
    };
    const fn = withFunction(ring.fn, { store32: store('store32'), storeF64: store('storeF64') });
    const arena = arenaOver({ ...ring, fn }, (callback) => {
      onRing = callback;
    });
    let isOver = false;
    let hasAsked = false;
    const threads = new Producer({ arena, index: 0, admission: undefined, spinNs: 0 }, (done) => {
      const isWhole = done.outcome === OUTCOME.OK;
      if (isWhole && next !== count + 1) throw new Error('it ended before its body had');
      done.free();
      isOver = true;
    });
    const exchange = new Exchange(arena, 0);
    const feed = threads.feed(exchange, {
      ...{ highWaterBytes: HIGH_WATER_BYTES, lengthBytes: -1 },
      onRoom: () => fill(),
      onStop: () => {},
      onAsked: asks
        ? () => {
            if (hasAsked) throw new Error('F6: asked twice');
            hasAsked = true;
          }
        : undefined,
    });
    isOpening = false;
    let next = 1;
    const publish = (): void => {
      if (fault === 'looks-before-it-seals' && ring.fn.load32(WAITING) === 0) {
        if (ring.fn.load32(SEALED) === ring.fn.load32(DRAINED)) exchange.feed.seal();
      } else if (fault === 'does-not-wait-to-be-told') {
        exchange.feed.seal();
      } else feed.publish();
    };
    const fill = (): void => {
      while (next <= count && feed.roomBytes > 0) {
        feed.write(Uint8Array.of(next++), 0, 1);
        publish();
      }
      if (next <= count || feed.isStopped) return;
      if (fault === 'ends-in-silence') exchange.feed.end(count);
      else feed.end();
    };
    threads.inFlight = 1;
    fill();
    threads.drain();
    while (!isOver) {
      ring.fn.sleepWait(LOT, CONSUMER, NEVER);
      onRing();
    }
  };

interface FeedCase {
  readonly name: string;
  readonly bounds: Bounds;
  /** Bytes of the body. */
  readonly count: number;
  /** Whether the producer wants to know that the guest waits. */
  readonly asks?: boolean;
  readonly fault?: Fault;
}

function feed({ name, bounds, count, asks = false, fault = {} }: FeedCase): Scenario {
  let memory: WebAssembly.Memory;
  const isStep = (address: number): boolean => address === STIR;
  const program = (body: (ring: RecordedRing) => void) => recorded(() => memory, isStep, body);
  return {
    name: `feed/${name}/1/0`,
    bounds,
    bytes: BYTES,
    threads: [program(guest(count, fault.worker)), program(producer(count, asks, fault.producer))],
    killable: [0],
    setup: (cells) => {
      memory = cells.memory;
      opened(memory).feed.open(-1, asks);
    },
    onDeath: (call) => answerForTheDead(memory, call),
    final: missing,
    invariant: ({ i32 }) => {
      const out = (i32[SEALED >> 2] as number) - (i32[DRAINED >> 2] as number);
      return out === 0 || out === 1 ? undefined : `F1: SEALED - DRAINED = ${out}`;
    },
    cell: slotCells({
      [WAITING]: 'WAITING',
      [DRAINED]: 'DRAINED',
      [SEALED]: 'SEALED',
      [ENDED]: 'ENDED',
    }),
    isQuiet: slotIsQuiet(STEPS),
  };
}

export const feedScenarios: readonly Scenario[] = [
  feed({ name: 'read', bounds: { preemptions: 2 }, count: 2 }),
  feed({ name: 'read-on', bounds: { preemptions: 1 }, count: 5 }),
  feed({ name: 'empty', bounds: { preemptions: 2 }, count: 0 }),
  feed({ name: 'asked', bounds: { preemptions: 1 }, count: 1, asks: true }),
  feed({ name: 'killed', bounds: { preemptions: 1, kills: 1 }, count: 1 }),
];

/** One thing done wrong, each. */
export const BROKEN_FEEDS: readonly Scenario[] = [
  ...(['sleeps-without-a-look', 'tells-before-it-drains'] as const).map((worker) =>
    feed({ name: worker, bounds: { preemptions: 1 }, count: 3, fault: { worker } }),
  ),
  ...(['looks-before-it-seals', 'does-not-wait-to-be-told'] as const).map((fault) =>
    feed({ name: fault, bounds: { preemptions: 2 }, count: 2, fault: { producer: fault } }),
  ),
  feed({
    name: 'ends-in-silence',
    bounds: { preemptions: 1 },
    count: 0,
    fault: { producer: 'ends-in-silence' },
  }),
];
