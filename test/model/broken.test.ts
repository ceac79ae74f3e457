/** Protocols of TypeScript over the ring's text, each with one rule left out: what the rule is for happens, and is caught. */
import { describe, expect, it } from 'vitest';
import { Explorer } from './explorer.ts';
import { ringUnderTest } from './ring-under-test.ts';
import { BROKEN_FEEDS } from './scenarios/feed.ts';
import { BROKEN_QUEUES } from './scenarios/global-queue.ts';
import { BROKEN_PARTS } from './scenarios/parts.ts';

const plain = await ringUnderTest();
const killing = await ringUnderTest({ kills: true });

describe('a rule that is left out is missed', () => {
  it.each([...BROKEN_QUEUES, ...BROKEN_PARTS, ...BROKEN_FEEDS])('$name', async (scenario) => {
    const module = (scenario.bounds.kills ?? 0) > 0 ? killing : plain;
    const { violation } = await new Explorer(module, scenario).explore();
    expect(violation).toBeDefined();
    const again = await new Explorer(module, scenario).replay(violation?.schedule ?? '');
    expect(again.violation?.message).toBe(violation?.message);
  });
});
