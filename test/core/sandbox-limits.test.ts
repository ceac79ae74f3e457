import { describe, expect, it } from 'vitest';
import { createRuntime, sandboxLimits } from '../../src/core/index.ts';
import { ownMemories } from '../../src/core/sandbox-limits.ts';
import type { AddressSpace } from '../../src/sandbox/index.ts';

const space = (memories: number, workers: number): AddressSpace => ({
  memories: memories + ownMemories(workers),
  bound: 'RLIMIT_AS',
  boundText: 'RLIMIT_AS (ulimit -v) of 9 GiB',
});

function refusal(wanted: number | undefined, workers: number, memories: number): unknown {
  try {
    return sandboxLimits(wanted, workers, space(memories, workers));
  } catch (error) {
    const { code, message } = error as { code: string; message: string };
    return `${code}: ${message}`;
  }
}

it('workers_share_what_there_is_and_take_a_quarter_unless_told', () => {
  expect(sandboxLimits(undefined, 3, space(1000, 3))).toEqual({
    memoriesPerProcess: 1000,
    memoriesPerWorker: 333,
    sandboxesPerWorker: 83,
    boundBy: 'RLIMIT_AS (ulimit -v) of 9 GiB',
  });
  expect(sandboxLimits(undefined, 1, space(20, 1)).sandboxesPerWorker).toBe(8);
  expect(sandboxLimits(undefined, 1, space(2, 1)).sandboxesPerWorker).toBe(2);
  expect(sandboxLimits(333, 3, space(1000, 3)).sandboxesPerWorker).toBe(333);
});

describe('what_cannot_be_is_refused_and_says_what_to_set', () => {
  it('more_than_a_workers_part', () => {
    const text = refusal(334, 3, 1000);
    expect(text).toMatch(/^ERR_ADDRESS_SPACE: .*maxSandboxesPerWorker 334 with 3 worker/);
    expect(text).toMatch(/1002 memories.*room for 1000.*at most 333.*raise RLIMIT_AS/);
  });

  it('not_even_one_each', () => {
    expect(refusal(undefined, 3, 2)).toMatch(/^ERR_ADDRESS_SPACE: .*no room.*RLIMIT_AS/);
  });

  it.each([0, 1.5, Number.NaN, 1e6])('%d', (wanted) => {
    expect(refusal(wanted, 1, 1e7)).toMatch(/^ERR_INVALID_ARGUMENT: .*maxSandboxesPerWorker/);
  });

  it('by_createRuntime', async () => {
    const error = await createRuntime({ workers: 64, maxSandboxesPerWorker: 60_000 }).catch(
      (reason: unknown) => reason,
    );
    expect(error).toMatchObject({ code: 'ERR_ADDRESS_SPACE' });
  });
});

it('stats_say_what_a_worker_may_have', async () => {
  await using runtime = await createRuntime({ workers: 1, maxSandboxesPerWorker: 7 });
  const { limits } = runtime.stats();
  expect(limits.sandboxesPerWorker).toBe(7);
  expect(limits.memoriesPerWorker).toBe(limits.memoriesPerProcess);
  expect(limits.memoriesPerProcess).toBeGreaterThan(7);
});
