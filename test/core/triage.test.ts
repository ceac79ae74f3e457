/** Whose flag a tick raises. */
import { describe, expect, it } from 'vitest';
import { TickerCells } from '../../src/core/ticker-cells.ts';
import { Triage, type TriageMode } from '../../src/core/triage.ts';
import type { WorkerControl } from '../../src/core/worker-control.ts';
import type { Heap } from '../../src/ring/index.ts';
import { TriageStage } from './triage-stage.ts';

const NOW = 1e9;
const { POSITIVE_INFINITY } = Number;

/** A stage on which worker 1 has run a guest of key 50 for a whole quantum. */
function running(mode: TriageMode) {
  const stage = new TriageStage();
  const { arena, controls, heapAddresses } = stage;
  const triage = new Triage(arena, { controls, mode, heapAddresses });
  stage.run(1, POSITIVE_INFINITY, 50);
  expect(triage.tick(NOW)).toBe(true);
  expect(stage.takeFlags()).toEqual([]);
  const worker = stage.workers[1] as WorkerControl;
  const flags = (nowNs = NOW): number[] => {
    triage.tick(nowNs);
    return stage.takeFlags();
  };
  return { stage, worker, flags, triage, heaps: stage.heaps as [Heap, Heap] };
}

const MODES: readonly TriageMode[] = ['off', 'waiters', 'keys'];

describe.each(MODES)('in the mode %s', (mode) => {
  it('nothing_is_raised_without_a_reason', () => {
    const { flags } = running(mode);
    for (let i = 0; i < 5; i++) expect(flags()).toEqual([]);
  });

  it('an_idle_worker_is_left_alone', () => {
    const { stage, worker, flags, triage } = running(mode);
    worker.switchOut();
    worker.hasMail = true;
    worker.waiters = 1;
    worker.waitKey = 1;
    stage.arena.deque(0).push(3);
    expect(flags()).toEqual([]);
    expect(triage.tick(NOW)).toBe(false);
  });

  it('limits_cancellation_mail_and_stirs_do_not_wait_for_a_quantum', () => {
    const reasons: ((worker: WorkerControl, stage: TriageStage) => void)[] = [
      (worker) => worker.switchIn(1, NOW),
      (worker, stage) => {
        stage.exchanges.at(1).cancel();
        worker.switchIn(1, POSITIVE_INFINITY);
      },
      (worker) => {
        worker.hasMail = true;
        worker.switchIn(1, POSITIVE_INFINITY);
      },
      (worker) => {
        worker.hasStir = true;
        worker.switchIn(1, POSITIVE_INFINITY);
      },
    ];
    for (const reason of reasons) {
      const { stage, worker, flags } = running(mode);
      worker.switchOut();
      reason(worker, stage);
      expect(flags(), String(reason)).toEqual([1]);
    }
  });

  it('a_limit_is_reached_at_its_time_and_not_before', () => {
    const { stage, flags } = running(mode);
    stage.run(2, NOW + 10);
    expect(flags(NOW + 9)).toEqual([]);
    expect(flags(NOW + 10)).toEqual([2]);
  });
});

describe('waiters', () => {
  it('off_interrupts_nobody_for_another', () => {
    const { stage, worker, flags, heaps } = running('off');
    worker.waiters = 1;
    worker.waitKey = 1;
    worker.wakeAtNs = NOW;
    stage.arena.deque(0).push(3);
    stage.arena.completions(3).push(1);
    heaps[0].push(1, 1);
    expect(flags()).toEqual([]);
  });

  it.each(['waiters', 'keys'] as const)(
    '%s_interrupt_for_what_is_unsorted_due_or_answered',
    (mode) => {
      const queued = running(mode);
      queued.stage.arena.deque(0).push(3);
      expect(queued.flags()).toEqual([1]);
      queued.stage.arena.deque(0).pop();
      expect(queued.flags()).toEqual([]);

      const asleep = running(mode);
      asleep.worker.wakeAtNs = NOW + 1;
      expect(asleep.flags(NOW)).toEqual([]);
      expect(asleep.flags(NOW + 1)).toEqual([1]);

      const answered = running(mode);
      // Worker 1 is producer 3: two that have no worker come first.
      answered.stage.arena.completions(3).push(1);
      expect(answered.flags()).toEqual([1]);
    },
  );

  it('a_guest_has_its_quantum_first', () => {
    const { stage, worker, flags } = running('waiters');
    worker.waiters = 1;
    expect(flags()).toEqual([1]);
    worker.switchOut();
    stage.run(1);
    expect(flags()).toEqual([]);
    expect(flags()).toEqual([1]);
  });

  it('waiters_are_counted_in_one_mode_and_keys_in_the_other', () => {
    const { worker: first, flags: byCount, heaps } = running('waiters');
    first.waitKey = 1;
    heaps[0].push(1, 1);
    expect(byCount()).toEqual([]);
    const { worker: second, flags: byKey } = running('keys');
    second.waiters = 1;
    expect(byKey()).toEqual([]);
  });
});

describe('keys', () => {
  it('a_smaller_key_in_the_own_queue_interrupts_and_an_equal_or_larger_one_does_not', () => {
    const { worker, flags } = running('keys');
    for (const [key, expected] of [
      [49, [1]],
      [50, []],
      [51, []],
      [-1, [1]],
    ] as const) {
      worker.waitKey = key;
      expect(flags(), String(key)).toEqual(expected);
    }
  });

  it('the_least_key_of_all_heaps_counts_for_every_worker', () => {
    const { stage, worker, flags, heaps } = running('keys');
    stage.run(2, POSITIVE_INFINITY, 30);
    expect(flags()).toEqual([]);
    heaps[0].push(60, 1);
    heaps[1].push(40, 2);
    expect(flags()).toEqual([1]);
    heaps[0].push(20, 3);
    expect(flags()).toEqual([1, 2]);
    heaps[0].popMin();
    heaps[1].popMin();
    expect(flags()).toEqual([]);
    expect(worker.waitKey).toBe(POSITIVE_INFINITY);
  });

  it('a_guest_without_bound_yields_to_any_that_has_one_and_to_no_other_without', () => {
    const { stage, worker, flags, heaps } = running('keys');
    worker.switchOut();
    stage.run(1, POSITIVE_INFINITY, POSITIVE_INFINITY);
    expect(flags()).toEqual([]);
    heaps[0].push(POSITIVE_INFINITY, 1);
    worker.waitKey = 2 ** 63;
    expect(flags()).toEqual([]);
    heaps[1].push(2 ** 53, 2);
    expect(flags()).toEqual([1]);
  });
});

it('ticks_and_raised_flags_are_counted', () => {
  const { stage, worker, flags } = running('waiters');
  const cells = new TickerCells(stage.arena);
  worker.waiters = 1;
  flags();
  flags();
  expect([cells.ticks, cells.interrupts]).toEqual([3, 2]);
});
