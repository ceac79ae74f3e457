/** Free list and chunk chains. */
import { FreeList } from '../../../src/ring/index.ts';
import { poolModel } from '../models.ts';
import type { Bounds, Call, Cells, DirectCall, Scenario } from '../scenario.ts';
import { AT, BYTES, cellNames, isQuiet, type Program, STATES, sequence } from './layouts.ts';

const TAGS: readonly number[] = [0, 2 ** 31 - 2, 2 ** 32 - 3];

function freeList(
  name: string,
  count: number,
  start: number,
  bounds: Bounds,
  threads: readonly Program[],
): Scenario {
  return {
    name: `free-list/${name}/${count}/${start}`,
    bounds,
    bytes: BYTES,
    threads,
    setup: ({ memory }) => void FreeList.create(memory, AT, { count, start }),
    after: (call) => {
      for (let taken = 0; taken <= count; taken++) if (call('freePop', AT) < 0) return;
    },
    model: poolModel(count),
    final: ({ i32 }) => (i32[64] === 0 ? undefined : `FREE is ${i32[64]} when all are taken`),
    invariant: (cells) => listFault(cells, count),
    cell: cellNames(
      { 128: 'HEAD', 132: 'HEAD.tag', 256: 'FREE' },
      { from: 384, bytes: 4, name: 'next' },
    ),
    isQuiet: (address) => isQuiet(address) || address === AT + 256,
  };
}

/** F2: no index twice on the way down from HEAD. */
function listFault({ i32 }: Cells, count: number): string | undefined {
  const seen = new Set<number>();
  for (let next = i32[32] as number; next !== 0; next = i32[96 + next - 1] as number) {
    if (next > count || next < 0) return `F2: index ${next - 1} of ${count}`;
    if (seen.has(next)) return `F2: index ${next - 1} is in the list twice`;
    seen.add(next);
  }
  return undefined;
}

/** Takes two, gives the first back, then the second: what makes ABA. */
const shuffle: Program = async (call: Call) => {
  const a = await call('freePop', AT);
  const b = await call('freePop', AT);
  if (a >= 0) await call('freePushChain', AT, a, a, 1);
  if (b >= 0) await call('freePushChain', AT, b, b, 1);
};
const POP = ['freePop', AT] as const;
const giveBack: Program = async (call) => {
  const a = await call('freePop', AT);
  if (a >= 0) await call('freePushChain', AT, a, a, 1);
};

export const freeListScenarios: readonly Scenario[] = TAGS.flatMap((start) => [
  freeList('race', 2, start, { preemptions: Number.POSITIVE_INFINITY }, [
    sequence(POP),
    sequence(POP),
    sequence(POP),
  ]),
  freeList('aba', 2, start, { preemptions: 3, delays: 1 }, [shuffle, sequence(POP, POP)]),
  freeList('aba', 4, start, { preemptions: 2, delays: 1 }, [shuffle, shuffle, sequence(POP, POP)]),
  freeList('give-and-take', 2, start, { preemptions: 3, delays: 1 }, [
    giveBack,
    giveBack,
    sequence(POP),
  ]),
]);

/** A holder dies anywhere between its pop and its push: the mark tells whether the index is still its. */
const MARK = 7;
const marked: Program = async (call) => {
  const i = await call('freePopMark', AT, STATES, 4, MARK);
  if (i >= 0) await call('freePushMark', AT, i, STATES + 4 * i, MARK);
};

export const freeListMarkScenarios: readonly Scenario[] = [
  {
    ...freeList('killed-mark', 2, 0, { preemptions: 2, kills: 1 }, [marked, giveBack]),
    killable: [0],
    after: (call, { i32 }, died) => {
      for (let i = 0; died.length > 0 && i < 2; i++) {
        if (i32[(STATES >> 2) + i] === MARK) call('freePushMark', AT, i, STATES + 4 * i, MARK);
      }
    },
    model: { initial: '', step: (state) => [state] },
    final: (cells) => {
      const fault = listFault(cells, 2);
      if (fault !== undefined) return fault;
      let free = 0;
      for (let next = cells.i32[32] as number; next !== 0; free++) {
        next = cells.i32[96 + next - 1] as number;
      }
      return free === 2 ? undefined : `${free} of 2 indices came back`;
    },
  },
];

// --- chunk pool ------------------------------------------------------------------------------------------------------

const chain = (thread: number): number => STATES + 16 * thread;
/** `isEnough`: there is a chunk for everybody, so nobody may be told that there is none. */
const fill =
  (thread: number, chunks: number, isEnough: boolean): Program =>
  async (call) => {
    let last = -1;
    for (let i = 0; i < chunks; i++) {
      const chunk = await call('chainAppend', chain(thread), AT);
      if (isEnough && chunk < 0) throw new Error(`chainAppend = ${chunk}`);
      if (chunk < 0) break;
      if (last >= 0 && (await call('chainNext', AT, last)) !== chunk)
        throw new Error('chainNext is wrong');
      if ((await call('chainNext', AT, chunk)) !== -1)
        throw new Error('chainNext of the last chunk');
      last = chunk;
    }
    await call('chainRelease', chain(thread), AT);
    await call('chainAppend', chain(thread), AT);
  };

/** Chunks in chains and in the list: each once (K2). `died`: chains that their supervisor releases first. */
function chunkFault({ i32 }: Cells, count: number, isQuietEnd: boolean): string | undefined {
  const fault = listFault({ i32 } as Cells, count);
  if (fault !== undefined) return fault;
  const holders = Array.from({ length: count }, () => [] as string[]);
  const follow = (from: number, who: string): number => {
    let links = 0;
    for (let next = from; next !== 0; next = i32[96 + next - 1] as number) {
      holders[next - 1]?.push(who);
      if (++links > count) return links;
    }
    return links;
  };
  follow(i32[32] as number, 'the list');
  for (const thread of [0, 1]) {
    const [first, , chunks] = [0, 1, 2].map((k) => i32[(chain(thread) >> 2) + k] as number) as [
      number,
      number,
      number,
    ];
    const links = follow(first, `chain ${thread}`);
    if (links !== chunks)
      return `K1: chain ${thread} has ${links} chunks, its COUNT says ${chunks}`;
  }
  const free = holders.filter((names) => names.includes('the list')).length;
  if (isQuietEnd && i32[64] !== free) return `FREE is ${i32[64]}, ${free} are in the list`;
  const wrong = holders.findIndex((names) => names.length !== 1);
  return wrong < 0
    ? undefined
    : `K2: chunk ${wrong} is in ${holders[wrong]?.join(' and ') || 'nothing'}`;
}

function chunkPool(name: string, count: number, bounds: Bounds): Scenario {
  return {
    name: `chunk-pool/${name}/${count}/0`,
    bounds,
    bytes: BYTES,
    threads: [fill(0, 2, count >= 4), fill(1, 1, count >= 4)],
    killable: [0],
    setup: ({ memory }) => void FreeList.create(memory, AT, { count }),
    after: (call: DirectCall, _, died) => {
      for (const thread of died) call('chainRelease', chain(thread), AT);
    },
    // A thread that dies behind its claim leaves the hint FREE behind.
    final: (cells, _, died) => chunkFault(cells, count, died.length === 0),
    cell: cellNames(
      { 128: 'HEAD', 132: 'HEAD.tag', 256: 'FREE' },
      { from: 384, bytes: 4, name: 'next' },
    ),
    isQuiet: (address) => isQuiet(address) || address === AT + 256 || address >= STATES,
  };
}

export const chunkPoolScenarios: readonly Scenario[] = [
  chunkPool('append-release', 2, { preemptions: 3, delays: 1 }),
  chunkPool('append-release', 4, { preemptions: 2, delays: 1 }),
  chunkPool('killed', 4, { preemptions: 1, kills: 1 }),
];
