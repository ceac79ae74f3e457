/** `luge instrument`: the module as Luge would run it, for people who want to look at it or to run it by hand. Resolves to the exit code. */
import { writeFile } from 'node:fs/promises';
import {
  compileRewritten,
  type FunctionPolls,
  type RewriteInfo,
  type RewriteOptions,
  rewrite,
} from '../sandbox/index.ts';
import {
  counted,
  grouped,
  inputName,
  judged,
  OutputError,
  PROCESS_STREAMS,
  printable,
  readInput,
  STANDARD,
  type Streams,
  sizes,
} from './module-tool.ts';

export type PollMode = NonNullable<RewriteOptions['polls']>;
export const POLL_MODES: readonly PollMode[] = ['exit', 'call', 'entry', 'none'];
export const GROWTH_MODES: readonly ('retire' | 'keep')[] = ['retire', 'keep'];

export interface InstrumentFlags {
  readonly output: string;
  readonly polls: PollMode;
  readonly maxPages: number;
  readonly growth: 'retire' | 'keep';
  readonly explain?: boolean;
}

export function instrument(
  file: string,
  flags: InstrumentFlags,
  streams: Streams = PROCESS_STREAMS,
): Promise<number> {
  return judged(file, streams, async () => {
    const { output, polls, maxPages, growth, explain = false } = flags;
    const wasm = await readInput(file, streams);
    const { bytes, info } = rewrite(wasm, {
      ...{ polls, maxPages, growth },
      entry: 'optional',
      report: explain,
    });
    // The rewriter checks indices, not types: an invalid module would come out as another invalid one.
    compileRewritten(bytes, wasm);
    await writeOutput(output, bytes, streams);
    // On stderr, all of it: stdout may be the module.
    if (explain) for (const line of explainPolls(info.polls, polls)) streams.complain(line);
    streams.complain(summary(file, output, info));
  });
}

async function writeOutput(file: string, bytes: Uint8Array, streams: Streams): Promise<void> {
  if (file === STANDARD) return streams.write(bytes);
  try {
    await writeFile(file, bytes);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new OutputError(`${file}: cannot be written (${code})`, { cause: error });
  }
}

function summary(file: string, output: string, info: RewriteInfo): string {
  const { loopPolls, elidedLoopPolls, callPolls, bulkPolls } = info;
  const to = output === STANDARD ? '<stdout>' : output;
  const loops = `${counted(loopPolls, 'poll')} in loops (${grouped(elidedLoopPolls)} elided)`;
  const others = `${grouped(callPolls)} at calls and in long code, ${grouped(bulkPolls)} in bulk instructions`;
  return `${inputName(file)} -> ${to}: ${loops}, ${others}; ${sizes(info.bytesBefore, info.bytesAfter)}`;
}

/** A line for each function, and one for each of its loops. */
export function explainPolls(functions: readonly FunctionPolls[], mode: PollMode): string[] {
  return functions.flatMap(({ index, name, callPolls, loops }) => {
    const label = name === `func[${index}]` ? name : `func[${index}] ${printable(name)}`;
    const calls =
      callPolls === 0
        ? 'no polls outside loops'
        : `${counted(callPolls, 'poll')} outside the heads of loops`;
    return [
      `${label}: ${calls}; ${loops.length === 0 ? 'no loops' : counted(loops.length, 'loop')}`,
      ...loops.map((loop) => `  loop at 0x${loop.offset.toString(16)}: ${loopText(loop, mode)}`),
    ];
  });
}

function loopText(loop: FunctionPolls['loops'][number], mode: PollMode): string {
  switch (loop.poll) {
    case 'exit':
      return loop.rounds === 1
        ? 'polls each round, leaving the loop'
        : `polls each ${loop.rounds} rounds, leaving the loop`;
    case 'call':
      return 'polls each round, with a call inside the loop';
    case 'covered':
      return `no poll: each round enters the loop at 0x${(loop.coveredBy ?? 0).toString(16)}`;
    default:
      return `no poll: --polls ${mode}`;
  }
}
