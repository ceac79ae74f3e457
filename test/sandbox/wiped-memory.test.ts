import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { type MemoryWiper, type NativeAddon, nativeAddon } from '../../src/sandbox/addon.ts';
import { WipedMemory } from '../../src/sandbox/wiped-memory.ts';

const PAGE_BYTES = 65_536;
const OS_PAGE_BYTES = 4096;

function memoryOf(pages: number, maximum: number = pages): WebAssembly.Memory {
  return new WebAssembly.Memory({ initial: pages, maximum, shared: true });
}

function isZero(memory: WebAssembly.Memory): boolean {
  return new BigUint64Array(memory.buffer).every((word) => word === 0n);
}

// Where the addon is not built there is nothing to test: what serves then is `$luge.reset`, which has tests of its own.
describe.skipIf(nativeAddon() === undefined)('the addon', () => {
  const addon = nativeAddon() as NativeAddon;

  it('wipes_whatever_was_written_wherever', () => {
    const memory = memoryOf(17);
    const wiped = WipedMemory.of(addon, memory) as WipedMemory;
    const writes = fc.array(
      fc.tuple(fc.nat(17 * PAGE_BYTES - 1), fc.integer({ min: 1, max: 255 })),
      { maxLength: 300 },
    );
    fc.assert(
      fc.property(writes, (list) => {
        const bytes = new Uint8Array(memory.buffer);
        for (const [at, value] of list) bytes[at] = value;
        expect(wiped.wipe()).toBe(true);
        expect(isZero(memory)).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  it('wipes_more_separate_pages_than_one_call_of_the_kernel_tells', () => {
    const memory = memoryOf(64);
    const wiped = WipedMemory.of(addon, memory) as WipedMemory;
    const bytes = new Uint8Array(memory.buffer);
    for (let at = 0; at < bytes.length; at += 2 * OS_PAGE_BYTES) bytes[at] = 1;
    expect(wiped.wipe()).toBe(true);
    expect(isZero(memory)).toBe(true);
  });

  it('leaves_pages_alone_that_nobody_touched', () => {
    const memory = memoryOf(17);
    expect(addon.prepare(new Uint8Array(memory.buffer))).toBe(true);
    const bytes = new Uint8Array(memory.buffer);
    bytes[5 * OS_PAGE_BYTES] = 1;
    bytes[200 * OS_PAGE_BYTES + 17] = 1;
    expect(addon.wipe(bytes)).toBe(2);
    // They stay, and are what the next run finds without a fault.
    expect(addon.wipe(bytes)).toBe(2);
    expect(addon.release(bytes)).toBe(true);
    expect(addon.wipe(bytes)).toBe(0);
  });

  it('follows_a_memory_that_grows', () => {
    const memory = memoryOf(2, 8);
    const wiped = WipedMemory.of(addon, memory) as WipedMemory;
    memory.grow(6);
    new Uint8Array(memory.buffer).fill(0xa5);
    expect(wiped.wipe()).toBe(true);
    expect(isZero(memory)).toBe(true);
  });

  it('takes_a_memory_without_pages_and_nothing_but_bytes', () => {
    expect(WipedMemory.of(addon, memoryOf(0, 1))?.wipe()).toBe(true);
    for (const wrong of [
      undefined,
      null,
      5,
      'x',
      {},
      new Int32Array(4),
      new DataView(new ArrayBuffer(8)),
    ]) {
      for (const call of ['prepare', 'wipe', 'release'] as const) {
        expect(() => addon[call](wrong as Uint8Array)).toThrow(TypeError);
      }
    }
  });
});

describe('pages that stay resident', () => {
  let calls: string[];
  let resident: number;
  const fake: MemoryWiper = {
    prepare: () => true,
    wipe: () => {
      calls.push('wipe');
      return resident;
    },
    release: () => {
      calls.push('release');
      return true;
    },
  };
  beforeEach(() => {
    calls = [];
  });

  it('are_given_back_when_they_are_many_more_than_are_touched', () => {
    const wiped = WipedMemory.of(fake, memoryOf(1)) as WipedMemory;
    resident = 4;
    wiped.wipe();
    resident = 64;
    wiped.wipe();
    expect(calls).toEqual(['wipe', 'wipe']);
    resident = 65;
    wiped.wipe();
    wiped.wipe();
    expect(calls).toEqual(['wipe', 'wipe', 'wipe', 'release']);
    // It learns anew what is touched.
    resident = 64;
    wiped.wipe();
    wiped.wipe();
    expect(calls.slice(4)).toEqual(['wipe', 'wipe']);
  });

  it('are_kept_when_they_are_few', () => {
    const wiped = WipedMemory.of(fake, memoryOf(1)) as WipedMemory;
    for (resident of [1, 32, 32]) wiped.wipe();
    expect(calls).toEqual(['wipe', 'wipe', 'wipe']);
  });

  it('a_wipe_that_failed_promises_nothing', () => {
    const wiped = WipedMemory.of(fake, memoryOf(1)) as WipedMemory;
    resident = -1;
    expect(wiped.wipe()).toBe(false);
    expect(WipedMemory.of({ ...fake, prepare: () => false }, memoryOf(1))).toBeUndefined();
  });
});
