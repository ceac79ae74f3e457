// A guest reaches a poll within a number of instructions that its size bounds (latency/counted-guest.ts says which), and within
// one chunk of a bulk instruction. Counted, by the guest itself; no time is measured.
//
// What stands outside of the bound, as in bulk.ts: instructions that the engine can only do as a whole (array.new and its like,
// table.grow). And the bound has a factor for the depth of the stack: a recursion of 10,000 activations that all return does
// not meet a poll until it has returned from them, each a few instructions.

import { afterAll, describe, expect, it } from 'vitest';
import { LOOP_BYTES } from '../../../src/sandbox/rewriter/call-graph.ts';
import { CORPUS } from './corpus.ts';
import { Generator, PROFILES } from './differential/generator.ts';
import { type PlannedCall, planCalls } from './differential/plan.ts';
import { Rng } from './differential/rng.ts';
import { assemble, assembleNew, type Call } from './harness.ts';
import { CountedGuest, type Stretch } from './latency/counted-guest.ts';
import { CHUNK_UNITS } from './latency/counting.ts';

/** A bulk instruction that short is not split; each is an instruction, of which there are boundedly many. */
const NATIVE_UNITS = 4096;
/**
 * Of one loop alone: the rounds of a small body that may be done for one poll, in copies of it or otherwise. As many
 * as are worth it to V8 and no more than cost a microsecond.
 */
const COPIES_MAX = 10;
const COPIED_INSTRUCTIONS_MAX: number = LOOP_BYTES;

function planned(calls: readonly Call[]): PlannedCall[] {
  return calls.map(([name, ...args]) => ({
    name,
    args: args.map((value) => ({ is: 'value', value })),
  }));
}

async function run(guest: CountedGuest, calls: readonly PlannedCall[]): Promise<Stretch> {
  if (await guest.begin()) await guest.calls(calls);
  return guest.takeLongest();
}

function hold(guest: CountedGuest, { work, bulk, depth }: Stretch): void {
  expect(work).toBeLessThanOrEqual(guest.bound(depth));
  expect(bulk).toBeLessThanOrEqual(CHUNK_UNITS + NATIVE_UNITS * work);
}

// One that waits for what its host gives would wait for ever: the host gives zeros here.
const OWN = CORPUS.filter(({ imports }) => imports === undefined);

describe.each(['exit', 'call'] as const)('polls_%s', (polls) => {
  it.each(OWN)('$name reaches_a_poll_within_its_size', async ({ wat, calls }) => {
    const guest = CountedGuest.of(assemble(wat), polls)!;
    hold(guest, await run(guest, planned(calls)));
  });
});

describe('random modules', () => {
  const generator = new Generator();
  afterAll(() => generator.close());
  const FIRST_SEED = 7001;
  const seeds = Array.from({ length: 6 * PROFILES.length }, (_, at) => FIRST_SEED + at);
  let met = 0;

  it.each(seeds)('reach_a_poll_within_their_size: seed %i', async (seed) => {
    const source = await generator.generate(seed);
    if (!WebAssembly.validate(source)) return;
    const guest = CountedGuest.of(source, seed % 3 === 0 ? 'call' : 'exit');
    if (guest === undefined) return;
    const longest = await run(guest, planCalls(guest.file, new Rng(seed)));
    met += longest.polls;
    hold(guest, longest);
  });

  it('meet_polls', () => expect(met).toBeGreaterThan(seeds.length * 20));
});

/** One function with loops, 100,000 rounds. */
const LOOPS: readonly (readonly [name: string, body: string])[] = [
  ['empty', '(loop $l (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))'],
  [
    'small',
    `(loop $l (local.set $x (i32.add (i32.mul (local.get $x) (i32.const 31)) (local.get $n)))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))`,
  ],
  [
    'large',
    `(loop $l ${'(local.set $x (i32.rotl (i32.add (local.get $x) (local.get $n)) (i32.const 7)))'.repeat(40)}
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))`,
  ],
  [
    'nested',
    `(local.set $n (i32.const 300))
      (loop $a (local.set $x (i32.const 300))
        (loop $b (br_if $b (local.tee $x (i32.sub (local.get $x) (i32.const 1)))))
        (br_if $a (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))`,
  ],
  [
    'nested_and_mostly_not_entered',
    `(loop $a
        (if (i32.eqz (i32.and (local.get $n) (i32.const 0xffff)))
          (then (loop $b (br_if $b (i32.lt_u (local.tee $x (i32.add (local.get $x) (i32.const 1))) (i32.const 9))))))
        (br_if $a (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))`,
  ],
  [
    'left_before_the_inner_one',
    `(loop $a
        (block $skip
          (br_if $skip (i32.and (local.tee $n (i32.sub (local.get $n) (i32.const 1))) (i32.const 7)))
          (loop $b (br_if $b (i32.lt_u (local.tee $x (i32.add (local.get $x) (i32.const 1))) (i32.const 9)))))
        (br_if $a (local.get $n)))`,
  ],
  [
    'back_before_the_inner_one',
    `(loop $a
        (br_if $a (i32.and (local.tee $n (i32.sub (local.get $n) (i32.const 1))) (i32.const 0xffff)))
        (loop $b (br_if $b (i32.lt_u (local.tee $x (i32.add (local.get $x) (i32.const 1))) (i32.const 9))))
        (br_if $a (local.get $n)))`,
  ],
  [
    'back_before_the_innermost_one',
    `(loop $a (loop $b
        (br_if $a (i32.and (local.tee $n (i32.sub (local.get $n) (i32.const 1))) (i32.const 0xffff)))
        (loop $c (br_if $c (i32.lt_u (local.tee $x (i32.add (local.get $x) (i32.const 1))) (i32.const 9))))
        (br_if $a (local.get $n))))`,
  ],
  [
    'past_an_inner_one_that_another_holds',
    `(loop $a (block $skip
        (br_if $skip (i32.and (local.get $n) (i32.const 0xffff)))
        (loop $b (br_if $b (i32.lt_u (local.tee $x (i32.add (local.get $x) (i32.const 1))) (i32.const 9)))))
        (br_if $a (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))`,
  ],
  [
    'by_branches_in_the_middle',
    `(loop $a (block $out
        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
        (br_if $out (i32.eqz (local.get $n)))
        (br_if $a (i32.and (local.get $n) (i32.const 1)))
        (br $a)))`,
  ],
  [
    'by_a_table',
    `(block $out (loop $a (loop $b
        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
        (br_if $out (i32.eqz (local.get $n)))
        (br_table $a $b $a (i32.and (local.get $n) (i32.const 3))))))`,
  ],
  [
    'with_parameters',
    `(local.get $n) (loop $a (param i32) (result i32)
        (local.tee $n (i32.sub (i32.const 1)))
        (br_if $a (local.get $n))) (drop)`,
  ],
];

function loop(body: string): string {
  return `(module (func (export "handle"))
    (func (export "run") (param $n i32) (local $x i32) ${body}))`;
}

describe('a loop', () => {
  const round = planned([['run', 100_000]]);

  it.each(LOOPS)('%s polls_once_in_a_few_copies_of_its_body', async (_name, body) => {
    const source = assemble(loop(body));
    const guest = CountedGuest.of(source, 'exit')!;
    const longest = await run(guest, round);
    hold(guest, longest);
    // As it was written: the largest function of the module without polls.
    const plain = CountedGuest.of(source, 'none')!;
    const instructions = Math.max(...plain.functions.map((f) => f.instructions));
    const copied = Math.min(instructions * COPIES_MAX, COPIED_INSTRUCTIONS_MAX);
    expect(longest.work).toBeLessThanOrEqual(Math.max(2 * instructions, copied) + 32);
    expect(longest.polls).toBeGreaterThanOrEqual(9000);
  });

  it.each(LOOPS)('%s is_not_bounded_without_polls', async (_name, body) => {
    const guest = CountedGuest.of(assemble(loop(body)), 'none')!;
    const { work, depth, polls } = await run(guest, round);
    expect(polls).toBe(0);
    expect(work).toBeGreaterThan(4 * guest.bound(depth));
  });
});

describe('calls', () => {
  const recursion = `(module (func (export "handle"))
    (func $down (export "run") (param i32) (result i32)
      (if (result i32) (i32.eqz (local.get 0)) (then (i32.const 0))
        (else (i32.add (local.get 0) (call $down (i32.sub (local.get 0) (i32.const 1))))))))`;
  // Without a poll in each the last of them would be called a million times between two.
  const doubling = `(module (func (export "handle"))
    ${Array.from({ length: 20 }, (_, at) => `(func $f${at} (call $f${at + 1}) (call $f${at + 1}))`).join('\n')}
    (func $f20) (func (export "run") (param i32) (call $f0)))`;
  const tail = `(module (func (export "handle"))
    (func $even (export "run") (param i32) (result i32)
      (if (i32.eqz (local.get 0)) (then (return (i32.const 1))))
      (return_call $odd (i32.sub (local.get 0) (i32.const 1))))
    (func $odd (param i32) (result i32)
      (if (i32.eqz (local.get 0)) (then (return (i32.const 0))))
      (return_call $even (i32.sub (local.get 0) (i32.const 1)))))`;

  it.each([
    ['doubling', doubling, 0, 100],
    ['tail_calls', tail, 100_000, 99_000],
  ])('%s reach_a_poll_within_size_and_depth', async (_name, wat, argument, polls) => {
    const guest = CountedGuest.of(assemble(wat), 'exit')!;
    const longest = await run(guest, planned([['run', argument]]));
    hold(guest, longest);
    expect(longest.polls).toBeGreaterThan(polls);
    const plain = CountedGuest.of(assemble(wat), 'none')!;
    const { work } = await run(plain, planned([['run', argument]]));
    expect(work).toBeGreaterThan(longest.work);
  });

  it('recursion_with_one_call_meets_no_poll_and_is_bounded_by_its_depth', async () => {
    const guest = CountedGuest.of(assemble(recursion), 'exit')!;
    const longest = await run(guest, planned([['run', 5000]]));
    hold(guest, longest);
    expect(longest.polls).toBe(0);
    expect(longest.depth).toBe(5000);
  });

  it.each([
    ['doubling', doubling],
    ['tail_calls', tail],
  ])('%s are_not_bounded_without_polls', async (_name, wat) => {
    const guest = CountedGuest.of(assemble(wat), 'none')!;
    const { work, depth } = await run(guest, planned([['run', 100_000]]));
    expect(work).toBeGreaterThan(4 * guest.bound(depth));
  });
});

const LONG_SEGMENT = 'x'.repeat(300_000);
const PAGES = 64;
const ELEMENTS = 100_000;
const ITEMS = 500_000;
const SEGMENT_FUNCTIONS = 5000;
const BULK = assembleNew(`(module
  (type $bytes (array (mut i8))) (type $functions (array (mut funcref)))
  (memory $m ${PAGES} ${PAGES}) (memory $o ${PAGES} ${PAGES}) (memory $w i64 ${PAGES} ${PAGES})
  (table $t ${ELEMENTS} ${ELEMENTS} funcref) (table $v i64 ${ELEMENTS} ${ELEMENTS} funcref)
  (data $d "${LONG_SEGMENT}") (elem $e func ${'$f '.repeat(SEGMENT_FUNCTIONS)})
  (global $a (mut (ref $bytes)) (array.new_default $bytes (i32.const ${ITEMS})))
  (global $r (mut (ref $functions)) (array.new_default $functions (i32.const ${ITEMS})))
  (func $f (export "handle"))
  (func (export "memory.fill") (memory.fill $m (i32.const 0) (i32.const 1) (i32.const ${PAGES * 65_536})))
  (func (export "memory.fill of i64") (memory.fill $w (i64.const 0) (i32.const 1) (i64.const ${PAGES * 65_536})))
  (func (export "memory.copy") (memory.copy $m $m (i32.const 9) (i32.const 0) (i32.const ${PAGES * 65_536 - 9})))
  (func (export "memory.copy between") (memory.copy $o $m (i32.const 0) (i32.const 9) (i32.const ${PAGES * 65_536 - 9})))
  (func (export "memory.init") (memory.init $m $d (i32.const 0) (i32.const 0) (i32.const ${LONG_SEGMENT.length})))
  (func (export "table.fill") (table.fill $t (i32.const 0) (ref.func $f) (i32.const ${ELEMENTS})))
  (func (export "table.fill of i64") (table.fill $v (i64.const 0) (ref.func $f) (i64.const ${ELEMENTS})))
  (func (export "table.copy") (table.copy $t $t (i32.const 0) (i32.const 9) (i32.const ${ELEMENTS - 9})))
  (func (export "table.init") (table.init $t $e (i32.const 0) (i32.const 0) (i32.const ${SEGMENT_FUNCTIONS})))
  (func (export "array.fill") (array.fill $bytes (global.get $a) (i32.const 0) (i32.const 1) (i32.const ${ITEMS})))
  (func (export "array.copy") (array.copy $bytes $bytes (global.get $a) (i32.const 9) (global.get $a) (i32.const 0) (i32.const ${ITEMS - 9})))
  (func (export "array.init_data") (array.init_data $bytes $d (global.get $a) (i32.const 0) (i32.const 0) (i32.const ${LONG_SEGMENT.length})))
  (func (export "array.init_elem") (array.init_elem $functions $e (global.get $r) (i32.const 0) (i32.const 0) (i32.const ${SEGMENT_FUNCTIONS}))))`);

describe('a bulk instruction', () => {
  const names = WebAssembly.Module.exports(new WebAssembly.Module(BULK)).map(({ name }) => name);

  it.each(names.filter((name) => name.includes('.')))(
    '%s does_one_chunk_for_a_poll',
    async (name) => {
      for (const polls of ['exit', 'call'] as const) {
        const guest = CountedGuest.of(BULK, polls)!;
        const longest = await run(guest, planned([[name]]));
        expect(guest.lines.at(-1)).toBe('= undefined');
        expect(longest.bulk).toBe(CHUNK_UNITS);
        expect(longest.polls).toBeGreaterThan(4);
        hold(guest, longest);
      }
      const whole = await run(CountedGuest.of(BULK, 'none')!, planned([[name]]));
      expect(whole.bulk).toBeGreaterThan(4 * CHUNK_UNITS);
    },
  );
});
