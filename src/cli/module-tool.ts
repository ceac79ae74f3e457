/** What the commands that look at one module share: where it comes from, and how they say what is wrong with it. */
import { MODULE_BYTES_MAX } from '../sandbox/index.ts';
import { decodeModule, ModuleFileError, readModule } from './module-file.ts';

export const OK = 0;
/** It could not be done, though nothing is wrong with what the user gave. */
export const FAILED = 1;
export const BAD_INPUT = 2;

/** A file name that stands for standard input, or output. */
export const STANDARD = '-';
const STDIN_NAME = '<stdin>';

/** The name of an input in messages. */
export function inputName(file: string): string {
  return file === STANDARD ? STDIN_NAME : file;
}

/** The standard streams, as far as these commands use them. */
export interface Streams {
  readonly input: AsyncIterable<Uint8Array>;
  write(content: string | Uint8Array): Promise<void>;
  complain(line: string): void;
}

export const PROCESS_STREAMS: Streams = {
  input: process.stdin,
  write: (content) =>
    new Promise((resolve) => {
      process.stdout.write(content, () => resolve());
    }),
  complain: (line) => {
    process.stderr.write(`${line}\n`);
  },
};

export function readInput(file: string, { input }: Streams): Promise<Uint8Array<ArrayBuffer>> {
  return file === STANDARD ? readStream(input) : readModule(file);
}

/** Not readFile('/dev/stdin'), which refuses a socket, and that is what a parent that is Node gives. */
async function readStream(input: Streams['input']): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let byteCount = 0;
  for await (const chunk of input) {
    chunks.push(chunk);
    byteCount += chunk.length;
    if (byteCount <= MODULE_BYTES_MAX) continue;
    const message = `${STDIN_NAME}: is larger than ${MODULE_BYTES_MAX} bytes`;
    throw new ModuleFileError('ERR_MODULE_FILE', STDIN_NAME, message);
  }
  return decodeModule(STDIN_NAME, Buffer.concat(chunks));
}

/** Runs a command; what is wrong with its input becomes a line each and an exit code. Others are faults of Luge, and pass. */
export async function judged(
  file: string,
  streams: Streams,
  work: () => Promise<void>,
): Promise<number> {
  try {
    await work();
    return OK;
  } catch (error) {
    const refusal = refusalText(inputName(file), error);
    if (refusal === undefined) throw error;
    for (const line of refusal.split('\n')) streams.complain(`error: ${line}`);
    return error instanceof OutputError ? FAILED : BAD_INPUT;
  }
}

export class OutputError extends Error {
  readonly code: 'ERR_OUTPUT_FILE' = 'ERR_OUTPUT_FILE';
}

/** Errors of these names carry a message that says all, and a code. */
const MODULE_ERRORS = new Set(['RewriteError', 'FunctionError']);

/** `file: message [CODE]`, with the offset where there is one; undefined for an error that is none of the input. */
function refusalText(name: string, error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const { message, code, offset } = error as Error & { code?: unknown; offset?: number };
  if (error instanceof ModuleFileError) {
    return message.replace(/$/gm, ` [${code}]`);
  }
  if (error instanceof OutputError) return `${message} [${code}]`;
  if (!MODULE_ERRORS.has(error.name)) return undefined;
  return `${name}: ${withOffset(message, offset ?? null)} [${code}]`;
}

export function withOffset(message: string, offset: number | null): string {
  const isSaid = offset === null || message.includes(`offset 0x${offset.toString(16)}`);
  return isSaid ? message : `${message}, at offset 0x${offset.toString(16)}`;
}

/** A name out of a module is anything: it must not move the cursor or hide what follows. */
export function printable(text: string): string {
  return text.replace(/\p{C}/gu, (char) => `\\u{${(char.codePointAt(0) as number).toString(16)}}`);
}

/** `1,234`. */
export function grouped(value: number): string {
  return value.toLocaleString('en-US');
}

/** `1 loop`, `3 loops`. */
export function counted(count: number, noun: string, plural = `${noun}s`): string {
  return `${grouped(count)} ${count === 1 ? noun : plural}`;
}

/** `1,234 -> 1,456 bytes (+18.0 %)`. */
export function sizes(before: number, after: number): string {
  const percent = (after / before - 1) * 100;
  const sign = percent < 0 ? '' : '+';
  return `${grouped(before)} -> ${grouped(after)} bytes (${sign}${percent.toFixed(1)} %)`;
}
