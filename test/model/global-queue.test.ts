/** Each rule of the global queue's supervisor is needed: without it a slot is lost, taken twice, or waits while all sleep. */
import { describe, expect, it } from 'vitest';
import { Explorer } from './explorer.ts';
import { ringUnderTest } from './ring-under-test.ts';
import { BROKEN_QUEUES } from './scenarios/global-queue.ts';

const killing = await ringUnderTest({ kills: true });

describe('a supervisor that leaves out a rule is caught', () => {
  it.each(BROKEN_QUEUES)('$name', async (scenario) => {
    const { violation } = await new Explorer(killing, scenario).explore();
    expect(violation).toBeDefined();
    const again = await new Explorer(killing, scenario).replay(violation?.schedule ?? '');
    expect(again.violation?.message).toBe(violation?.message);
  });
});
