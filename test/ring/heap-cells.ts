/** The cells of a heap (heap.wat), to look whether it is whole, and to do a dead holder's half of an operation. */
import { expect } from 'vitest';
import { attachRing } from '../../src/ring/index.ts';

const VALUES = 8;
const ENTRIES = 16;
const LOCK = 128;
const MIN = 256;
const COUNT = 264;
const OP = 384;
const HOLE = 388;
const TARGET = 392;
const TAKEN = 396;
const ITEM = 400;
const SEQUENCE = 416;
const PLACE = 512;
const ENTRY_BYTES = 16;

/** The key of nothing. */
export const NO_KEY: bigint = 2n ** 63n - 1n;

export interface Entry {
  readonly key: bigint;
  readonly sequence: number;
  readonly value: number;
}

export class HeapCells {
  readonly address: number;
  readonly #i32: Int32Array<SharedArrayBuffer>;
  readonly #i64: BigInt64Array<SharedArrayBuffer>;

  constructor(memory: WebAssembly.Memory, address: number) {
    this.address = address;
    this.#i32 = attachRing(memory).i32;
    this.#i64 = new BigInt64Array(this.#i32.buffer);
  }

  get lock(): number {
    return this.#get(LOCK);
  }
  set lock(holder: number) {
    this.#set(LOCK, holder);
  }
  get sequence(): number {
    return this.#get(SEQUENCE);
  }
  set sequence(next: number) {
    this.#set(SEQUENCE, next);
  }

  /** Entry `i`'s byte address. */
  entryAddress(i: number): number {
    return this.address + this.#get(ENTRIES) + ENTRY_BYTES * i;
  }

  entries(): Entry[] {
    return Array.from({ length: this.#get(COUNT) }, (_, i) => this.#entry(i));
  }

  /** H1: what holds while the lock is free. */
  expectWhole(): void {
    const entries = this.entries();
    expect([this.lock, this.#get(OP)]).toEqual([0, 0]);
    expect(this.#i64[(this.address + MIN) >> 3]).toBe(entries[0]?.key ?? NO_KEY);
    for (const [i, entry] of entries.entries()) {
      if (i > 0) expect(isBefore(entry, entries[(i - 1) >> 2] as Entry)).toBe(false);
    }
    const places = Array.from({ length: this.#get(VALUES) }, (_, v) => this.#get(PLACE + 4 * v));
    const expected = places.map((_, v) => 1 + entries.findIndex(({ value }) => value === v));
    expect(places).toEqual(expected);
  }

  /** Does a push and pauses wherever a holder can be killed. It ends in front of the write of the item. */
  *push(holder: number, key: bigint, value: number): Generator<void> {
    this.lock = holder + 1;
    yield;
    const place = this.#get(PLACE + 4 * value);
    const count = this.#get(COUNT);
    this.#write(this.address + ITEM, { key, sequence: this.sequence, value });
    this.sequence++;
    this.#set(HOLE, place === 0 ? count : place - 1);
    this.#set(TARGET, place === 0 ? count + 1 : count);
    this.#set(TAKEN, 0);
    this.#set(OP, 1);
    yield* this.#moves();
  }

  /** Takes a value that is in out, with the same pauses. */
  *take(holder: number, value: number): Generator<void> {
    this.lock = holder + 1;
    yield;
    const last = this.#get(COUNT) - 1;
    this.#write(this.address + ITEM, this.#entry(last));
    this.#set(HOLE, this.#get(PLACE + 4 * value) - 1);
    this.#set(TARGET, last);
    this.#set(TAKEN, value + 1);
    this.#set(PLACE + 4 * value, 0);
    this.#set(OP, 1);
    yield* this.#moves();
  }

  *#moves(): Generator<void> {
    yield;
    if (this.#get(HOLE) >= this.#get(TARGET)) return;
    let moves = 0;
    for (; this.#moveDown(); moves++) yield;
    if (moves === 0) while (this.#moveUp()) yield;
  }

  #moveDown(): boolean {
    const hole = this.#get(HOLE);
    const children = [1, 2, 3, 4]
      .map((child) => 4 * hole + child)
      .filter((child) => child < this.#get(TARGET));
    if (children.length === 0) return false;
    const least = children.reduce((a, b) => (isBefore(this.#entry(b), this.#entry(a)) ? b : a));
    if (isBefore(this.#item(), this.#entry(least))) return false;
    this.#moveHole(least);
    return true;
  }

  #moveUp(): boolean {
    const hole = this.#get(HOLE);
    const parent = (hole - 1) >> 2;
    if (hole === 0 || !isBefore(this.#item(), this.#entry(parent))) return false;
    this.#moveHole(parent);
    return true;
  }

  #moveHole(from: number): void {
    const hole = this.#get(HOLE);
    const entry = this.#entry(from);
    this.#write(this.entryAddress(hole), entry);
    this.#set(PLACE + 4 * entry.value, hole + 1);
    this.#set(HOLE, from);
  }

  #item(): Entry {
    return this.#read(this.address + ITEM);
  }

  #entry(i: number): Entry {
    return this.#read(this.entryAddress(i));
  }

  #read(at: number): Entry {
    return {
      key: this.#i64[at >> 3] as bigint,
      sequence: this.#i32[(at + 8) >> 2] as number,
      value: this.#i32[(at + 12) >> 2] as number,
    };
  }

  #write(at: number, { key, sequence, value }: Entry): void {
    this.#i64[at >> 3] = key;
    this.#i32[(at + 8) >> 2] = sequence;
    this.#i32[(at + 12) >> 2] = value;
  }

  #get(offset: number): number {
    return this.#i32[(this.address + offset) >> 2] as number;
  }

  #set(offset: number, value: number): void {
    this.#i32[(this.address + offset) >> 2] = value;
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.key < b.key || (a.key === b.key && ((a.sequence - b.sequence) | 0) < 0);
}
