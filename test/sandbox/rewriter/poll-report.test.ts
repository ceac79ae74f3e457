import { describe, expect, it } from 'vitest';
import { type RewriteOptions, rewrite } from '../../../src/sandbox/rewriter/index.ts';
import { CORPUS } from './corpus.ts';
import { assemble, Rewritten } from './harness.ts';

const SOURCE = assemble(`(module (import "test" "f" (func $f))
  (func $leaf (loop $only (br_if $only (i32.const 0))))
  (func $nest (call $f)
    (loop $a (loop $b (loop $c (nop)) (br_if $b (i32.const 0))) (br_if $a (i32.const 0)))
    (loop $d (nop)))
  (func (export "handle")))`);

function report(polls: RewriteOptions['polls']) {
  const { info } = rewrite(SOURCE, { maxPages: 1, report: true, polls: polls ?? 'exit' });
  return info;
}

describe('the report of polls', () => {
  it('has_each_loop_of_each_function_in_the_order_of_the_file', () => {
    const [leaf, nest, handle] = report('exit').polls;
    expect([leaf?.index, nest?.index, handle?.index]).toEqual([1, 2, 3]);
    expect([leaf?.callPolls, nest?.callPolls, handle?.callPolls]).toEqual([0, 0, 0]);
    expect(leaf?.loops.map(({ poll }) => poll)).toEqual(['exit']);
    expect(nest?.loops.map(({ poll }) => poll)).toEqual(['covered', 'covered', 'exit', 'exit']);
    // Small bodies are copied if they are repeated at all.
    expect(leaf?.loops.map(({ rounds }) => rounds)).toEqual([10]);
    expect(nest?.loops.map(({ rounds }) => rounds)).toEqual([0, 0, 1, 1]);
    expect(handle?.loops).toEqual([]);
  });

  it('names_the_loop_that_covers_another', () => {
    const loops = report('exit').polls[1]?.loops ?? [];
    const [a, b, c, d] = loops;
    expect(a).toMatchObject({ poll: 'covered', coveredBy: b?.offset });
    expect(b).toMatchObject({ poll: 'covered', coveredBy: c?.offset });
    expect([c?.coveredBy, d?.coveredBy]).toEqual([null, null]);
  });

  it('gives_offsets_of_loop_instructions_in_the_source', () => {
    for (const { offset, bytesBefore, loops } of report('exit').polls) {
      for (const loop of loops) {
        expect(SOURCE[loop.offset]).toBe(0x03);
        expect(loop.offset).toBeGreaterThan(offset);
        expect(loop.offset).toBeLessThan(offset + bytesBefore);
      }
    }
  });

  it.each(['exit', 'call', 'entry', 'none'] as const)('agrees_with_the_counts: %s', (polls) => {
    for (const { wat } of CORPUS) {
      const { info } = rewrite(assemble(wat), { maxPages: 16, polls, report: true });
      const loops = info.polls.flatMap((one) => one.loops.map(({ poll }) => poll));
      const count = (list: readonly string[], ...wanted: string[]) =>
        list.filter((item) => wanted.includes(item)).length;
      expect(info).toMatchObject({
        functions: info.polls.length,
        loopPolls: count(loops, 'exit', 'call'),
        elidedLoopPolls: count(loops, 'covered'),
        callPolls: info.polls.reduce((sum, { callPolls }) => sum + callPolls, 0),
      });
    }
  });

  it('is_empty_unless_asked_for', () => {
    expect(rewrite(SOURCE, { maxPages: 1 }).info.polls).toEqual([]);
  });

  it('says_how_large_each_function_was_and_is', () => {
    const before = report('none').polls;
    const after = report('exit').polls;
    // Without polls a body differs by the moved index of the function that it calls, which is as long.
    expect(before.map((one) => one.bytesAfter)).toEqual(before.map((one) => one.bytesBefore));
    const [leaf = 0, nest = 0, handle] = after.map((one) => one.bytesAfter - one.bytesBefore);
    expect(handle).toBe(0);
    expect(leaf).toBeGreaterThan(0);
    expect(nest).toBeGreaterThan(0);
    expect(after.map((one) => one.offset)).toEqual(before.map((one) => one.offset));
  });
});

describe("polls: 'entry'", () => {
  it('has_a_poll_in_each_function_that_calls_and_no_others', () => {
    const { loopPolls, elidedLoopPolls, callPolls, polls } = report('entry');
    expect([loopPolls, elidedLoopPolls, callPolls]).toEqual([0, 0, 1]);
    expect(polls.map((one) => one.callPolls)).toEqual([0, 1, 0]);
    expect(polls.flatMap((one) => one.loops.map(({ poll }) => poll))).toEqual(
      Array.from({ length: 5 }, () => 'none'),
    );
  });

  it('interrupts_at_the_entry_and_never_in_a_loop', async () => {
    const source = assemble(`(module
      (func $f)
      (func (export "handle") (local $i i32)
        (loop $l (call $f)
          (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 9))))))`);
    const guest = new Rewritten(source, { polls: 'entry' });
    await guest.reset();
    guest.control[0] = 1;
    expect(await guest.enter()).toBe(0);
    expect(guest.interrupts).toBe(1);
  });
});
