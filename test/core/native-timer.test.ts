/** The timer of the addon: what it does is what the JavaScript one does, and it leaves nothing behind. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nativeTimerOptions } from '../../src/core/quantum-timer.ts';
import { TickSchedule } from '../../src/core/tick-schedule.ts';
import { TickerCells } from '../../src/core/ticker-cells.ts';
import { Triage, type TriageMode } from '../../src/core/triage.ts';
import type { WorkerControl } from '../../src/core/worker-control.ts';
import type { Deque, Heap } from '../../src/ring/index.ts';
import { type NativeAddon, type NativeTimerOptions, nativeAddon } from '../../src/sandbox/index.ts';
import { SLOTS, TriageStage, WORKERS } from './triage-stage.ts';

const addon = nativeAddon() as NativeAddon;
const NOW = 1e15;
const MODES: readonly TriageMode[] = ['off', 'waiters', 'keys'];
const COUNTER_STARTS = [0, 2 ** 31 - 2, 2 ** 32 - 3];

type Change = (stage: TriageStage) => void;

const worker = fc.nat(WORKERS - 1);
const slot = fc.nat(SLOTS - 1);
/** Around NOW, and what a cell holds when it holds no time. */
const time = fc.oneof(
  fc.integer({ min: -3, max: 3 }).map((ns) => NOW + ns),
  fc.constantFrom(Number.POSITIVE_INFINITY, 0, Number.NaN),
);
const key = fc.oneof(
  fc.integer({ min: -4, max: 4 }),
  fc.constantFrom(Number.POSITIVE_INFINITY, 2 ** 53, 2 ** 62, 2 ** 63, Number.NaN),
);

/** What workers, producers and the supervisor may do between two ticks. */
const change: fc.Arbitrary<Change> = fc.oneof(
  {
    weight: 6,
    arbitrary: onWorker(fc.tuple(slot, time, key), (it, [slotOf, killAtNs, runKey]) => {
      if ((it.epoch & 1) !== 0) it.switchOut();
      it.runKey = runKey;
      it.switchIn(slotOf, killAtNs);
    }),
  },
  onWorker(fc.constant(0), (it) => {
    if ((it.epoch & 1) !== 0) it.switchOut();
  }),
  onWorker(fc.nat(2), (it, count) => {
    it.waiters = count;
  }),
  onWorker(time, (it, ns) => {
    it.wakeAtNs = ns;
  }),
  onWorker(key, (it, waitKey) => {
    it.waitKey = waitKey;
  }),
  onWorker(fc.boolean(), (it, has) => {
    it.hasMail = has;
  }),
  onWorker(fc.boolean(), (it, has) => {
    it.hasStir = has;
  }),
  fc.tuple(slot, fc.integer({ min: -1, max: SLOTS }), fc.nat(3), fc.nat(9)).map(
    ([of, caller, depth, cancel]): Change =>
      ({ arena }) => {
        const cell = arena.slotAddress(of) >> 2;
        arena.ring.i32[cell + 1] = cancel === 0 ? 1 : 0;
        arena.ring.i32[cell + 13] = depth;
        // Numbers that are no slot's are of a cell that is being reused; only the native one must not follow them.
        arena.ring.i32[cell + 14] = caller === SLOTS ? 0 : caller + 1;
      },
  ),
  fc.tuple(fc.nat(WORKERS + 1), fc.boolean()).map(
    ([p, isPush]): Change =>
      ({ arena }) => {
        const deque: Deque = arena.deque(p);
        if (isPush) deque.push(1);
        else deque.steal();
      },
  ),
  fc.tuple(fc.nat(WORKERS + 1), fc.boolean()).map(
    ([p, isPush]): Change =>
      ({ arena }) => {
        const ring = arena.completions(p);
        if (isPush) ring.push(1);
        else ring.pop();
      },
  ),
  fc.tuple(fc.nat(1), slot, key, fc.boolean()).map(
    ([h, value, at, isPush]): Change =>
      ({ heaps }) => {
        const heap = heaps[h] as Heap;
        if (isPush) heap.push(at, value);
        else heap.popMin();
      },
  ),
);

function onWorker<T>(
  value: fc.Arbitrary<T>,
  act: (worker: WorkerControl, value: T) => void,
): fc.Arbitrary<Change> {
  return fc.tuple(worker, value).map(
    ([w, v]) =>
      ({ workers }) =>
        act(workers[w] as WorkerControl, v),
  );
}

describe.skipIf(nativeAddon() === undefined)('the native timer', () => {
  describe('does what the JavaScript one does', () => {
    it.each(MODES)('raises_the_same_flags_in_the_mode_%s', (mode) => {
      const tick = fc.record({ changes: fc.array(change, { maxLength: 8 }), now: time });
      let raised = 0;
      const run = (start: number, ticks: readonly { changes: Change[]; now: number }[]): void => {
        const stage = new TriageStage(start);
        const { arena, controls, heapAddresses } = stage;
        const triage = new Triage(arena, { controls, mode, heapAddresses });
        const timer = new addon.QuantumTimer(nativeTimerOptions(stage.tickerData(mode)));
        const cells = new TickerCells(arena);
        for (const { changes, now } of ticks) {
          for (const apply of changes) apply(stage);
          const before = [cells.ticks, cells.interrupts];
          const isBusy = triage.tick(now);
          const flags = stage.takeFlags();
          const between = [cells.ticks, cells.interrupts];
          expect([timer.tickOnce(now), stage.takeFlags()]).toEqual([isBusy, flags]);
          const counted = [0, 1].map((i) => (between[i] as number) - (before[i] as number));
          expect([cells.ticks, cells.interrupts]).toEqual(
            between.map((count, i) => count + (counted[i] as number)),
          );
          raised += flags.length;
        }
        timer.stop();
      };
      fc.assert(
        fc.property(
          fc.constantFrom(...COUNTER_STARTS),
          fc.array(tick, { maxLength: 30, minLength: 5 }),
          run,
        ),
        { numRuns: 300 },
      );
      expect(raised).toBeGreaterThan(100);
    });

    it('ticks_when_the_other_would', () => {
      const step = fc.record({
        late: fc.double({ min: -10, max: 1e7, noNaN: true }),
        isBusy: fc.boolean(),
      });
      const quantum = fc.double({ min: 50e3, max: 1e9, noNaN: true });
      fc.assert(
        fc.property(quantum, fc.array(step, { maxLength: 40 }), (quantumNs, steps) => {
          const data = new TriageStage().tickerData('off', quantumNs);
          const timer = new addon.QuantumTimer(nativeTimerOptions(data));
          // The native one's time begins at its start.
          const schedule = new TickSchedule(quantumNs, data.idleNsMax, -quantumNs);
          for (const { late, isBusy } of steps) {
            const now = schedule.dueNs + late;
            schedule.advance(now, isBusy);
            expect(timer.advance(now, isBusy)).toBe(schedule.wakeNs);
          }
          timer.stop();
        }),
      );
    });
  });

  describe('is checked', () => {
    const options = (changes: Partial<Record<keyof NativeTimerOptions, unknown>>) =>
      ({
        ...nativeTimerOptions(new TriageStage().tickerData('keys')),
        ...changes,
      }) as NativeTimerOptions;
    const bytes = options({}).arena.length;

    const wrong: readonly Partial<Record<keyof NativeTimerOptions, unknown>>[] = [
      { arena: undefined },
      { arena: new Uint8Array(1024) },
      { arena: new Float64Array(new SharedArrayBuffer(1024)) },
      { arena: new Uint8Array(new SharedArrayBuffer(1024)) },
      { flags: undefined },
      { flags: [new Uint8Array(4)] },
      { flags: [new Uint8Array(new SharedArrayBuffer(3))] },
      { flags: [new Uint8Array(new SharedArrayBuffer(8), 1)] },
      { flags: [null] },
      { mode: 'sometimes' },
      { mode: 1 },
      { quantumNs: 49_999 },
      { quantumNs: 1e9 + 1 },
      { quantumNs: Number.NaN },
      { idleNsMax: -1 },
      { idleNsMax: Number.POSITIVE_INFINITY },
      { beatAddress: bytes - 16 },
      { beatAddress: 4 },
      { producers: 1e6 },
      { producers: -1 },
      { producers: 1.5 },
      ...(['controls', 'deques', 'completions', 'slots'] as const).flatMap((name) => [
        { [`${name}Address`]: bytes },
        { [`${name}Address`]: 1e300 },
        { [`${name}Address`]: 4 },
        { [`${name}StrideBytes`]: 0 },
        { [`${name}StrideBytes`]: bytes },
        { [`${name}StrideBytes`]: 1004 },
      ]),
      { slots: 1e9 },
      { heapAddresses: undefined },
      { heapAddresses: [bytes - 256] },
      { heapAddresses: [12] },
      { heapAddresses: ['8'] },
    ];

    it('a_layout_that_does_not_fit_is_refused', () => {
      new addon.QuantumTimer(options({})).stop();
      for (const changes of wrong) {
        expect(() => new addon.QuantumTimer(options(changes)), JSON.stringify(changes)).toThrow(
          expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }),
        );
      }
    });

    it('methods_work_on_timers_only_and_in_order', () => {
      const timer = new addon.QuantumTimer(options({}));
      const { start, tickOnce } = addon.QuantumTimer.prototype;
      for (const other of [{}, undefined, Object.create(timer), addon]) {
        expect(() => tickOnce.call(other as never, 1)).toThrow();
        expect(() => start.call(other as never)).toThrow();
      }
      expect(() => (addon.QuantumTimer as unknown as (o: unknown) => void)(options({}))).toThrow(
        'new',
      );
      expect(() => timer.tickOnce('1' as never)).toThrow('a time is a number');
      timer.start();
      for (const call of [
        () => timer.start(),
        () => timer.tickOnce(1),
        () => timer.advance(1, true),
      ]) {
        expect(call).toThrow(expect.objectContaining({ code: 'ERR_TIMER_STATE' }));
      }
      timer.stop();
      timer.stop();
      expect(() => timer.start()).toThrow('is closed');
    });
  });

  describe('ends', () => {
    const child = fileURLToPath(new URL('./native-timer-child.ts', import.meta.url));
    /** How a process ends that has a timer running, in its main thread or in workers. */
    it.each([
      ['return', 0],
      ['exit', 3],
      ['throw', 1],
      ['reject', 1],
      ['collect', 0],
      ['worker-return', 0],
      ['worker-exit', 0],
      ['worker-throw', 0],
      ['worker-terminate', 0],
      ['exit-above-worker', 3],
    ] as const)('with_its_environment_by_%s', (ending, code) => {
      for (let i = 0; i < 2; i++) {
        let status: unknown = 0;
        let text = '';
        try {
          text = execFileSync(process.execPath, ['--expose-gc', child, ending], {
            stdio: ['ignore', 'pipe', 'pipe'],
            encoding: 'utf8',
          });
        } catch (error) {
          const failure = error as { status: number | null; signal: string | null; stderr: string };
          status = failure.signal ?? failure.status;
          text = failure.stderr;
        }
        expect(status, text).toBe(code);
      }
    });
  });
});
