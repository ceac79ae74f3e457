import { describe, expect, it } from 'vitest';
import { assemble, Rewritten } from './harness.ts';

// A loop may go without a poll only if each of its rounds passes another. Each shape runs for ever unless the host kills
// it, so that an unsound elision shows as a call of `gas` beyond its limit and not as a test that hangs.

const GAS = 200;

async function killed(body: string): Promise<{ guest: Rewritten; outcome: unknown; gas: number }> {
  const source = assemble(`(module (import "test" "gas" (func $gas))
    (func (export "handle") (local $n i32) ${body}))`);
  let gas = 0;
  const guest = new Rewritten(source, {
    imports: {
      test: {
        gas: () => {
          gas += 1;
          // Raised late, so that the poll at the function's entry is over.
          guest.control[0] = 1;
          if (gas > GAS) throw new Error('went on without a poll');
        },
      },
    },
    interrupt: () => 1,
  });
  await guest.reset();
  return { guest, outcome: await guest.enter(), gas };
}

const ELIDED: readonly (readonly [string, string, number, number])[] = [
  ['inner_loop_first', '(loop $a (call $gas) (loop $b (call $gas)) (br $a))', 1, 1],
  ['three_levels', '(loop $a (loop $b (loop $c (call $gas)) (br $a)))', 1, 2],
  [
    'way_back_behind_the_inner_header',
    '(loop $a (loop $b (call $gas) (br_if $a (i32.const 1))))',
    1,
    1,
  ],
  [
    'way_out_before_the_inner_loop',
    '(block $out (loop $a (br_if $out (local.get $n)) (loop $b (call $gas)) (br $a)))',
    1,
    1,
  ],
  [
    'block_before_the_inner_loop',
    '(loop $a (block (br_if 0 (local.get $n)) (call $gas)) (loop $b (call $gas)) (br $a))',
    1,
    1,
  ],
  ['second_inner_loop', '(loop $a (loop $b (call $gas)) (loop $c (call $gas)) (br $a))', 2, 1],
];

const KEPT: readonly (readonly [string, string, number, number])[] = [
  [
    'way_back_before_the_inner_loop',
    '(loop $a (call $gas) (br_if $a (i32.eqz (local.get $n))) (loop $b (call $gas)))',
    2,
    0,
  ],
  [
    'way_back_in_a_block',
    '(loop $a (call $gas) (block (br_table $a $a (local.get $n))) (loop $b (call $gas)))',
    2,
    0,
  ],
  [
    'inner_loop_in_an_if',
    '(loop $a (call $gas) (if (local.get $n) (then (loop $b (call $gas)))) (br $a))',
    2,
    0,
  ],
  [
    'inner_loop_in_a_block',
    '(loop $a (call $gas) (block $skip (br_if $skip (i32.const 1)) (loop $b (call $gas))) (br $a))',
    2,
    0,
  ],
  [
    'inner_loop_in_a_try',
    '(loop $a (call $gas) (try (do (loop $b (call $gas))) (catch_all)) (br $a))',
    2,
    0,
  ],
  [
    'way_back_to_a_loop_that_is_covered_itself',
    '(loop $a (loop $b (call $gas) (br_if $a (i32.eqz (local.get $n))) (loop $c (call $gas))))',
    2,
    1,
  ],
  [
    'way_back_over_two_covered_loops',
    '(loop $a (loop $b (loop $c (call $gas) (br_if $a (i32.eqz (local.get $n))) (loop $d (call $gas)))))',
    2,
    2,
  ],
  [
    'way_back_to_a_covered_loop_from_a_try',
    '(loop $a (loop $b (try (do (call $gas) (br $a)) (catch_all)) (loop $c (call $gas))))',
    2,
    1,
  ],
];

describe('loop polls', () => {
  it.each([...ELIDED, ...KEPT])('each_round_polls: %s', async (_name, body, polls, elided) => {
    const { guest, outcome, gas } = await killed(body);
    expect(outcome).toBe('RuntimeError: unreachable');
    expect(gas).toBeLessThan(5);
    expect(guest.info).toMatchObject({ loopPolls: polls, elidedLoopPolls: elided });
  });

  it('a_loop_of_few_rounds_meets_no_poll_and_a_longer_one_meets_one_in_ten', async () => {
    const source = assemble(`(module (func (export "handle"))
      (func (export "run") (param $n i32)
        (loop $l (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))`);
    const guest = new Rewritten(source, { interrupt: () => 0 });
    await guest.reset();
    guest.control[0] = 1;
    await guest.call('run', 10);
    expect(guest.interrupts).toBe(0);
    // After the first interruption it goes on in the second copy of the loop, which has two rounds.
    await guest.call('run', 10 + 6);
    expect(guest.interrupts).toBe(3);
  });
});
