/**
 * The structures of the ring layer: beside the same algorithms in TypeScript and in C++, without other threads and with them, without
 * parts of their design, and beside what one would use instead. One process a configuration, rounds interleaved within a race; each
 * process verifies sums and order of what it moved before it answers. Names end in the unit; `_ts_`, `_cpp_`, `_js_` are the baselines.
 *
 * What separates a pair of mpmc from the same ring in C++. Read from `node --print-wasm-code-function-index=6` (push) and `=7` (pop),
 * `--print-opt-code` for the caller, and the figures below; Zen 3, the quietest rounds of several runs:
 *   mpmc_push_pop_cpp_ns                  5      two CAS; the weakest orders publish by a mov
 *   mpmc_push_pop_cpp_seqcst_ns           7.7    and an xchg: three locked instructions
 *   mpmc_push_pop_wasm_inner_ns           8      our code in a loop inside WebAssembly: the checks below cost next to nothing
 *   mpmc_push_pop_wasm_ns                11-12   and two calls from JavaScript, 2 ns each
 *   mpmc_plain_publish_push_pop_wasm_ns  11-12   without the xchg: within the noise, as the next CAS waits for the store anyway
 * With the other core busy they are 6, 8.5, 12.5, 18-20 and 17-18: more instructions suffer more, so the checks are not free then.
 * - The calls. TurboFan inlines the wrapper, not a body with atomics: four loads that depend on each other (the function's data, the
 *   instance, the dispatch handle), an indirect call through a table, a frame, everything live in JavaScript spilled. A body that
 *   is inlined is free (wasm_call_empty_ns); one atomic load behind a call is 4 ns (wasm_call_load_ns). Without the inlined wrapper
 *   (--no-turbo-inline-js-wasm-calls; also --turbolev as it is) a pair is 16 ns. Only fewer calls help: batches, or functions that
 *   do two things at once. MpmcRing around the function costs less than 1 ns.
 * - Bounds: no instruction, the guard pages behind the memory do it; 3 ns a pair where they do not (--wasm-enforce-bounds-checks).
 * - Alignment: lea, and, mov, test, jnz for each atomic access, though the address is known to be right; predicted, in the shade of
 *   the locked instructions. Constant addresses would drop them, and the ring's address would no longer be an argument.
 * - Stack check: a compare and a jump in each loop header; the loops are entered once. Unmeasurable.
 * - A 64-bit seq-cst store is a single xchg, a seq-cst load a mov: no fences.
 * Across threads it is the lines that move that count, not the code: spsc_indices touches two for a value when it is nearly empty (TAIL,
 * cell), and there TypeScript was as fast; spsc, whose consumer looks at the cell alone, is twice as fast.
 */
import { type Figure, header } from './figures.ts';
import { type Candidate, forked } from './ring/candidate.ts';
import { cpp, HAS_CPP } from './ring/cpp.ts';
import { type RaceOptions, race, type Samples } from './ring/race.ts';

type Start = () => Promise<Candidate>;

const SHORT: RaceOptions = { rounds: 31, warmUpRounds: 5, secondsMax: 12 };
const THREADS: RaceOptions = { rounds: 31, warmUpRounds: 3, secondsMax: 20 };
/** Four spinning threads on fewer cores: each round is at the mercy of the kernel's time slices. */
const CROWDED: RaceOptions = { rounds: 11, warmUpRounds: 1, secondsMax: 12 };

const BATCH_SIZES: readonly number[] = [1, 2, 4, 8, 16, 32, 64];

const alone =
  (configuration: string): Start =>
  () =>
    forked('uncontended', configuration);
const across =
  (figure: string, queue: string, batch = 0, peers = 1): Start =>
  () =>
    forked('contended', figure, queue, String(peers), String(peers), String(batch));

export async function ring(): Promise<Figure[]> {
  header(2);
  if (!HAS_CPP) process.stderr.write('no g++: the figures of C++ are left out\n');
  return [
    ...(await uncontended()),
    ...(await acrossThreads()),
    ...(await roundTrips()),
    ...(await crowded()),
  ];
}

async function uncontended(): Promise<Figure[]> {
  const inCpp = (prefix: string): Start[] => (HAS_CPP ? [() => cpp(prefix)] : []);
  const mpmc = await race(
    [
      alone('mpmc_push_pop_wasm_ns'),
      alone('mpmc_push_pop_ts_ns'),
      ...inCpp('mpmc'),
      alone('mpmc_vyukov_push_pop_wasm_ns'),
      alone('mpmc_plain_publish_push_pop_wasm_ns'),
      alone('mpmc_push_pop_wasm_inner_ns'),
      alone('wasm_call_ns'),
    ],
    SHORT,
  );
  const spsc = await race(
    [
      alone('spsc_push_pop_wasm_ns'),
      alone('spsc_push_pop_ts_ns'),
      ...inCpp('spsc'),
      alone('spsc_indices_push_pop_wasm_ns'),
    ],
    SHORT,
  );
  const others = await race(
    [
      'deque_push_steal_wasm_ns',
      'deque_push_steal_ts_ns',
      'completion_push_pop_wasm_ns',
      'free_pop_push_wasm_ns',
      'heap_push_pop_1k_wasm_ns',
      'heap_push_pop_1k_js_ns',
    ].map(alone),
    SHORT,
  );
  const batches: Figure[] = [];
  for (const name of ['mpmc_push_pop', 'spsc_push_pop', 'deque_push_steal']) {
    const starts = BATCH_SIZES.map((size) => alone(`${name}_batch_${size}_wasm_ns`));
    batches.push(...(await race(starts, SHORT)).figures());
  }
  return [
    ...mpmc.figures(),
    ...tsToWasm(mpmc, 'mpmc', 'push_pop'),
    ...mpmc.ratio(
      'mpmc_wasm_to_cpp_seqcst_ratio',
      'mpmc_push_pop_wasm_ns',
      'mpmc_push_pop_cpp_seqcst_ns',
    ),
    ...mpmc.ratio('mpmc_wasm_to_cpp_ratio', 'mpmc_push_pop_wasm_ns', 'mpmc_push_pop_cpp_ns'),
    ...mpmc.ratio(
      'mpmc_vyukov_to_ours_ratio',
      'mpmc_vyukov_push_pop_wasm_ns',
      'mpmc_push_pop_wasm_ns',
    ),
    ...spsc.figures(),
    ...tsToWasm(spsc, 'spsc', 'push_pop'),
    ...others.figures(),
    ...tsToWasm(others, 'deque', 'push_steal'),
    ...others.ratio('heap_wasm_to_js_ratio', 'heap_push_pop_1k_wasm_ns', 'heap_push_pop_1k_js_ns'),
    ...batches,
  ];
}

function tsToWasm(samples: Samples, structure: string, operations: string): Figure[] {
  const name = `${structure}_${operations}`;
  return samples.ratio(`${structure}_ts_to_wasm_ratio`, `${name}_ts_ns`, `${name}_wasm_ns`);
}

async function acrossThreads(): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const structure of ['spsc', 'mpmc']) {
    const name = `${structure}_cross_thread`;
    const samples = await race(
      [
        across(`${name}_ops_per_s`, `${structure}-wasm`),
        across(`${name}_ts_ops_per_s`, `${structure}-ts`),
        across(`${name}_batch_32_ops_per_s`, `${structure}-wasm`, 32),
        across(`${name}_batch_32_ts_ops_per_s`, `${structure}-ts`, 32),
        ...(structure === 'spsc' ? ['no_padding', 'no_cached_index', 'indices'] : ['vyukov']).map(
          (ablation) =>
            across(
              `${structure}_${ablation}_ops_per_s`,
              `${structure}-${ablation.replaceAll('_', '-')}`,
            ),
        ),
      ],
      THREADS,
    );
    figures.push(...samples.figures());
    for (const which of [name, `${name}_batch_32`]) {
      const ratio = `${which}_wasm_to_ts_ratio`;
      figures.push(...samples.ratio(ratio, `${which}_ops_per_s`, `${which}_ts_ops_per_s`));
    }
  }
  return figures;
}

/** Also the rates of what sends messages: the same processes measure both. */
async function roundTrips(): Promise<Figure[]> {
  const starts: Start[] = [
    () => forked('ping-pong', 'park'),
    () => forked('ping-pong', 'spin'),
    () => forked('postmessage'),
  ];
  if (hasPiscina()) starts.push(() => forked('piscina'));
  else process.stderr.write('no piscina: its figures are left out\n');
  return (await race(starts, THREADS)).figures();
}

/** Two producers and two consumers. */
async function crowded(): Promise<Figure[]> {
  header(4);
  const samples = await race(
    [
      across('mpmc_contended_ops_per_s', 'mpmc-wasm', 0, 2),
      across('mpmc_contended_ts_ops_per_s', 'mpmc-ts', 0, 2),
    ],
    CROWDED,
  );
  return [
    ...samples.figures(),
    ...samples.ratio(
      'mpmc_contended_wasm_to_ts_ratio',
      'mpmc_contended_ops_per_s',
      'mpmc_contended_ts_ops_per_s',
    ),
  ];
}

function hasPiscina(): boolean {
  try {
    import.meta.resolve('piscina');
    return true;
  } catch {
    return false;
  }
}
