/**
 * How fast the rewriter is, and how much memory it takes, on a generated module of 10 MB.
 *
 *   rewrite_mb_per_s       module bytes a second, in a process that has rewritten such modules before
 *   rewrite_cold_mb_per_s  the first one of a process, as `luge instrument` meets it: the rewriter itself is still being compiled
 *   rewrite_peak_memory_x  growth of the resident set from before the module is read to its peak, over the module's size; it counts the
 *                          module itself, the output, and whatever the engine took meanwhile
 *
 * A process for each cold run (rewrite-child.ts): neither a warm rewriter nor a heap that has grown can be made cold again.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rewrite as rewriteModule } from '../src/sandbox/index.ts';
import { type Figure, figure, header } from './figures.ts';
import { syntheticModule } from './synthetic-module.ts';

export const MODULE_BYTES = 10_000_000;
const WARM_UPS = 5;
const ROUNDS = 15;
const CHILDREN = 7;
export const PAGES_MAX = 1024;
const CHILD = fileURLToPath(new URL('./rewrite-child.ts', import.meta.url));

/** What a child prints, as JSON. */
export interface ColdRun {
  readonly mbPerS: number;
  readonly peakBytes: number;
}

export async function rewrite(): Promise<Figure[]> {
  header(1);
  const module = syntheticModule(MODULE_BYTES);
  verify(module);
  const folder = mkdtempSync(join(tmpdir(), 'luge-bench-'));
  const file = join(folder, 'module.wasm');
  writeFileSync(file, module);
  try {
    const cold = Array.from({ length: CHILDREN }, () => {
      const text = execFileSync(process.execPath, [CHILD, file], { encoding: 'utf8' });
      return JSON.parse(text) as ColdRun;
    });
    return [
      figure('rewrite_mb_per_s', 'MB/s', warm(module)),
      figure(
        'rewrite_cold_mb_per_s',
        'MB/s',
        cold.map(({ mbPerS }) => mbPerS),
      ),
      figure(
        'rewrite_peak_memory_x',
        'x',
        cold.map(({ peakBytes }) => peakBytes / module.length),
      ),
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export function warm(module: Uint8Array): number[] {
  const samples: number[] = [];
  for (let round = 0; round < WARM_UPS + ROUNDS; round++) {
    const { mbPerS } = timed(module);
    if (round >= WARM_UPS) samples.push(mbPerS);
  }
  return samples;
}

export function timed(module: Uint8Array): { mbPerS: number; bytesAfter: number } {
  const start = performance.now();
  const { bytes } = rewriteModule(module, { maxPages: PAGES_MAX });
  const seconds = (performance.now() - start) / 1e3;
  return { mbPerS: module.length / 1e6 / seconds, bytesAfter: bytes.length };
}

/** That there was something to rewrite, and that the engine takes what came of it. */
function verify(module: Uint8Array<ArrayBuffer>): void {
  const { bytes, info } = rewriteModule(module, { maxPages: PAGES_MAX });
  if (!WebAssembly.validate(module)) throw new Error('the generated module is not valid');
  if (!WebAssembly.validate(bytes)) throw new Error('the rewritten module is not valid');
  const { functions, loopPolls, elidedLoopPolls, callPolls } = info;
  if (Math.min(functions, loopPolls, elidedLoopPolls, callPolls) < 1000) {
    throw new Error(
      `too little to do: ${JSON.stringify({ functions, loopPolls, elidedLoopPolls, callPolls })}`,
    );
  }
}
