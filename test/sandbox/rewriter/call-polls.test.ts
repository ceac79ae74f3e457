import { describe, expect, it } from 'vitest';
import { rewrite } from '../../../src/sandbox/rewriter/index.ts';
import { assemble, Rewritten } from './harness.ts';

// Which calls poll. What runs for ever without a loop makes recursive calls for ever, and not only down, since the stack is
// finite: each guest here would go on until `gas` throws if one of its ways round had no poll.

const GAS = 5000;

function guestOf(body: string, verdict: number = 1): { guest: Rewritten; gas: () => number } {
  let gas = 0;
  const guest: Rewritten = new Rewritten(
    assemble(
      `(module (import "test" "gas" (func $gas)) (table 4 funcref) (func (export "handle")) ${body})`,
    ),
    {
      imports: {
        test: {
          gas: () => {
            gas += 1;
            guest.control[0] = 1;
            if (gas > GAS) throw new Error('went on without a poll');
          },
        },
      },
      interrupt: () => {
        if (verdict === 0) guest.control[0] = 0;
        return verdict;
      },
    },
  );
  return { guest, gas: () => gas };
}

/** Each makes two calls in an activation, or comes back otherwise, so that its depth bounds nothing. */
const ENDLESS: readonly (readonly [string, string])[] = [
  [
    'two_calls_in_a_row',
    `(func $run (export "run") (param $d i32)
      (call $gas)
      (if (i32.eqz (local.get $d)) (then (return)))
      (call $run (i32.sub (local.get $d) (i32.const 1)))
      (call $run (i32.sub (local.get $d) (i32.const 1))))`,
  ],
  [
    'two_calls_on_different_ways',
    `(func $run (export "run") (param $d i32)
      (call $gas)
      (if (i32.eqz (local.get $d)) (then (return)))
      (if (i32.and (local.get $d) (i32.const 1))
        (then (call $run (i32.sub (local.get $d) (i32.const 1))))
        (else (call $run (i32.sub (local.get $d) (i32.const 1)))))
      (block $out
        (br_if $out (i32.const 0))
        (call $run (i32.sub (local.get $d) (i32.const 1)))))`,
  ],
  [
    'a_call_in_a_loop',
    `(func $run (export "run") (param $d i32) (local $i i32)
      (call $gas)
      (if (i32.eqz (local.get $d)) (then (return)))
      (loop $l
        (call $run (i32.sub (local.get $d) (i32.const 1)))
        (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 2)))))`,
  ],
  [
    'a_call_before_a_covered_loop_and_one_behind_it',
    `(func $run (export "run") (param $d i32) (local $i i32)
      (call $gas)
      (if (i32.eqz (local.get $d)) (then (return)))
      (loop $a
        (call $run (i32.sub (local.get $d) (i32.const 1)))
        (loop $b)
        (br_if $a (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 2)))))`,
  ],
  [
    'two_functions',
    `(func $run (export "run") (param $d i32)
      (call $gas)
      (if (i32.eqz (local.get $d)) (then (return)))
      (call $other (local.get $d)) (call $other (local.get $d)))
     (func $other (param $d i32) (call $run (i32.sub (local.get $d) (i32.const 1))))`,
  ],
  [
    'through_a_table',
    `(elem (i32.const 1) $run) (type $t (func (param i32)))
     (func $run (export "run") (param $d i32)
      (call $gas)
      (if (i32.eqz (local.get $d)) (then (return)))
      (call_indirect (type $t) (i32.sub (local.get $d) (i32.const 1)) (i32.const 1))
      (call_indirect (type $t) (i32.sub (local.get $d) (i32.const 1)) (i32.const 1)))`,
  ],
  [
    'through_a_table_that_others_write',
    `(export "table" (table 0)) (type $t (func (param i32)))
     (func (export "prepare") (table.set (i32.const 1) (table.get (i32.const 1))))
     (func $run (export "run") (param $d i32)
      (call $gas)
      (if (i32.eqz (local.get $d)) (then (return)))
      (call_indirect (type $t) (i32.sub (local.get $d) (i32.const 1)) (i32.const 1))
      (call_indirect (type $t) (i32.sub (local.get $d) (i32.const 1)) (i32.const 1)))`,
  ],
  [
    'a_tail_call',
    '(func $run (export "run") (param $d i32) (call $gas) (return_call $run (local.get $d)))',
  ],
  [
    'a_tail_call_through_a_table',
    `(elem (i32.const 1) $run) (type $t (func (param i32)))
     (func $run (export "run") (param $d i32) (call $gas)
      (return_call_indirect (type $t) (local.get $d) (i32.const 1)))`,
  ],
  [
    'a_handler_that_calls',
    `(tag $e)
     (func $run (export "run") (param $d i32)
      (call $gas)
      (if (i32.eqz (local.get $d)) (then (throw $e)))
      (try (do (call $run (i32.sub (local.get $d) (i32.const 1))))
        (catch_all (call $run (i32.sub (local.get $d) (i32.const 1))) (throw $e))))`,
  ],
  [
    'a_handler_of_a_try_table',
    `(tag $e)
     (func $run (export "run") (param $d i32)
      (call $gas)
      (if (i32.eqz (local.get $d)) (then (throw $e)))
      (block $caught
        (try_table (catch_all $caught) (call $run (i32.sub (local.get $d) (i32.const 1))))
        (return))
      (call $run (i32.sub (local.get $d) (i32.const 1))))`,
  ],
];

describe('recursion', () => {
  it.each(ENDLESS)('comes_to_a_poll: %s', async (name, body) => {
    const { guest, gas } = guestOf(body);
    await guest.reset();
    if (name === 'through_a_table_that_others_write') {
      (guest.exports.table as WebAssembly.Table).set(1, guest.exports.run as () => void);
    }
    // 2^60 activations, at most 60 deep.
    expect(await guest.call('run', 60)).toBe('RuntimeError: unreachable');
    expect(gas()).toBeLessThan(130);
  });

  it('has_no_poll_in_a_leaf_nor_before_the_first_call', async () => {
    const { guest } = guestOf(`
      (func $fact (export "fact") (param $n i64) (result i64)
        (if (result i64) (i64.eqz (local.get $n)) (then (i64.const 1))
          (else (i64.mul (local.get $n) (call $fact (i64.sub (local.get $n) (i64.const 1)))))))
      (func $leaf (result i32) (i32.const 1))
      (func (export "calls") (drop (call $leaf)) (drop (call $leaf)))`);
    expect(guest.info.callPolls).toBe(0);
    expect(await guest.call('fact', 10n)).toBe('3628800n');
  });

  it('three_calls_have_two_polls_and_a_call_behind_a_loop_that_calls_has_one_before_the_loop', () => {
    const polls = (body: string): number =>
      guestOf(`(func $run (export "run") (param i32) ${body})`).guest.info.callPolls;
    const again = '(call $run (local.get 0))';
    expect(polls(again.repeat(3))).toBe(2);
    expect(polls(`${again} (loop $l ${again} (br_if $l (local.get 0)))`)).toBe(1);
    expect(polls(`(loop $l ${again} (br_if $l (local.get 0)))`)).toBe(0);
    expect(polls(`(if (local.get 0) (then ${again}) (else ${again}))`)).toBe(0);
  });

  it('takes_exported_functions_for_callees_only_where_a_host_can_put_them_into_a_table', () => {
    const polls = (extra: string): number =>
      guestOf(`(type $t (func)) ${extra}
        (func $run (export "run") (call_indirect (type $t) (i32.const 0)) (call_indirect (type $t) (i32.const 0)))`)
        .guest.info.callPolls;
    expect(polls('')).toBe(0);
    expect(polls('(export "table" (table 0))')).toBe(1);
    expect(polls('(func (param funcref) (table.set (i32.const 0) (local.get 0)))')).toBe(1);
    expect(polls('(elem declare func $run)')).toBe(1);
  });

  it('polls_between_two_calls_once_in_each_node', async () => {
    const { guest } = guestOf(
      `(func $fib (export "fib") (param $n i32) (result i32)
        (if (result i32) (i32.lt_u (local.get $n) (i32.const 2)) (then (local.get $n))
          (else (i32.add (call $fib (i32.sub (local.get $n) (i32.const 1)))
                         (call $fib (i32.sub (local.get $n) (i32.const 2)))))))`,
      0,
    );
    expect(guest.info.callPolls).toBe(1);
    const { guest: forced } = guestOf(
      `(func $fib (export "fib") (param $n i32) (result i32)
        (if (result i32) (i32.lt_u (local.get $n) (i32.const 2)) (then (local.get $n))
          (else (i32.add (call $fib (i32.sub (local.get $n) (i32.const 1)))
                         (call $fib (i32.sub (local.get $n) (i32.const 2)))))))`,
      1,
    );
    await forced.reset();
    forced.control[0] = 1;
    expect(await forced.call('fib', 2)).toBe('RuntimeError: unreachable');
  });
});

/** `count` functions of which each calls the next one twice: 2^count calls, without recursion. */
function doubling(count: number): string {
  const functions = Array.from(
    { length: count },
    (_, at) => `(func $f${at} (call $f${at + 1}) (call $f${at + 1}))`,
  );
  return `${functions.join('\n')} (func $f${count} (call $gas)) (export "run" (func $f0))`;
}

describe('long code', () => {
  it('calls_that_double_come_to_a_poll', async () => {
    const { guest, gas } = guestOf(doubling(60));
    await guest.reset();
    expect(await guest.call('run')).toBe('RuntimeError: unreachable');
    // Of the code of the last few levels, of 5 bytes each: at most four times 4096 bytes of it.
    expect(gas()).toBeLessThan((4 * 4096) / 5);
  });

  it('has_a_poll_in_each_8192_bytes_and_none_in_less', () => {
    const straight = (instructions: number): number => {
      const code = '(drop (i32.const 1)) '.repeat(instructions);
      const source = assemble(`(module (func (export "handle") ${code}))`);
      return rewrite(source, { maxPages: 1 }).info.callPolls;
    };
    // Three bytes each.
    expect(straight(2700)).toBe(0);
    expect(straight(2740)).toBe(1);
    expect(straight(27_400)).toBe(10);
  });

  it('cannot_be_walked_round_a_poll', () => {
    // Each block may be left before its end, so that a poll that stood in it would be met on one way only.
    const part = `(block $out ${'(drop (i32.const 1))'.repeat(1000)} (br_if $out (i32.const 1)) (nop))`;
    const source = assemble(`(module (func (export "handle") ${part.repeat(9)}))`);
    expect(rewrite(source, { maxPages: 1 }).info.callPolls).toBe(3);
  });

  it('counts_one_side_of_an_if_only', () => {
    const side = '(drop (i32.const 1))'.repeat(2000);
    const one = `(if (i32.const 1) (then ${side}) (else ${side}))`;
    const count = (code: string): number =>
      rewrite(assemble(`(module (func (export "handle") ${code}))`), { maxPages: 1 }).info
        .callPolls;
    expect(count(one)).toBe(0);
    expect(count(side + side)).toBe(1);
  });
});

describe('what is read twice', () => {
  it('is_counted_once', () => {
    const source = assemble(`(module (memory 1) (func (export "handle") (param) (local $n i32)
      (loop $a (memory.fill (i32.const 0) (i32.const 0) (local.get $n))
        (loop $b (br_if $b (local.get $n)))
        (br_if $a (local.get $n)))))`);
    const { info } = rewrite(source, { maxPages: 1 });
    expect(info).toMatchObject({ bulkPolls: 1, loopPolls: 1, elidedLoopPolls: 1 });
  });

  it('a_loop_with_a_loop_that_calls_polls_within_itself', () => {
    const source =
      assemble(`(module (import "test" "gas" (func $gas)) (func (export "handle") (local $n i32)
      (loop $a (if (local.get $n) (then (loop $b (call $gas) (br_if $b (local.get $n)))))
        (br_if $a (local.get $n)))))`);
    const { info } = rewrite(source, { maxPages: 1, report: true });
    expect(info.polls[0]?.loops.map(({ poll }) => poll)).toEqual(['call', 'call']);
  });
});
