import { describe, expect, it } from 'vitest';
import { RUN_BYTES_MAX } from '../../../src/sandbox/rewriter/call-graph.ts';
import { FRAME_BYTES_MAX, Meter } from '../../../src/sandbox/rewriter/meter.ts';

const LIMIT = 2 * RUN_BYTES_MAX;

function meterOf(isRecursive: boolean = false): Meter {
  const meter = new Meter();
  meter.begin(100, isRecursive);
  return meter;
}

describe('the run since the last poll', () => {
  it('is_due_at_the_limit_and_starts_anew_at_a_poll', () => {
    const meter = meterOf();
    expect(meter.dueAt).toBe(100 + LIMIT);
    meter.polled(500);
    expect(meter.dueAt).toBe(500 + LIMIT);
  });

  it('has_what_a_call_may_run_and_polls_in_front_of_what_would_be_too_much', () => {
    const meter = meterOf();
    expect(meter.call(100, RUN_BYTES_MAX, false, false)).toBe(false);
    expect(meter.dueAt).toBe(100 + RUN_BYTES_MAX);
    expect(meter.call(101, RUN_BYTES_MAX, false, false)).toBe(true);
    expect(meter.dueAt).toBe(101 + RUN_BYTES_MAX);
  });

  it('goes_on_with_the_longer_way_where_two_meet', () => {
    for (const [short, long] of [
      [10, 400],
      [400, 10],
    ] as const) {
      const meter = meterOf();
      meter.open(1, 100);
      meter.call(100, short, false, false);
      meter.branch(1, 100);
      meter.call(100, long - short > 0 ? long - short : 0, false, false);
      meter.close(1, 100, false);
      expect(meter.state(100).run).toBe(400);
    }
  });

  it('of_a_way_that_is_left_counts_no_more', () => {
    const meter = meterOf();
    meter.open(1, 100);
    meter.branch(1, 110);
    meter.call(110, 4000, false, false);
    meter.kill();
    expect(meter.dueAt).toBe(Number.POSITIVE_INFINITY);
    expect(meter.call(120, RUN_BYTES_MAX, true, true)).toBe(false);
    meter.close(1, 130, false);
    expect(meter.state(130).run).toBe(10);
  });

  it('of_an_if_without_else_may_be_that_of_its_head', () => {
    const meter = meterOf();
    meter.open(1, 150);
    meter.polled(160);
    meter.close(1, 170, true);
    expect(meter.state(170).run).toBe(50);
  });

  it('of_an_else_begins_where_the_if_did', () => {
    const meter = meterOf();
    meter.open(1, 150);
    meter.polled(160);
    meter.otherwise(1, 170);
    expect(meter.state(170).run).toBe(50);
    meter.polled(180);
    meter.close(1, 190, true);
    expect(meter.state(190).run).toBe(10);
  });

  it.each(['handler', 'catchTo'] as const)('is_over_where_exceptions_arrive: %s', (way) => {
    const meter = meterOf(true);
    meter.open(1, 100);
    if (way === 'handler') {
      meter.handler(1, 120);
    } else {
      meter.catchTo(1);
      meter.close(1, 120, false);
    }
    expect(meter.dueAt).toBe(120);
    expect(meter.state(120).hasCalled).toBe(true);
  });

  it('has_the_copies_of_a_small_loop_and_a_poll_in_front_of_an_outermost_one_that_would_be_long', () => {
    const meter = meterOf();
    meter.openLoop(1, 100, 1024);
    expect(meter.state(110).run).toBe(1034);
    meter.close(1, 110, false);
    expect(meter.needsPollBeforeLoop(110, true)).toBe(false);
    meter.call(110, RUN_BYTES_MAX, false, false);
    expect(meter.needsPollBeforeLoop(110, true)).toBe(true);
    expect(meter.needsPollBeforeLoop(110, false)).toBe(false);
  });

  it('is_not_measured_before_a_function_begins', () => {
    const meter = new Meter();
    meter.open(0, 0);
    meter.handler(0, 10);
    meter.catchTo(0);
    meter.close(0, 1e9, false);
    expect(meter.dueAt).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('recursive calls', () => {
  const call = (meter: Meter, pos: number): boolean => meter.call(pos, 10, true, false);

  it('the_first_is_free_and_each_later_one_polls', () => {
    const meter = meterOf(true);
    expect([call(meter, 110), call(meter, 120), call(meter, 130)]).toEqual([false, true, true]);
  });

  it('one_behind_a_poll_is_free', () => {
    const meter = meterOf(true);
    call(meter, 110);
    meter.polled(115);
    expect(call(meter, 120)).toBe(false);
  });

  it('polls_when_much_code_comes_before_it', () => {
    expect(call(meterOf(true), 100 + FRAME_BYTES_MAX)).toBe(false);
    expect(call(meterOf(true), 101 + FRAME_BYTES_MAX)).toBe(true);
  });

  it('a_poll_is_due_when_much_code_comes_behind_it', () => {
    const meter = meterOf(true);
    call(meter, 110);
    expect(meter.dueAt).toBe(110 + FRAME_BYTES_MAX);
  });

  it('a_tail_call_always_polls', () => {
    expect(meterOf(true).call(100, 10, true, true)).toBe(true);
    expect(meterOf(true).call(100, 10, false, true)).toBe(false);
  });

  it('polls_behind_a_way_with_a_call_and_one_without', () => {
    for (const callsFirst of [true, false]) {
      const meter = meterOf(true);
      meter.open(1, 100);
      if (callsFirst) call(meter, 110);
      meter.otherwise(1, 120);
      if (!callsFirst) call(meter, 130);
      meter.close(1, 140, false);
      expect(call(meter, 150)).toBe(true);
    }
  });

  it('a_loop_starts_without_one', () => {
    const meter = meterOf(true);
    expect(meter.needsPollBeforeLoop(100, false)).toBe(false);
    call(meter, 110);
    expect(meter.needsPollBeforeLoop(120, false)).toBe(true);
    meter.kill();
    expect(meter.needsPollBeforeLoop(130, false)).toBe(false);
  });

  it('the_head_of_a_covered_loop_may_come_behind_one', () => {
    const meter = meterOf(true);
    meter.openCoveredLoop(1, 100);
    expect(call(meter, 110)).toBe(true);
    const plain = meterOf(false);
    plain.openCoveredLoop(1, 100);
    expect(plain.state(110)).toEqual({ run: 10, hasCalled: false });
  });
});
