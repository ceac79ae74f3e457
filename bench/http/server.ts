/** A server of the bench, in a process of its own; its CPU is what the system counts for the whole process, all threads, user and system. */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { answer } from '../ring/candidate.ts';

export interface BenchServer {
  readonly pid: number;
  readonly port: number;
  cpuUs(): Promise<number>;
  end(): void;
}

export type StartServer = () => Promise<BenchServer>;

/** Of ticks in which Linux tells other processes' CPU; the same on all of its architectures. */
const TICK_US = 10_000;
const START_MS_MAX = 20_000;

/** `servers/<file>.ts` on the Node that runs the bench. */
export async function forkServer(file: string, ...args: readonly string[]): Promise<BenchServer> {
  const child = fork(new URL(`../servers/${file}.ts`, import.meta.url), args, {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const heard = <T>(): Promise<T> =>
    answer<T>(child, file, (resolve) => child.once('message', resolve as (value: unknown) => void));
  try {
    const { port } = await heard<{ port: number }>();
    return {
      pid: child.pid as number,
      port,
      cpuUs: async () => {
        const told = heard<{ cpu: NodeJS.CpuUsage }>();
        child.send('cpu');
        const { user, system } = (await told).cpu;
        return user + system;
      },
      end: () => void child.kill('SIGKILL'),
    };
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
}

/** A program of somebody else. Linux alone tells what CPU it took. */
export async function spawnServer(
  program: string,
  argsFor: (port: number) => readonly string[],
): Promise<BenchServer> {
  const port = await freePort();
  const child = spawn(program, argsFor(port), { stdio: ['ignore', 'ignore', 'pipe'] });
  let complaint = '';
  child.stderr.on('data', (bytes: Buffer) => {
    complaint = (complaint + bytes.toString()).slice(-2000);
  });
  try {
    await listening(child, port);
  } catch (error) {
    child.kill('SIGKILL');
    throw new Error(`${program}: ${(error as Error).message} ${complaint}`, { cause: error });
  }
  const pid = child.pid as number;
  return {
    pid,
    port,
    cpuUs: async () => cpuUsOf(pid),
    end: () => void child.kill('SIGKILL'),
  };
}

function cpuUsOf(pid: number): number {
  // Behind the name, which may hold blanks: state is the first, utime the 12th, stime the 13th.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * TICK_US;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

async function listening(child: ChildProcess, port: number): Promise<void> {
  let failure: Error | undefined;
  child.once('error', (error) => {
    failure = error;
  });
  const until = performance.now() + START_MS_MAX;
  while (performance.now() < until) {
    if (failure !== undefined) throw failure;
    if (child.exitCode !== null) throw new Error(`ended with ${child.exitCode}`);
    const isOpen = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => {
        socket.destroy();
        resolve(true);
      }).on('error', () => resolve(false));
    });
    if (isOpen) return;
    await sleep(50);
  }
  throw new Error(`does not listen within ${START_MS_MAX} ms`);
}
