import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.stress.ts'],
    pool: 'forks',
    // One case at a time: each has more threads than the smallest supported machine has cores.
    maxWorkers: 1,
    // Behind the watchdog of the cases, which tells more.
    testTimeout: 90_000,
    hookTimeout: 90_000,
  },
});
