/**
 * Responses that go out in parts (src/sandbox/parts.ts, S1 to S6): worker and consumer run the code of src itself, over the ring's text.
 *
 *   worker    Exchange, GuestStreams, deliverPart, deliver, Parker; what WorkerLoop does at a poll and when it is idle is `guest` here
 *   consumer  Producer, Exchange; who drives it is `consumer`
 *   lot       the worker's place, and one for the consumer instead of its bell: it announces, looks again and sleeps just so (lot.wat, P1; bell.wat, B1)
 *
 * Whatever is written comes out once and in its order, no guest sleeps behind a drain, and all chunks come back, also when the worker dies
 * and the supervisor answers for it. `BROKEN_PARTS` do one thing in another order, each, and are caught.
 */
import { deliver, partMark } from '../../../src/core/delivery.ts';
import { GuestStreams } from '../../../src/core/guest-streams.ts';
import { Producer } from '../../../src/core/producer.ts';
import { WorkerControl } from '../../../src/core/worker-control.ts';
import { type Arena, Parker } from '../../../src/ring/index.ts';
import { Exchange, OUTCOME, type Payload, type Sandbox } from '../../../src/sandbox/index.ts';
import { type RecordedRing, recorded } from '../recorded.ts';
import type { Bounds, Scenario } from '../scenario.ts';
import {
  answerForTheDead,
  arenaOver,
  BYTES,
  CONSUMER,
  LOT,
  MARK,
  MESSAGE,
  missing,
  NEVER,
  opened,
  RING,
  SLOT,
  STIR,
  slotCells,
  slotIsQuiet,
} from './slot-arena.ts';

const SEALED = SLOT + 104;
const DRAINED = SLOT + 192;
const STEPS: readonly number[] = [SLOT, SLOT + 4, SEALED, DRAINED, STIR];

const HIGH_WATER_BYTES = 2;
const FLAG = 0;

/** What is done in another order, or not at all; nothing by default. */
interface Fault {
  readonly worker?: 'sleeps-without-a-look' | 'tells-before-it-seals';
  readonly supervisor?: 'is-silent';
  readonly consumer?:
    | 'stirs-before-it-drains'
    | 'wakes-before-it-stirs'
    | 'believes-what-it-is-told';
}

/** A guest that writes the bytes 1, 2, …, one between two polls each, and ends. */
const guest =
  (count: number, fault: Fault['worker']) =>
  (ring: RecordedRing): void => {
    const arena = arenaOver(ring);
    const state = new WorkerControl(arena, 0);
    const parker = new Parker(arena.lot, 0);
    const exchange = new Exchange(arena, 0);
    exchange.attach();
    const control = new Int32Array(new SharedArrayBuffer(8));
    const streams = new GuestStreams(arena, control);
    const sandbox = {
      ...{ exchange, spec: { streamHighWaterBytes: HIGH_WATER_BYTES } },
      ...{ isStopped: false, isBlocked: false, isAwaitingDrain: false, sentBytes: 0 },
      ...{ pressureBytes: NEVER, onPressure: () => {}, wakeAtNs: NEVER },
    } as unknown as Sandbox;
    const stir = (): void => {
      state.hasStir = false;
      streams.stirred();
    };
    streams.begin(sandbox);
    if (fault === 'tells-before-it-seals') {
      sandbox.onPressure = () => {
        if (exchange.parts.isOut) return;
        ring.fn.completionPush(RING, partMark(arena));
        arena.bell(0).ring();
        exchange.parts.seal();
      };
    }
    for (let byte = 1; byte <= count; byte++) {
      exchange.body.append(Uint8Array.of(byte), 0, 1);
      if (exchange.body.length >= sandbox.pressureBytes) sandbox.onPressure(sandbox);
      if (control[FLAG] === 0) continue;
      control[FLAG] = 0;
      if (state.hasStir) stir();
      streams.mustStop(sandbox);
      while (sandbox.isBlocked) {
        if (state.hasStir) stir();
        else parker.park(() => fault !== 'sleeps-without-a-look' && state.hasStir, NEVER);
      }
    }
    streams.end(sandbox);
    deliver(arena, exchange, MARK);
  };

/** Takes parts as they come, gives each back, and looks at what it got in all. */
const consumer =
  (count: number, isReading: boolean, fault: Fault['consumer']) =>
  (ring: RecordedRing): void => {
    let onRing = (): void => {};
    const arena = arenaOver(ring, (callback) => {
      onRing = callback;
    });
    const got: number[] = [];
    let taken = 0;
    let isTold = false;
    let isOver = false;
    const take = (payload: Payload): void => {
      const bytes = new Uint8Array(payload.length);
      payload.read(0, bytes, 0, bytes.length);
      got.push(...bytes);
      taken++;
    };
    const told = (exchange: Exchange): void => {
      if (!exchange.parts.isOut) throw new Error('S3: told of a part that is not there');
      isTold = true;
      if (!isReading) return;
      take(exchange.parts.part);
      isTold = false;
      if (fault === 'stirs-before-it-drains' || fault === 'wakes-before-it-stirs')
        drainWrongly(arena, exchange, fault);
      else producer.drained(exchange);
    };
    const complete = (exchange: Exchange): void => {
      if (fault === 'believes-what-it-is-told' ? isTold : exchange.parts.isOut)
        take(exchange.parts.part);
      take(exchange.body);
      const sealed = ring.fn.load32(SEALED);
      if (taken !== sealed + 1) throw new Error(`S4: ${sealed} parts and a rest, ${taken} taken`);
      checkAnswer(got, count, exchange.outcome);
      exchange.free();
      isOver = true;
    };
    const producer = new Producer(
      { arena, index: 0, admission: undefined, spinNs: 0 },
      complete,
      told,
    );
    producer.inFlight = 1;
    producer.drain();
    while (!isOver) {
      ring.fn.sleepWait(LOT, CONSUMER, NEVER);
      onRing();
    }
  };

function drainWrongly(
  arena: Arena,
  exchange: Exchange,
  fault: NonNullable<Fault['consumer']>,
): void {
  const state = new WorkerControl(arena, 0);
  if (fault === 'stirs-before-it-drains') {
    state.hasStir = true;
    arena.lot.wake(0);
    exchange.parts.drain();
  } else {
    exchange.parts.drain();
    arena.lot.wake(0);
    state.hasStir = true;
  }
}

/** All that was written, in its order; or what of it had gone out, and the supervisor's message. */
function checkAnswer(got: readonly number[], count: number, outcome: number): void {
  const isWhole = outcome === OUTCOME.OK;
  const message = isWhole ? '' : MESSAGE;
  const bytes = got.slice(0, got.length - message.length);
  const isRight =
    bytes.every((byte, i) => byte === i + 1) &&
    (isWhole ? bytes.length === count : bytes.length <= count) &&
    String.fromCharCode(...got.slice(bytes.length)) === message;
  if (!isRight) throw new Error(`outcome ${outcome} with the bytes ${got.join()}`);
}

interface PartsCase {
  readonly name: string;
  readonly bounds: Bounds;
  /** Bytes that the guest writes. */
  readonly count: number;
  /** Whether the consumer gives parts back before the end; then it must not need them to. */
  readonly isReading?: boolean;
  readonly fault?: Fault;
}

function parts({ name, bounds, count, isReading = true, fault = {} }: PartsCase): Scenario {
  let memory: WebAssembly.Memory;
  const isStep = (address: number): boolean => address === STIR;
  const program = (body: (ring: RecordedRing) => void) => recorded(() => memory, isStep, body);
  return {
    name: `parts/${name}/1/0`,
    bounds,
    bytes: BYTES,
    threads: [
      program(guest(count, fault.worker)),
      program(consumer(count, isReading, fault.consumer)),
    ],
    killable: [0],
    setup: (cells) => {
      memory = cells.memory;
      const exchange = opened(memory);
      exchange.parts.taken = true;
    },
    onDeath: (call) => answerForTheDead(memory, call, fault.supervisor === 'is-silent'),
    final: missing,
    invariant: ({ i32 }) => {
      const out = (i32[SEALED >> 2] as number) - (i32[DRAINED >> 2] as number);
      return out === 0 || out === 1 ? undefined : `S1: SEALED - DRAINED = ${out}`;
    },
    cell: slotCells({ [SEALED]: 'SEALED', [DRAINED]: 'DRAINED' }),
    isQuiet: slotIsQuiet(STEPS),
  };
}

export const partsScenarios: readonly Scenario[] = [
  parts({ name: 'stopped', bounds: { preemptions: 2 }, count: 3 }),
  parts({ name: 'stopped-twice', bounds: { preemptions: 1 }, count: 6 }),
  parts({ name: 'unread', bounds: { preemptions: 2 }, count: 1, isReading: false }),
  parts({ name: 'killed', bounds: { preemptions: 1, kills: 1 }, count: 3 }),
];

/** One thing done wrong, each. */
export const BROKEN_PARTS: readonly Scenario[] = [
  ...(['sleeps-without-a-look', 'tells-before-it-seals'] as const).map((worker) =>
    parts({ name: worker, bounds: { preemptions: 2 }, count: 5, fault: { worker } }),
  ),
  ...(['stirs-before-it-drains', 'wakes-before-it-stirs'] as const).map((fault) =>
    parts({ name: fault, bounds: { preemptions: 2 }, count: 3, fault: { consumer: fault } }),
  ),
  parts({
    name: 'believes-what-it-is-told',
    bounds: { preemptions: 1, kills: 1 },
    count: 3,
    fault: { consumer: 'believes-what-it-is-told' },
  }),
  parts({
    name: 'the-supervisor-is-silent',
    bounds: { preemptions: 1, kills: 1 },
    count: 1,
    fault: { supervisor: 'is-silent' },
  }),
];
