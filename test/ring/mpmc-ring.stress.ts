import { describe } from 'vitest';
import { stress } from './stress/case.ts';
import { conserve, MANY, shares, stampede } from './stress/channel-cases.ts';
import { STARTS } from './stress/starts.ts';

const kind = 'mpmc';

stress('smoke', (run) => conserve(run, { kind, producers: 1, consumers: 1, capacity: 4 }));

describe.each(Object.entries(MANY))('%s', (_, many) => {
  stress('spsc_gives_all_values_in_order', (run) =>
    conserve(run, { kind, producers: 1, consumers: 1, capacity: 16, many }),
  );

  stress('mpmc_gives_each_value_once_and_those_of_a_producer_in_order', (run) =>
    conserve(run, { kind, producers: 2, consumers: 2, capacity: 16, many }),
  );

  stress('no_starvation_each_thread_gets_its_share', (run) =>
    shares(run, { kind, threads: 3, capacity: 64, many }),
  );
});

describe.each(STARTS.slice(1))('%s', (_, start) => {
  stress('the_counters_pass_it_under_load', (run) =>
    conserve(run, { kind, producers: 2, consumers: 2, capacity: 8, start, many: MANY.mixed }),
  );
});

stress('stampede_of_two_at_a_ring_of_one', (run) =>
  stampede(run, { kind, threads: 2, producers: 1, capacity: 1, many: MANY.mixed }),
);

stress('stampede_of_four_at_a_ring_of_two', (run) =>
  stampede(run, { kind, threads: 4, producers: 2, capacity: 2, many: MANY.mixed }),
);
