/** Where figures come from: without it a number cannot be compared with another one. */
import { execFileSync } from 'node:child_process';
import { availableParallelism, cpus, loadavg } from 'node:os';

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly node: string;
  readonly v8: string;
  /** With `-dirty` behind it where files differ from it. */
  readonly commit: string;
  /** Of the engine, from the command line and NODE_OPTIONS. */
  readonly flags: readonly string[];
  readonly date: string;
  /** Runnable threads in the last minute, when the bench began: what else kept the machine busy. */
  readonly load: number;
}

export function machine(): Machine {
  const { node, v8 } = process.versions;
  return {
    cpu: cpus()[0]?.model ?? 'CPU',
    cores: availableParallelism(),
    node,
    v8,
    commit: commit(),
    flags: [...process.execArgv, ...(process.env.NODE_OPTIONS?.split(' ') ?? [])],
    date: new Date().toISOString(),
    load: Number((loadavg()[0] ?? 0).toFixed(2)),
  };
}

function commit(): string {
  const args = ['describe', '--always', '--dirty', '--exclude=*', '--abbrev=7'];
  try {
    const stdio = ['ignore', 'pipe', 'ignore'] as const;
    return execFileSync('git', args, { encoding: 'utf8', stdio: [...stdio] }).trim();
  } catch {
    return 'unknown'; // An unpacked tarball has no history.
  }
}
