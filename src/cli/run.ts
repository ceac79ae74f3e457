/**
 * `luge run`: one request to one module, as a program of the command line. Standard input is the request's body, read as the guest reads; what the guest answers or prints goes
 * to standard output as it comes, its log to standard error. Resolves to the exit code:
 *
 *   the guest's own (`proc_exit`, or what `handle` returned) · 1 it trapped, or answered with an error's status · 124 it was ended at a limit, as
 *   timeout(1) says that · 130 Ctrl-C · 2 what was given is wrong, before anything ran
 *
 * No limit holds unless it is asked for: whoever runs a program by hand can end it by hand.
 */
import { basename, resolve } from 'node:path';
import {
  createRuntime,
  type LoadOptions,
  LugeError,
  type Runtime,
  type StreamResult,
} from '../core/index.ts';
import { FILE_LIMITS } from '../sandbox/index.ts';
import {
  BAD_INPUT,
  FAILED,
  judged,
  OK,
  PROCESS_STREAMS,
  readInput,
  type Streams,
} from './module-tool.ts';

const TIMED_OUT = 124;
const INTERRUPTED = 130;
/** Committed when it is used: by what `handle` gets as a whole. */
const BODY_MEMORY_BYTES = 2 ** 29;

export interface RunFlags {
  readonly env: Readonly<Record<string, string>>;
  /** The guest's path -> the host's. */
  readonly dir: Readonly<Record<string, string>>;
  readonly scratch?: { readonly path: string; readonly from?: string };
  readonly method?: string;
  /** Without one the guest is a program that knows of no request. */
  readonly target?: string;
  readonly header: Readonly<Record<string, string>>;
  readonly deadlineMs?: number;
  readonly cpuLimitMs?: number;
  readonly maxPages: number;
}

export interface RunStreams extends Streams {
  /** Where a guest's log goes, as it comes. */
  log(text: string): void;
}

const RUN_STREAMS: RunStreams = {
  ...PROCESS_STREAMS,
  log: (text) => {
    process.stderr.write(text);
  },
};

export async function run(
  file: string,
  args: readonly string[],
  flags: RunFlags,
  streams: RunStreams = RUN_STREAMS,
  signal?: AbortSignal,
): Promise<number> {
  let exitCode = OK;
  const judgement = await judged(file, streams, async () => {
    const wasm = await readInput(file, streams);
    await using runtime = await createRuntime({
      workers: 1,
      scheduler: 'fifo',
      bodyMemoryBytes: BODY_MEMORY_BYTES,
      onLog: ({ text }) => streams.log(text),
    });
    try {
      await load(runtime, file, wasm, args, flags);
      exitCode = await answer(runtime, flags, streams, signal);
    } catch (error) {
      if (signal?.aborted === true) exitCode = INTERRUPTED;
      else exitCode = failure(error, streams);
    }
  });
  return judgement === OK ? exitCode : judgement;
}

/** `NAME=value` or `Name: value`, added to those before it; undefined: it is not one. */
export function addPair(
  text: string,
  separator: '=' | ':',
  before: Readonly<Record<string, string>>,
): Record<string, string> | undefined {
  const at = text.indexOf(separator);
  return at < 1
    ? undefined
    : { ...before, [text.slice(0, at)]: text.slice(at + 1).replace(/^ +/, '') };
}

/** `host::guest`, or one path for both; a relative one is seen at the root, as a guest has no working directory but that. */
export function folderPair(text: string): { readonly path: string; readonly from: string } {
  const at = text.indexOf('::');
  const [from, path] = at < 0 ? [text, text] : [text.slice(0, at), text.slice(at + 2)];
  return { from, path: resolve('/', path) };
}

/** `guest` alone begins empty; `host::guest` as a copy. */
export function scratchPair(text: string): NonNullable<RunFlags['scratch']> {
  return text.includes('::') ? folderPair(text) : { path: resolve('/', text) };
}

async function load(
  runtime: Runtime,
  file: string,
  wasm: Uint8Array,
  args: readonly string[],
  { env, dir, scratch, deadlineMs, cpuLimitMs, maxPages, target }: RunFlags,
): Promise<void> {
  const none = Number.POSITIVE_INFINITY;
  const options: LoadOptions = {
    wasm,
    // argv[0], as other engines have it.
    route: basename(file),
    args,
    env,
    cgiVariables: target !== undefined,
    failOnExit: false,
    folders: dir,
    ...(scratch && {
      scratch: {
        ...scratch,
        maxBytes: FILE_LIMITS.scratchBytes.max,
        maxFiles: FILE_LIMITS.scratchFiles.max,
      },
    }),
    maxOpenFiles: FILE_LIMITS.maxOpenFiles.max,
    clockResolutionNs: FILE_LIMITS.clockResolutionNs.min,
    deadlineMs: deadlineMs ?? none,
    cpuLimitMs: cpuLimitMs ?? none,
    memory: { maxPages },
    maxOutputBytes: none,
    maxLogBytes: none,
    // As early as it can be.
    streamHighWaterBytes: 4096,
    requestBody: 'stream',
  };
  const { info } = await runtime.load(NAME, options);
  // A program reads its input as it comes; a handler may ask how long its body is.
  if (info.iface === 'luge') await runtime.load(NAME, { ...options, requestBody: 'whole' });
}

const NAME = 'run';

async function answer(
  runtime: Runtime,
  { method, target = '/', header }: RunFlags,
  streams: RunStreams,
  signal: AbortSignal | undefined,
): Promise<number> {
  const result: StreamResult = await runtime.invoke(NAME, {
    stream: true,
    body: streams.input,
    ...(method === undefined ? {} : { method }),
    ...(signal === undefined ? {} : { signal }),
    target,
    headers: header,
  });
  for await (const bytes of result.body) await streams.write(bytes);
  if (result.exitCode !== 0) return result.exitCode ?? FAILED;
  if (result.status < 400) return OK;
  streams.complain(`error: the function answered with status ${result.status}`);
  return FAILED;
}

function failure(error: unknown, streams: RunStreams): number {
  if (!(error instanceof LugeError)) throw error;
  streams.complain(`error: ${error.message} [${error.code}]`);
  if (error.status === 400) return BAD_INPUT;
  return error.status === 504 ? TIMED_OUT : FAILED;
}
