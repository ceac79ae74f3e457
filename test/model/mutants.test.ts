/** The checker finds bugs: each mutant of the ring's text is caught by a scenario that the text itself passes. */
import { describe, expect, it } from 'vitest';
import { Explorer } from './explorer.ts';
import { MUTANTS } from './mutants.ts';
import { ringUnderTest } from './ring-under-test.ts';
import { SCENARIOS } from './scenarios/index.ts';

describe('a mutant is caught', () => {
  it.each(MUTANTS)('$name', async ({ foundBy, patches }) => {
    const scenarios = SCENARIOS.filter(({ name }) => name.startsWith(foundBy));
    expect(scenarios.length).toBeGreaterThan(0);
    const kills = scenarios.some(({ bounds }) => (bounds.kills ?? 0) > 0);
    const module = await ringUnderTest({ kills, patches });
    const caught: string[] = [];
    for (const scenario of scenarios) {
      const { violation } = await new Explorer(module, scenario).explore();
      if (violation === undefined) continue;
      // What was found is found again by its schedule alone.
      const again = await new Explorer(module, scenario).replay(violation.schedule);
      expect(again.violation?.message).toBe(violation.message);
      expect(again.trace.length).toBeGreaterThan(0);
      caught.push(violation.message);
      break;
    }
    expect(caught).toHaveLength(1);
  });
});
