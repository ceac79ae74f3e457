import { describe } from 'vitest';
import { stress } from './stress/case.ts';
import { conserve, MANY, stampede } from './stress/channel-cases.ts';
import { STARTS } from './stress/starts.ts';

const kind = 'spsc';
const pair = { kind, producers: 1, consumers: 1 } as const;

stress('smoke', (run) => conserve(run, { ...pair, capacity: 1 }));

describe.each(Object.entries(MANY))('%s', (_, many) => {
  stress('spsc_gives_all_values_in_order', (run) => conserve(run, { ...pair, capacity: 32, many }));
});

describe.each(STARTS.slice(1))('%s', (_, start) => {
  stress('the_counters_pass_it_under_load', (run) =>
    conserve(run, { ...pair, capacity: 8, start, many: MANY.mixed }),
  );
});

stress('stampede_at_a_ring_of_two', (run) =>
  stampede(run, { kind, threads: 2, producers: 1, capacity: 2, many: MANY.mixed }),
);
