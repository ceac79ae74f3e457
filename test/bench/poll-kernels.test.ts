/** The kernels of the poll bench: what they compute, as they are and as the runtime would run them. */
import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { compileKernel, KERNELS, type Kernel } from '../../bench/poll/compile.ts';
import { rewrite } from '../../src/sandbox/index.ts';
import { mix, TEXTBOOK, weighed } from './textbook.ts';

const SOURCES = new URL('../../bench/poll/kernels/', import.meta.url);
const PAGES_MAX = 200;
const PAGE_BYTES = 65_536;

type Run = (n: number) => number;

const modules = new Map<string, Promise<Uint8Array<ArrayBuffer>>>();

/** Compiled once for all tests. */
function bytesOf(name: string): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = modules.get(name) ?? compileKernel(name);
  modules.set(name, bytes);
  return bytes;
}

async function instance(name: string): Promise<{ run: Run; memory: WebAssembly.Memory }> {
  const module = new WebAssembly.Module(await bytesOf(name));
  expect(WebAssembly.Module.imports(module), name).toEqual([]);
  return new WebAssembly.Instance(module).exports as never;
}

async function runOf(name: string): Promise<Run> {
  return (await instance(name)).run;
}

/** A rewritten kernel, called by hand as docs/ABI.md has it. */
class Polled {
  interrupts = 0;
  readonly reset: () => number;
  readonly #run: Run;
  readonly #flag: Int32Array;

  constructor(bytes: Uint8Array, maxPages: number) {
    const { bytes: polled, info } = rewrite(bytes, { maxPages, entry: 'optional' });
    const control = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
    this.#flag = new Int32Array(control.buffer, 0, 1);
    const interrupt = (): number => {
      this.interrupts += 1;
      Atomics.store(this.#flag, 0, 0);
      return 0;
    };
    const $luge: Record<string, WebAssembly.ImportValue> = { control, interrupt };
    for (const { name, minPages, maxPages: maximum } of info.memories) {
      $luge[name] = new WebAssembly.Memory({ initial: minPages, maximum, shared: true });
    }
    const module = new WebAssembly.Module(polled as Uint8Array<ArrayBuffer>);
    const { exports } = new WebAssembly.Instance(module, { $luge });
    this.reset = exports['$luge.reset'] as () => number;
    this.#run = exports.run as Run;
    expect(this.reset()).toBe(0);
    (exports['$luge.enter'] as () => void)();
  }

  /** With the flag up at the start, so that the first poll it meets interrupts it. */
  run(n: number): number {
    Atomics.store(this.#flag, 0, 1);
    return this.#run(n);
  }
}

describe('the list', () => {
  it('names_every_source_once', () => {
    const sources = readdirSync(SOURCES, { withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
      .map((entry) => entry.name.slice(0, -'.ts'.length));
    expect(KERNELS.map(({ name }) => name).sort()).toEqual(sources.sort());
  });

  it('asks_for_small_memories_and_for_results_that_can_be_compared', () => {
    for (const { name, pages, checksum, smallChecksum } of KERNELS) {
      expect(pages, name).toBeLessThanOrEqual(PAGES_MAX);
      // Not 0 either, which a kernel that does nothing would give, too.
      for (const sum of [checksum, smallChecksum]) {
        expect(Number.isFinite(sum) && sum !== 0, name).toBe(true);
      }
    }
  });

  it('refuses_a_name_that_is_not_in_it', async () => {
    await expect(compileKernel('shared/array')).rejects.toThrow(RangeError);
  });
});

describe.each(KERNELS)(
  '$name',
  ({ name, pages, size, checksum, smallSize, smallChecksum }: Kernel) => {
    it('gives_its_checksums_again_and_again', async () => {
      const { run, memory } = await instance(name);
      expect(memory.buffer.byteLength).toBe(pages * PAGE_BYTES);
      expect([run(smallSize), run(smallSize)]).toEqual([smallChecksum, smallChecksum]);
      // After another size: what that left in memory plays no part.
      expect([run(size), run(smallSize)]).toEqual([checksum, smallChecksum]);
      expect(memory.buffer.byteLength).toBe(pages * PAGE_BYTES);
    });

    it('gives_the_same_rewritten_and_interrupted', async () => {
      const guest = new Polled(await bytesOf(name), pages);
      expect([guest.run(smallSize), guest.run(smallSize)]).toEqual([smallChecksum, smallChecksum]);
      expect(guest.interrupts).toBe(2);
      expect(guest.reset()).toBe(0);
      expect(guest.run(smallSize)).toBe(smallChecksum);
      expect(guest.interrupts).toBe(3);
    });
  },
);

const bytes = (count: number): Uint8Array => Uint8Array.from({ length: count }, (_, i) => mix(i));

/** Each is known another way than by the kernel's own code. */
describe('results', () => {
  it.each(Object.entries(TEXTBOOK))('of_%s_are_those_of_the_textbook', async (name, expected) => {
    const run = await runOf(name);
    const small = KERNELS.find((kernel) => kernel.name === name)!.smallSize;
    for (const n of [small, 2 * small + 1]) {
      const sum = expected(n);
      const tolerance = Number.isInteger(sum) ? 0 : 1e-9 * Math.max(1, Math.abs(sum));
      expect(Math.abs(run(n) - sum), `n = ${n}`).toBeLessThanOrEqual(tolerance);
    }
  });

  it('of_sha256_are_those_of_node_crypto', async () => {
    const run = await runOf('sha256');
    // Each way in which the padding can fall.
    for (const n of [0, 1, 55, 56, 63, 64, 65, 119, 120, 1000]) {
      const digest = createHash('sha256').update(bytes(n)).digest();
      let sum = 0;
      for (let i = 0; i < 8; i++) sum += digest.readUInt32BE(i * 4) * (i + 1);
      expect(run(n), `n = ${n}`).toBe(sum);
    }
  });

  it('of_crc32_are_those_of_zlib', async () => {
    const run = await runOf('crc32');
    for (const n of [0, 1, 255, 500, 4096]) {
      let expected = 0;
      for (let round = 0; round < 8; round++) expected = crc32(bytes(n), expected);
      expect(run(n), `n = ${n}`).toBe(expected);
    }
  });

  it('of_fib_ackermann_and_queens_are_the_known_numbers', async () => {
    const [fib, ackermann, queens] = [
      await runOf('fib'),
      await runOf('ackermann'),
      await runOf('queens'),
    ];
    let [a, b] = [0, 1];
    for (let n = 0; n < 20; n++) {
      expect(fib(n)).toBe(a);
      [a, b] = [b, a + b];
    }
    for (let n = 0; n < 5; n++) expect(ackermann(n)).toBe(3 * (2 ** (n + 3) - 3));
    expect([1, 2, 3, 4, 5, 6, 7, 8].map(queens)).toEqual([1, 0, 0, 2, 10, 4, 40, 92]);
  });

  it('of_quicksort_are_those_of_a_typed_array', async () => {
    const run = await runOf('quicksort');
    for (const n of [1, 2, 17, 100, 5000]) {
      expect(run(n), `n = ${n}`).toBe(
        weighed(Int32Array.from({ length: n }, (_, i) => mix(i)).sort()),
      );
    }
  });

  it('of_sieve_are_the_known_primes', async () => {
    const run = await runOf('sieve');
    expect([10, 100, 1000, 10_000].map(run)).toEqual([
      4e8 + 7,
      25e8 + 97,
      168e8 + 997,
      1229e8 + 9973,
    ]);
  });
});
