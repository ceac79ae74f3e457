/** What the experiments of `bench -- sched` are made of, and that one of them leaves what it promises. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { periodic, poisson } from '../../bench/sched/experiment.ts';
import { idealMisses } from '../../bench/sched/ideal.ts';
import type { Call } from '../../bench/sched/load.ts';
import { barChart, lineChart } from '../../bench/sched/plot.ts';
import { bodyOf, stateAfter, stepsModule, verify } from '../../bench/sched/steps.ts';
import { Random } from '../core/scheduling/jobs.ts';

const MAIN = fileURLToPath(new URL('../../bench/main.ts', import.meta.url));

describe('the guest', () => {
  it('answers_what_as_many_steps_one_by_one_lead_to', async () => {
    let request = new Uint8Array(0);
    let answer = new Uint8Array(0);
    const bytes = (): Uint8Array<ArrayBuffer> =>
      new Uint8Array((memory as WebAssembly.Memory).buffer as ArrayBuffer);
    const luge = {
      body_read: (_offset: number, to: number, count: number): number => {
        bytes().set(request.subarray(0, count), to);
        return Math.min(count, request.length);
      },
      write: (from: number, count: number): number => {
        answer = bytes().slice(from, from + count);
        return count;
      },
    };
    const module = new WebAssembly.Module((await stepsModule()) as Uint8Array<ArrayBuffer>);
    const { memory, handle } = new WebAssembly.Instance(module, { luge }).exports;
    for (const steps of [0, 1, 2, 999, 1000, 1001, 12_345]) {
      let state = 7;
      for (let i = 0; i < steps; i++) state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      expect(stateAfter(7, steps), `${steps} steps`).toBe(state);
      request = bodyOf(7, steps) as Uint8Array<ArrayBuffer>;
      (handle as () => void)();
      verify(answer, 7, steps);
      expect(() => verify(answer, 8, steps)).toThrow(`${steps} steps from 8`);
    }
  });
});

/** EDF millisecond by millisecond, for whole milliseconds. */
function missesByTheMs(calls: readonly Call[]): number {
  const left = calls.map(({ ms }) => ms);
  const dueMs = calls.map(({ atMs, deadlineMs }) => atMs + deadlineMs);
  for (let now = 0; now < Math.max(...dueMs); now++) {
    const open = calls.flatMap(({ atMs }, i) =>
      atMs <= now && (left[i] as number) > 0 && (dueMs[i] as number) > now ? [i] : [],
    );
    const [first] = open.sort((a, b) => (dueMs[a] as number) - (dueMs[b] as number));
    if (first !== undefined) left[first] = (left[first] as number) - 1;
  }
  return left.filter((ms) => ms > 0).length;
}

describe('ideal EDF', () => {
  it('misses_what_a_simulation_by_the_millisecond_misses', () => {
    let missed = 0;
    for (let seed = 1; seed <= 300; seed++) {
      const random = new Random(seed);
      const due = new Set<number>();
      const calls = Array.from({ length: 25 }, (): Call => {
        const [atMs, ms] = [random.between(0, 60), random.between(1, 6)];
        let deadlineMs = random.between(1, 30);
        while (due.has(atMs + deadlineMs)) deadlineMs++;
        due.add(atMs + deadlineMs);
        return { atMs, fn: 0, ms, deadlineMs };
      }).sort((a, b) => a.atMs - b.atMs);
      const misses = missesByTheMs(calls);
      expect(idealMisses(calls), `seed ${seed}`).toBe(misses);
      missed += misses;
    }
    expect(missed).toBeGreaterThan(300);
  });

  it('meets_all_of_a_periodic_set_up_to_a_load_of_1_and_not_beyond', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const set = { seed, seconds: 2, tasks: 30, periodMs: [20, 200] } as const;
      expect(idealMisses(periodic({ ...set, load: 0.999 })), `seed ${seed}`).toBe(0);
      expect(idealMisses(periodic({ ...set, load: 1.3 })), `seed ${seed}`).toBeGreaterThan(0);
    }
  });
});

describe('loads', () => {
  const work = (calls: readonly Call[]): number => calls.reduce((sum, { ms }) => sum + ms, 0);

  it('are_the_same_for_the_same_seed_in_the_order_of_their_starts_and_as_heavy_as_they_shall_be', () => {
    const of = (seed: number): Call[][] => [
      poisson({ seed, seconds: 20, perSecond: 450, fn: 1, ms: () => 2, deadlineMs: () => 9 }),
      periodic({ seed, seconds: 20, tasks: 30, load: 0.9, periodMs: [20, 200] }),
    ];
    expect(of(5)).toEqual(of(5));
    expect(of(5)).not.toEqual(of(6));
    for (const calls of of(5)) {
      expect(calls).toEqual([...calls].sort((a, b) => a.atMs - b.atMs));
      expect(work(calls) / 20_000).toBeGreaterThan(0.85);
      expect(work(calls) / 20_000).toBeLessThan(0.95);
    }
  });
});

describe('plots', () => {
  const line = lineChart({
    title: 'a < b & c',
    x: { label: 'x', isLog: true },
    y: { label: 'y' },
    series: [
      {
        name: 'one',
        points: [
          [1, 0],
          [10, 5],
          [1000, 10],
        ],
      },
      {
        name: 'two',
        points: [
          [1, 0],
          [1000, 0],
        ],
        isDashed: true,
      },
    ],
  });
  const bars = barChart({
    title: 'bars',
    y: { label: 'y', isLog: true },
    bars: ['p', 'q'],
    groups: [
      { name: 'g', values: [1, 100] },
      { name: 'h', values: [Number.NaN, 0.5] },
    ],
  });

  it('have_no_number_that_is_none_and_nothing_outside_of_the_picture', () => {
    for (const svg of [line, bars]) {
      expect(svg).not.toMatch(/NaN|Infinity|undefined/);
      const numbers = [...svg.matchAll(/\b(?:x|y|cx|cy|x1|x2|y1|y2)="([^"]*)"/g)];
      expect(numbers.length).toBeGreaterThan(20);
      for (const [attribute, value] of numbers) {
        expect(Number(value), attribute).toBeGreaterThanOrEqual(0);
        expect(Number(value), attribute).toBeLessThanOrEqual(760);
      }
    }
  });

  it('are_well_formed_whatever_the_words', () => {
    for (const svg of [line, bars]) {
      expect(svg).not.toMatch(/&(?!amp;|lt;|gt;)/);
      const open: string[] = [];
      for (const [, slash, name, rest] of svg.matchAll(/<(\/?)(\w+)([^>]*)>/g)) {
        if (slash === '/') expect(open.pop()).toBe(name);
        else if (!(rest as string).endsWith('/')) open.push(name as string);
      }
      expect(open).toEqual([]);
    }
    expect(line).toContain('a &lt; b &amp; c');
  });

  it('draw_each_value_at_its_place', () => {
    // 10 is a third of the way from 1 to 1000, 5 the half of 10.
    expect(line).toContain('points="70,360 246.7,202 600,44"');
    expect(bars.match(/<rect/g)).toHaveLength(3);
    // Of the powers of ten from 0.1 to 100: 1 is at a third, 100 at the top.
    expect(bars).toContain('height="105.3"');
    expect(bars).toContain('height="316"');
  });
});

it('an_experiment_prints_figures_and_saves_them_with_its_plots', async () => {
  const out = mkdtempSync(join(tmpdir(), 'luge-sched-'));
  try {
    const args = [MAIN, 'sched', 'admission', '--quick', '--json', '--out', out];
    const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 60_000 });
    const rows = JSON.parse(stdout) as { name: string; value: number; unit: string }[];
    const on = rows.find(({ name }) => name === 'admission_on_refused');
    expect(on?.value).toBeGreaterThan(0);
    expect(readdirSync(out).sort()).toEqual([
      'sched-admission.json',
      'sched-admission.svg',
      'sched.json',
    ]);
    for (const file of ['sched.json', 'sched-admission.json']) {
      const saved = JSON.parse(readFileSync(join(out, file), 'utf8'));
      expect(saved.figures).toEqual(rows);
      expect(saved.machine.node).toBe(process.versions.node);
    }
    expect(readFileSync(join(out, 'sched-admission.svg'), 'utf8')).toContain('</svg>');
  } finally {
    rmSync(out, { recursive: true });
  }
}, 90_000);

it.each([
  [['sched', 'bimodl'], "sched has no 'bimodl'"],
  [['rewrite', '--quick'], 'rewrite has no --quick'],
  [['rewrite', 'all'], 'rewrite takes no subject'],
  [['shed'], "no bench 'shed'"],
])('%j_is_refused', async (args, fault) => {
  const run = promisify(execFile)(process.execPath, [MAIN, ...args]);
  await expect(run).rejects.toMatchObject({ code: 2, stderr: expect.stringContaining(fault) });
});
