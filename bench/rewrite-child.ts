/** One cold run of bench/rewrite.ts: `node rewrite-child.ts module.wasm` prints a ColdRun. */
import { readFileSync } from 'node:fs';
import { type ColdRun, timed } from './rewrite.ts';

// The sources are loaded by now; what follows is the module's own cost.
const before = process.memoryUsage.rss();
const module = readFileSync(process.argv[2] as string);
const { mbPerS } = timed(module);
// Kilobytes. The peak of the process, so that a start that took more than the rewriter would show here, not hide it.
const peakBytes = process.resourceUsage().maxRSS * 1024 - before;
const result: ColdRun = { mbPerS, peakBytes };
process.stdout.write(JSON.stringify(result));
