import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Forks: each file in a process of its own, so that a test that kills threads or closes sockets cannot
    // reach its neighbours. Two at a time is what the smallest supported machine has cores for.
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
});
