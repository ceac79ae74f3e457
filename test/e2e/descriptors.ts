/** A server in a process of its own, with as many open files as its shell allows. Says its port and limit; `fill` uses up what is left, `free` gives it back. */
import { closeSync, openSync } from 'node:fs';
import { example, serve } from './server.ts';

const bed = await serve(
  { '/fib': { wasm: example('fib') } },
  { limits: { idleTimeoutMs: 600_000, headTimeoutMs: 600_000 } },
);
const held: number[] = [];

function rssBytes(): number {
  return process.memoryUsage.rss();
}

const commands: Record<string, () => object> = {
  hello: () => ({ port: bed.port, maxConnections: bed.server.maxConnections }),
  rss: () => ({ bytes: rssBytes() }),
  fill: () => {
    try {
      for (;;) held.push(openSync('/dev/null', 'r'));
    } catch (error) {
      return { code: (error as NodeJS.ErrnoException).code };
    }
  },
  free: () => {
    for (const file of held.splice(0)) closeSync(file);
    return {};
  },
};

process.on('message', (name: string) => process.send?.(commands[name]?.() ?? {}));
process.on('disconnect', () => process.exit(0));
process.send?.({ isReady: true });
