/** The shipping module passes; `npm run test:model` has more starts and more interleavings. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { assembleWat, joinRing } from '../../scripts/assemble-ring.ts';
import { BoundedSearch, FullSearch, type Step } from './deciders.ts';
import { Explorer } from './explorer.ts';
import { instrument } from './instrument.ts';
import { LinearizabilityChecker, type Operation } from './linearizability.ts';
import { dequeModel, queueModel } from './models.ts';
import { ringUnderTest } from './ring-under-test.ts';
import { SCENARIOS } from './scenarios/index.ts';

/** What a test run has time for; those with more executions are cut short here. */
const EXECUTIONS_MAX = 6000;

const plain = await ringUnderTest();
const killing = await ringUnderTest({ kills: true });

describe('interleavings of the shipping module', () => {
  const chosen = SCENARIOS.filter(({ name }) => !name.endsWith(String(2 ** 31 - 2)));
  it.each(chosen)('$name', async (scenario) => {
    const module = (scenario.bounds.kills ?? 0) > 0 ? killing : plain;
    const { violation, executions } = await new Explorer(module, scenario).explore(EXECUTIONS_MAX);
    expect(violation).toBeUndefined();
    expect(executions).toBeGreaterThan(5);
  });
});

describe('explorer', () => {
  /** Two threads, two independent steps each, and one word that both write. */
  const run = (
    decider: BoundedSearch | FullSearch,
    words: readonly (readonly number[])[],
  ): number => {
    let executions = 0;
    do {
      executions++;
      const at = words.map(() => 0);
      for (let current = -1; ; ) {
        const steps = at.flatMap((place, thread): Step[] => {
          const word = words[thread]?.[place];
          return word === undefined
            ? []
            : [{ thread, word, isWrite: true, invokes: false, responds: false }];
        });
        if (steps.length === 0) break;
        steps.sort((a, b) => Number(b.thread === current) - Number(a.thread === current));
        current = decider.thread(steps, current);
        if (current < 0) break;
        decider.done(steps.find(({ thread }) => thread === current) as Step);
        at[current] = (at[current] as number) + 1;
      }
    } while (decider.next());
    return executions;
  };

  it('enumerates_all_interleavings_of_dependent_steps', () => {
    // 4 over 2, and 6 over 3.
    expect(
      run(new FullSearch(), [
        [0, 0],
        [0, 0],
      ]),
    ).toBe(6);
    expect(
      run(new FullSearch(), [
        [0, 0, 0],
        [0, 0, 0],
      ]),
    ).toBe(20);
  });

  it('takes_one_order_of_independent_steps', () => {
    const search = run(new FullSearch(), [[1], [2]]);
    // The other order is begun, and cut.
    expect(search).toBeLessThanOrEqual(2);
  });

  it('bounds_preemptions_and_not_switches_at_the_end_of_a_thread', () => {
    const bounds = (preemptions: number) => new BoundedSearch({ preemptions, delays: 0, kills: 0 });
    expect(
      run(bounds(0), [
        [0, 0],
        [0, 0],
      ]),
    ).toBe(2);
    expect(
      run(bounds(1), [
        [0, 0],
        [0, 0],
      ]),
    ).toBe(4);
    expect(
      run(bounds(9), [
        [0, 0],
        [0, 0],
      ]),
    ).toBe(6);
  });

  it('a_schedule_by_hand_is_followed_and_told', async () => {
    const scenario = SCENARIOS.find(({ name }) => name === 'mpmc/one-each/2/0');
    const explorer = new Explorer(plain, scenario as (typeof SCENARIOS)[number]);
    const { trace, violation } = await explorer.replay('3*0 1*1');
    expect(violation).toBeUndefined();
    expect(trace[2]).toMatch(
      /^T0 mpmcPush mpmc\.wat:\d+ i32\.atomic\.rmw\.cmpxchg TAIL {2}0 -> 1$/,
    );
    expect(trace[3]).toMatch(/^T1 mpmcPop .*HEAD/);
    const { violation: wrong } = await explorer.replay('0 7');
    expect(wrong?.message).toMatch(/thread 7 cannot run as step 2/);
    await expect(explorer.replay('0 y')).rejects.toThrow(/'y'\?/);
  });
});

describe('instrumented module', () => {
  it('has_a_step_for_each_memory_instruction_of_the_source_and_knows_its_line', async () => {
    const lines = joinRing();
    const { sites, bytes } = instrument(await assembleWat(lines), { kills: false });
    const code = lines.map(({ text }) => text.replace(/;;.*/, '')).join('\n');
    const written = code.match(
      /\((i32|i64)\.(atomic\.)?(load|store|rmw)[\w.]*|\(memory\.atomic\.\w+/g,
    );
    expect(sites).toHaveLength(written?.length ?? 0);
    expect(WebAssembly.validate(bytes)).toBe(true);
    for (const site of sites) {
      const [file = '', line = ''] = plain.place(site).split(':');
      const text = readFileSync(new URL(`../../src/ring/${file}`, import.meta.url), 'utf8');
      expect(text.split('\n')[Number(line) - 1]).toContain(site.opcode);
    }
  });

  it('is_the_one_that_ships', async () => {
    const { RING_WASM_BASE64 } = await import('../../src/ring/ring-wasm.ts');
    const shipping = instrument(Buffer.from(RING_WASM_BASE64, 'base64'), { kills: false });
    expect(Buffer.from(shipping.bytes).equals(plain.bytes)).toBe(true);
  });
});

describe('linearizability', () => {
  const op = (
    thread: number,
    name: string,
    args: number[],
    result: number | undefined,
    [invoked, responded]: readonly [number, number],
  ): Operation => ({ thread, name, args, result, values: [], invoked, responded });

  it('an_answer_from_the_past_is_refused', () => {
    const checker = new LinearizabilityChecker(queueModel(2));
    const pushed = op(0, 'mpmcPush', [0, 5], 0, [0, 1]);
    expect(checker.check([pushed, op(1, 'mpmcPop', [0], -1, [2, 3])])).toMatch(
      /no sequential order/,
    );
    expect(checker.check([{ ...pushed, responded: 3 }, op(1, 'mpmcPop', [0], -1, [1, 2])])).toBe(
      undefined,
    );
    expect(checker.check([pushed, op(1, 'mpmcPop', [0], 5, [2, 3])])).toBe(undefined);
  });

  it('a_value_comes_out_once', () => {
    const checker = new LinearizabilityChecker(dequeModel(2));
    const history = [
      op(0, 'dequePush', [0, 5], 0, [0, 1]),
      op(0, 'dequePop', [0], 5, [2, 5]),
      op(1, 'dequeSteal', [0], 5, [3, 4]),
    ];
    expect(checker.check(history)).toMatch(/no sequential order/);
    expect(checker.check(history.slice(0, 2))).toBe(undefined);
  });

  it('retry_needs_a_rival', () => {
    const checker = new LinearizabilityChecker(dequeModel(2));
    const retry = op(1, 'dequeSteal', [0], -2, [2, 3]);
    expect(checker.check([op(0, 'dequePush', [0, 5], 0, [0, 1]), retry])).toMatch(
      /no other operation/,
    );
    expect(checker.check([op(0, 'dequePush', [0, 5], 0, [0, 9]), retry])).toBe(undefined);
  });

  it('an_operation_without_an_answer_may_have_happened_or_not', () => {
    const checker = new LinearizabilityChecker(queueModel(2));
    const pending = op(0, 'mpmcPush', [0, 5], undefined, [0, -1]);
    expect(checker.check([pending, op(1, 'mpmcPop', [0], 5, [1, 2])])).toBe(undefined);
    expect(checker.check([pending, op(1, 'mpmcPop', [0], -1, [1, 2])])).toBe(undefined);
    expect(checker.check([pending, op(1, 'mpmcPop', [0], 6, [1, 2])])).toMatch(
      /no sequential order/,
    );
  });
});
