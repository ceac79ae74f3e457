/**
 * The heap as the workers' global queue: producers push to their own deques, a worker moves what is there into one heap, and takes the least.
 *
 *   QUEUED --dequeStealMark--> MOVING + w --heapPush--> (in the heap, still MOVING + w) --heapPopMin--> CLAIMED + v
 *
 * Q1  A slot is taken once for each push of it, wherever workers die, and whoever pops beside the supervisor.
 * Q2  Nobody sleeps while a slot waits.
 * They hold if the supervisor, when worker w has died, does what `supervisor` does below:
 *   1  heapRecover(w), at once. What it returns is in nobody's hands, and its mark names the worker that moved it, which may be alive: without
 *      a new mark it is lost. MOVING + w is the mark: step 2 then puts it back like the others.
 *   2  For each slot that is MOVING + w: heapRemove, and, where it came out or still is MOVING + w, heapPush. A push without the removal
 *      puts a slot in again that somebody popped since the look at its mark.
 *   3  It never waits for the lock: RETRY means to come back, as the next holder may have died too, and is recovered by the same supervisor.
 *   4  It wakes somebody behind that, whatever it found: heapRecover finishes pushes, which nobody announced.
 *   5  Only then may a new worker w begin: it uses the same marks.
 * A producer may take back what it has pushed (src/sandbox/exchange.ts, E3), and push the slot anew when it is free again:
 * Q3  A slot is taken, or taken back, once for each push of it, and it is free once for each time that it was taken back.
 *   6  What is marked anew in 1 and 2 is marked by CAS: if it was taken back it goes nowhere, and its slot is given back where its producer is through with it.
 *   7  A slot that w was giving back for a producer is given back.
 * The scenarios of `BROKEN_QUEUES` leave out one of these each, and are caught.
 */
import { attachRing, Deque, FreeList, GONE, Heap, ParkingLot } from '../../../src/ring/index.ts';
import { placeOf, SLOT_STATE } from '../../../src/sandbox/index.ts';
import type { Operation } from '../linearizability.ts';
import type { Bounds, Call, Cells, DirectCall, Scenario } from '../scenario.ts';
import { cellNames, type Program } from './layouts.ts';

const DEQUE = 0;
/** Of worker 1, which is also a producer in some. */
const DEQUE1 = 512;
const HEAP = 1024;
const HEAP_END = HEAP + 768;
/** Places of the workers, and the supervisor's. */
const LOT = HEAP_END;
/** Where a thread waits for a moment when it was told RETRY: it is not woken, its time is up. */
const PAUSES = LOT + 1024;
const STATES = PAUSES + 1024;
/** Bit w: worker w has died, and nobody has dealt with it. */
const DEAD = STATES + 128;
/** 1 = the replacement of worker 0 may begin. */
const REPLACED = DEAD + 128;
/** Slots that nobody has: at the start none. */
const LIST = REPLACED + 128;
const BYTES = LIST + 512;

const EMPTY = -1;
const RETRY = -2;
const { FREE, QUEUED, DONE, MOVING, CLAIMED, RETURNED } = SLOT_STATE;
const WITHDRAWN = 0x1000;
const STALE = 0x2000;
const REPLACEMENT = 2;
const SUPERVISOR = 3;
const SLOTS = 4;
const NEVER = Number.POSITIVE_INFINITY;

/** The later one goes first: what is moved has to sift. */
const keyOf = (slot: number): number => 10 - slot;
const stateOf = (slot: number): number => STATES + 4 * slot;

/** What a taker got: where it is the index of a slot that nobody wants any more, it gives the slot back, and has to ask again. */
async function received(call: Call, me: number, taken: number): Promise<number> {
  if (taken > GONE) return taken;
  const slot = GONE - taken;
  await call('freePushMark', LIST, slot, stateOf(slot), RETURNED + me);
  return RETRY;
}

/** A call that says RETRY is made again behind a pause, in which the others go on. */
async function insist(call: Call, me: number, ...operation: Parameters<Call>): Promise<number> {
  for (;;) {
    const result = await call(...operation);
    if (result !== RETRY) return result;
    await call('sleepWait', PAUSES, me, 1000);
  }
}

/** Whatever is in the deque goes into the heap. */
async function move(call: Call, me: number, deque: number): Promise<void> {
  for (;;) {
    const taken = await call('dequeStealMark', deque, STATES, 4, MOVING + me);
    const slot = await received(call, me, taken);
    if (slot === RETRY) continue;
    if (slot < 0) return;
    await insist(call, me, 'heapPush', HEAP, me, keyOf(slot), slot);
  }
}

async function popMin(call: Call, me: number): Promise<number> {
  for (;;) {
    const taken = await insist(call, me, 'heapPopMin', HEAP, me, STATES, 4, CLAIMED + me);
    const slot = await received(call, me, taken);
    if (slot !== RETRY) return slot;
  }
}

/** Moves and takes until there is nothing, or `wanted` slots are taken. */
const worker =
  (me: number, wanted: number = NEVER, deques: readonly number[] = [DEQUE]): Program =>
  async (call) => {
    for (let got = 0; got < wanted; got++) {
      for (const deque of deques) await move(call, me, deque);
      if ((await popMin(call, me)) < 0) return;
    }
  };

/** As the runtime's worker loop: it announces its search, looks, sleeps, and hands the search on. */
const sleepyWorker =
  (me: number, wanted: number = NEVER): Program =>
  async (call) => {
    const isIdle = async (): Promise<boolean> =>
      (await call('dequeSize', DEQUE)) === 0 && (await call('heapPeek', HEAP)) === NEVER;
    await call('searchBegin', LOT, me);
    for (let got = 0; got < wanted; ) {
      await move(call, me, DEQUE);
      if ((await popMin(call, me)) >= 0) {
        got++;
        if ((await call('searchEnd', LOT, me)) === 1 && !(await isIdle()))
          await call('wakeOne', LOT);
        if (got < wanted) await call('searchBegin', LOT, me);
        continue;
      }
      await call('sleepBegin', LOT, me);
      if (await isIdle()) await call('sleepWait', LOT, me, NEVER);
      await call('sleepEnd', LOT, me);
    }
  };

/** Takes a slot, is done with it, and pushes it again for another request. */
const reuser: Program = async (call) => {
  await move(call, 1, DEQUE);
  const slot = await popMin(call, 1);
  if (slot < 0) return;
  await call('store32', stateOf(slot), FREE);
  await call('dequePushMark', DEQUE1, slot, stateOf(slot), QUEUED);
  await worker(1, 1, [DEQUE, DEQUE1])(call);
};

const producer =
  (...slots: number[]): Program =>
  async (call) => {
    for (const slot of slots) {
      await call('dequePushMark', DEQUE, slot, stateOf(slot), QUEUED);
      await call('wakeOne', LOT);
    }
  };

/** Takes back what it pushed, unless a worker has it, frees the slot, and uses the next free one for another request. */
const withdrawer =
  (slot: number, isReusing = false): Program =>
  async (call) => {
    let state: number;
    do {
      state = await call('load32', stateOf(slot));
      if (state !== QUEUED && (state < MOVING || state >= RETURNED)) return;
    } while ((await call('cas32', stateOf(slot), state, state | WITHDRAWN)) !== state);
    if (!(await isLeftToTaker(call, slot))) {
      await call('store32', stateOf(slot), FREE);
      await call('freePushChain', LIST, slot, slot, 1);
    }
    if (!isReusing) return;
    const free = await call('freePop', LIST);
    if (free >= 0) await call('dequePushMark', DEQUE1, free, stateOf(free), QUEUED);
  };

/** The index is in the queue still: whoever takes it out frees the slot. */
async function isLeftToTaker(call: Call, slot: number): Promise<boolean> {
  const state = await call('cas32', stateOf(slot), DONE, FREE);
  if ((state & WITHDRAWN) === 0) return false;
  return (await call('cas32', stateOf(slot), state, placeOf(state) | STALE)) === state;
}

/** The owner of the deque looks through it for what it has taken back (src/core/producer.ts). */
const compacter: Program = async (call) => {
  await withdrawer(0)(call);
  const kept: number[] = [];
  for (;;) {
    const slot = await call('dequePop', DEQUE);
    if (slot === EMPTY) break;
    if (await claim(call, slot, QUEUED, {})) kept.unshift(slot);
  }
  for (const slot of kept) await call('dequePush', DEQUE, slot);
  await call('wakeOne', LOT);
};

/** What is left out; nothing by default. */
interface Omission {
  readonly mark?: boolean;
  readonly removal?: boolean;
  readonly patience?: boolean;
  readonly wake?: boolean;
  readonly replacement?: boolean;
  readonly claim?: boolean;
  readonly giveBack?: boolean;
}

/** Marks a slot whose index is in the supervisor's hands. False: it was taken back. */
async function claim(call: Call, slot: number, mark: number, omit: Omission): Promise<boolean> {
  if (omit.claim === true) {
    await call('store32', stateOf(slot), mark);
    return true;
  }
  for (;;) {
    const state = await call('load32', stateOf(slot));
    if ((state & STALE) !== 0) {
      await call('store32', stateOf(slot), FREE);
      await call('freePushChain', LIST, slot, slot, 1);
      return false;
    }
    const isWithdrawn = (state & WITHDRAWN) !== 0;
    const next = isWithdrawn ? DONE : mark;
    if ((await call('cas32', stateOf(slot), state, next)) === state) return !isWithdrawn;
  }
}

/** Puts slot back that the dead worker w may have held; false where it has to come back for that. */
async function putBack(call: Call, w: number, slot: number, omit: Omission): Promise<boolean> {
  const state = await call('load32', stateOf(slot));
  if (state === RETURNED + w && omit.giveBack !== true)
    await call('freePushMark', LIST, slot, stateOf(slot), state);
  if (placeOf(state) !== MOVING + w) return true;
  if (omit.removal !== true) {
    const taken = await call('heapRemove', HEAP, SUPERVISOR, slot);
    if (taken === RETRY) return false;
    const isNobodys = placeOf(await call('load32', stateOf(slot))) === MOVING + w;
    if (taken === EMPTY && !isNobodys) return true;
  }
  // Taken out or not, it is nobody's now: what follows may be put off.
  if (!(await claim(call, slot, MOVING + w, omit))) return true;
  return (await call('heapPush', HEAP, SUPERVISOR, keyOf(slot), slot)) !== RETRY;
}

async function recover(call: Call, w: number, omit: Omission): Promise<void> {
  const taken = await call('heapRecover', HEAP, w);
  if (taken >= 0 && omit.mark !== true) await claim(call, taken, MOVING + w, omit);
}

/** Sleeps until a worker has died, and answers for it. Between its attempts it hears of further deaths, as from an event loop. */
const supervisor =
  (omit: Omission = {}): Program =>
  async (call) => {
    let waiting: readonly number[] = [];
    for (;;) {
      const dead = omit.patience === true && waiting.length > 0 ? 0 : await call('load32', DEAD);
      if (dead === 0) {
        await call('sleepWait', PAUSES, SUPERVISOR, waiting.length > 0 ? 1000 : NEVER);
        await call('sleepBegin', PAUSES, SUPERVISOR);
      } else await call('add32', DEAD, -dead);
      const died = [0, 1].filter((w) => (dead & (1 << w)) !== 0);
      for (const w of died) {
        await call('lotForget', LOT, w);
        if (omit.wake === true) await call('wakeAny', LOT);
        if (omit.replacement === true && w === 0) await replace(call);
        await recover(call, w, omit);
      }
      waiting = await putAllBack(call, [...waiting, ...died], omit);
    }
  };

/** Those that it could not finish with. */
async function putAllBack(
  call: Call,
  waiting: readonly number[],
  omit: Omission,
): Promise<number[]> {
  const left: number[] = [];
  for (const w of waiting) {
    let isDone = true;
    for (let slot = 0; slot < SLOTS && isDone; slot++) isDone = await putBack(call, w, slot, omit);
    if (!isDone) left.push(w);
    else if (omit.wake !== true) await call('wakeAny', LOT);
    if (isDone && w === 0 && omit.replacement !== true) await replace(call);
  }
  return left;
}

async function replace(call: Call): Promise<void> {
  await call('store32', REPLACED, 1);
  await call('wakeWorker', PAUSES, REPLACEMENT);
}

/** Begins when the supervisor lets it. */
const replacement: Program = async (call) => {
  if ((await call('load32', REPLACED)) === 0) await call('sleepWait', PAUSES, REPLACEMENT, NEVER);
  await worker(0)(call);
};

const heapNames = cellNames({
  [HEAP + 128]: 'LOCK',
  [HEAP + 256]: 'MIN',
  [HEAP + 264]: 'COUNT',
  [LOT + 128]: 'SLEEPERS',
  [LOT + 256]: 'SEARCHERS',
  [DEAD]: 'DEAD',
  [REPLACED]: 'REPLACED',
  [LIST + 128]: 'FREE HEAD',
  [LIST + 256]: 'FREE COUNT',
  128: 'TOP',
  256: 'BOTTOM',
  [DEQUE1 + 128]: 'TOP1',
  [DEQUE1 + 256]: 'BOTTOM1',
});

function cell(address: number): string {
  if (address >= STATES && address < DEAD) return `state[${(address - STATES) >> 2}]`;
  if (address >= LOT + 384 && address < PAUSES) return `WAKE[${(address - LOT - 384) >> 7}]`;
  return heapNames(address);
}

/** No steps: constants, and what only the holder of the heap's lock touches. */
function isQuiet(address: number): boolean {
  return (
    address < 128 ||
    (address >= DEQUE1 && address < DEQUE1 + 128) ||
    (address >= HEAP && address < HEAP + 128) ||
    (address >= HEAP + 384 && address < LOT + 128) ||
    (address >= PAUSES && address < STATES) ||
    address >= LIST + 256
  );
}

interface QueueCase {
  readonly name: string;
  readonly bounds: Bounds;
  readonly threads: readonly Program[];
  readonly killable?: readonly number[];
  /** Pushed before the start. */
  readonly queued?: readonly number[];
  readonly inHeap?: readonly number[];
  readonly isSleepy?: boolean;
}

function queue({ name, threads, killable = [], bounds, ...start }: QueueCase): Scenario {
  const { queued = [], inHeap = [], isSleepy = false } = start;
  return {
    name: `global/${name}/4/0`,
    bounds,
    bytes: BYTES,
    threads,
    killable,
    setup: ({ memory, i32 }) => {
      const deque = Deque.create(memory, DEQUE, { capacity: 4, batch: 1 });
      Deque.create(memory, DEQUE1, { capacity: 4, batch: 1 });
      const heap = Heap.create(memory, HEAP, { capacity: SLOTS, spins: 0 }, SUPERVISOR);
      ParkingLot.create(memory, LOT, { workers: 4 });
      ParkingLot.create(memory, PAUSES, { workers: 4 });
      const list = FreeList.create(memory, LIST, { count: SLOTS });
      for (let slot = 0; slot < SLOTS; slot++) list.pop();
      for (const w of [REPLACEMENT, SUPERVISOR]) attachRing(memory).fn.sleepBegin(PAUSES, w);
      for (const slot of queued) deque.pushMark(slot, stateOf(slot), QUEUED);
      for (const slot of inHeap) {
        heap.push(keyOf(slot), slot);
        i32[stateOf(slot) >> 2] = MOVING + 2;
      }
    },
    onDeath: (call, thread) => {
      call('add32', DEAD, 1 << thread);
      call('wakeWorker', PAUSES, SUPERVISOR);
    },
    mayRest: (cells) => !isSleepy || isEmpty(cells),
    after: drain,
    final: (_, history) => {
      const pushed = timesOf(history, ['dequePushMark'], ({ args }) => args[1] as number);
      const taken = timesOf(history, ['heapPopMin', 'dequeStealMark'], ({ name, args, result }) =>
        name === 'dequeStealMark' && args[3] !== CLAIMED + SUPERVISOR ? EMPTY : (result as number),
      );
      const withdrawn = timesOf(history, ['cas32'], ({ args: [at, was, next = 0], result }) =>
        result === was && (next & WITHDRAWN) !== 0 ? ((at as number) - STATES) >> 2 : EMPTY,
      );
      const freed = timesOf(history, ['freePop'], ({ result }) => result as number);
      for (let slot = 0; slot < SLOTS; slot++) {
        const wanted = (pushed[slot] as number) + Number([...queued, ...inHeap].includes(slot));
        const back = withdrawn[slot] as number;
        if ((taken[slot] as number) + back !== wanted)
          return `Q1: slot ${slot} was pushed ${wanted} times, taken ${taken[slot]} times, and taken back ${back} times`;
        if (freed[slot] !== back)
          return `Q3: slot ${slot} was taken back ${back} times, and free ${freed[slot]} times`;
      }
      return undefined;
    },
    cell,
    isQuiet,
  };
}

function isEmpty({ i32 }: Cells): boolean {
  return i32[32] === i32[64] && i32[(HEAP + 264) >> 2] === 0;
}

/** What nobody took yet, and then what is free: bounded, as a slot that is in there twice makes a circle of it. */
function drain(call: DirectCall): void {
  const mark = CLAIMED + SUPERVISOR;
  const isTaken = (taken: number): boolean => {
    const slot = GONE - taken;
    if (slot >= 0) call('freePushMark', LIST, slot, stateOf(slot), RETURNED + SUPERVISOR);
    return taken !== EMPTY;
  };
  for (const deque of [DEQUE, DEQUE1])
    while (isTaken(call('dequeStealMark', deque, STATES, 4, mark)));
  while (isTaken(call('heapPopMin', HEAP, SUPERVISOR, STATES, 4, mark)));
  for (let i = 0; i <= SLOTS && call('freePop', LIST) >= 0; i++);
}

/** How often each slot is the subject of such an operation that succeeded. */
function timesOf(
  history: readonly Operation[],
  names: readonly string[],
  slotOf: (operation: Operation) => number,
): number[] {
  const slots = history
    .filter(({ name, result = EMPTY }) => names.includes(name) && result >= 0)
    .map(slotOf);
  return Array.from({ length: SLOTS }, (_, slot) => slots.filter((s) => s === slot).length);
}

const KILLED = { preemptions: 1, kills: 1 };

export const globalQueueScenarios: readonly Scenario[] = [
  queue({
    name: 'move-and-pop',
    bounds: { preemptions: 2 },
    threads: [worker(0), worker(1), producer(0, 1)],
  }),
  queue({ name: 'reused', bounds: { preemptions: 2 }, queued: [0], threads: [worker(0), reuser] }),
  killedWorker('killed', {}),
  queue({
    name: 'killed-in-a-race',
    bounds: { preemptions: 2, kills: 1 },
    queued: [0],
    killable: [0],
    threads: [worker(0), worker(1), supervisor()],
  }),
  bothKilled('both-killed', {}),
  replaced('replaced', {}, 1),
  killedReused('killed-reused', {}),
  wakeUps('wake-ups', {}),
  queue({
    name: 'taken-back',
    bounds: { preemptions: 2 },
    queued: [0],
    threads: [worker(0), worker(1), withdrawer(0)],
  }),
  queue({
    name: 'taken-back-and-pushed-again',
    bounds: { preemptions: 2 },
    queued: [0],
    threads: [worker(0, NEVER, [DEQUE, DEQUE1]), withdrawer(0, true)],
  }),
  takenBackKilled('taken-back-killed', {}),
  queue({
    name: 'looked-through',
    bounds: { preemptions: 2 },
    queued: [0, 1, 2],
    isSleepy: true,
    threads: [sleepyWorker(0), compacter],
  }),
  queue({
    name: 'taken-back-killed-in-the-heap',
    bounds: KILLED,
    inHeap: [0, 1],
    killable: [0],
    threads: [worker(0), worker(1, 1), withdrawer(1), supervisor()],
  }),
];

/** The protocol with one of its rules left out. */
export const BROKEN_QUEUES: readonly Scenario[] = [
  killedWorker('what-recover-returns-is-forgotten', { mark: true }),
  killedWorker('pushed-without-a-removal', { removal: true }),
  bothKilled('the-supervisor-waits-for-the-lock', { patience: true }),
  replaced('the-replacement-begins-at-once', { replacement: true }, 2),
  wakeUps('somebody-is-woken-too-early', { wake: true }),
  takenBackKilled('marked-without-a-look', { claim: true }),
  takenBackKilled('what-was-on-its-way-back-is-forgotten', { giveBack: true }),
];

function takenBackKilled(name: string, omit: Omission): Scenario {
  return queue({
    name,
    bounds: KILLED,
    queued: [0],
    killable: [0],
    threads: [worker(0), withdrawer(0), supervisor(omit)],
  });
}

/** Two slots, so that each worker may have moved what the other one takes. */
function killedWorker(name: string, omit: Omission): Scenario {
  return queue({
    name,
    bounds: KILLED,
    queued: [0, 1],
    killable: [0],
    threads: [worker(0), worker(1), supervisor(omit)],
  });
}

function bothKilled(name: string, omit: Omission): Scenario {
  return queue({
    name,
    bounds: { preemptions: 1, kills: 2 },
    queued: [0],
    inHeap: [1],
    killable: [0, 1],
    threads: [worker(0, 1), worker(1, 1), supervisor(omit)],
  });
}

function replaced(name: string, omit: Omission, preemptions: number): Scenario {
  return queue({
    name,
    bounds: { preemptions, kills: 1 },
    queued: [0],
    killable: [0],
    threads: [(call) => move(call, 0, DEQUE), worker(1, 1), supervisor(omit), replacement],
  });
}

function killedReused(name: string, omit: Omission): Scenario {
  return queue({
    name,
    bounds: KILLED,
    queued: [0],
    killable: [0],
    threads: [worker(0, NEVER, [DEQUE, DEQUE1]), reuser, supervisor(omit)],
  });
}

function wakeUps(name: string, omit: Omission): Scenario {
  return queue({
    name,
    bounds: KILLED,
    queued: [0],
    isSleepy: true,
    killable: [0],
    threads: [sleepyWorker(0, 1), sleepyWorker(1), supervisor(omit), producer(1)],
  });
}
