/**
 * The kernels of `npm run bench -- poll`: what they are, and their modules, made of kernels/*.ts by the AssemblyScript compiler.
 *
 * Each imports nothing and exports its memory and `run(n: i32): f64`, which fills its data by a formula, computes, and answers a
 * checksum: the same at every call, in every engine (IEEE 754 without fused operations). A memory never grows.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

const SOURCES: string = fileURLToPath(new URL('./kernels/', import.meta.url));

export interface Kernel {
  readonly name: string;
  /** Of its memory, 64 KiB each: enough for `size`. */
  readonly pages: number;
  /** `n` for a run of 20 to 60 ms at 2.5 GHz, optimized. */
  readonly size: number;
  readonly checksum: number;
  /** `n` for a test: every loop is entered, and it takes no time even unoptimized. */
  readonly smallSize: number;
  readonly smallChecksum: number;
}

/** name, pages, size and its checksum, small size and its checksum */
type Row = readonly [string, number, number, number, number, number];

const ROWS: readonly Row[] = [
  // Loop nests in the manner of PolyBench.
  ['gemm', 38, 320, 102819405.9391229, 9, 2493.5282282920602],
  ['2mm', 20, 180, 1622027333.7816355, 9, 9374.832473952878],
  ['3mm', 42, 220, 262697439100.5789, 9, 25226.373992374345],
  ['atax', 8, 250, 15862586.066293173, 9, 376.0191656814653],
  ['bicg', 8, 250, 256480.74715697748, 9, 168.24954830481454],
  ['mvt', 8, 250, 76404720.26283473, 9, 52946.59825698801],
  ['gesummv', 8, 180, 179501.8044850675, 9, 229.28449356998618],
  ['syrk', 36, 380, 86569211.92239298, 9, 1676.7743862259542],
  ['trmm', 36, 380, 86341910.73488075, 9, 1532.6532575193962],
  ['cholesky', 42, 580, 41331.99005573415, 9, 227.94998276837467],
  ['lu', 26, 460, 2186410.8224804513, 9, 763.2397462269113],
  ['durbin', 2, 5200, -2.6850949225628415, 12, -1.492079197574313],
  ['floyd-warshall', 6, 300, 39280278, 12, 53955695088],
  ['jacobi-1d', 1, 4000, 15878.088654118532, 12, 25.807436644300942],
  ['jacobi-2d', 10, 200, 168266.94895471842, 9, 294.7499562712172],
  ['heat-3d', 16, 40, 269306.7480665512, 7, 1484.840768930966],
  ['seidel-2d', 5, 200, 168268.92774955468, 9, 298.88748642921075],
  ['fdtd-2d', 15, 200, 48716747.272088334, 9, 112015.17423522037],
  ['nussinov', 21, 580, 32258523, 20, 1083],
  ['doitgen', 55, 76, 69414779.10522038, 7, 5144.11924752896],
  ['covariance', 36, 380, 0.8335944310121701, 9, -0.20939762166247436],
  // Calls.
  ['fib', 1, 35, 9227465, 12, 144],
  ['ackermann', 1, 9, 12279, 2, 87],
  ['tak', 1, 27, 18, 12, 5],
  // Branches.
  ['quicksort', 19, 300_000, -6105162365114, 500, 246405477250],
  ['hash-map', 17, 40_000, 6730969, 100, 17036],
  ['utf8-validate', 10, 300_000, 39886392, 300, 22319],
  ['sha256', 77, 5_000_000, 74102949764, 1000, 83165894271],
  ['crc32', 16, 1_000_000, 3046964450, 500, 280055751],
  ['scan', 31, 1_000_000, 65442996, 300, 18096],
  ['queens', 1, 11, 2680, 6, 4],
  ['mandelbrot', 4, 500, 80746849, 16, 109970],
  ['sieve', 77, 5_000_000, 34851304999999, 1000, 16800000997],
  ['lz', 16, 400_000, 4517363628065772, 2000, 38195013197882],
];

export const KERNELS: readonly Kernel[] = ROWS.map(
  ([name, pages, size, checksum, smallSize, smallChecksum]) => ({
    name,
    pages,
    size,
    checksum,
    smallSize,
    smallChecksum,
  }),
);

/** The same bytes each time: the compiler is deterministic. */
export async function compileKernel(name: string): Promise<Uint8Array<ArrayBuffer>> {
  const kernel = KERNELS.find((one) => one.name === name);
  if (kernel === undefined) throw new RangeError(`no kernel '${name}'`);
  let wasm: Uint8Array<ArrayBuffer> | undefined;
  const { error, stderr } = await asc.main(
    [
      ...[`${name}.ts`, '--outFile', 'module.wasm', '--bindings', 'none'],
      ...['-O3', '--runtime', 'stub', '--initialMemory', String(kernel.pages)],
    ],
    {
      // By name, within the folder: the checkout's place does not get into the module.
      readFile: (file: string) => readFile(join(SOURCES, file), 'utf8').catch(() => null),
      writeFile: (_file: string, contents: string | Uint8Array) => {
        if (typeof contents !== 'string') wasm = new Uint8Array(contents);
      },
      listFiles: (folder: string) => readdir(join(SOURCES, folder)).catch(() => null),
    },
  );
  if (error || wasm === undefined) {
    throw new Error(`bench/poll/kernels/${name}.ts: ${error?.message}\n${stderr.toString()}`);
  }
  return wasm;
}
