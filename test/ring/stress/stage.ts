/** A shared memory with canary bytes before, between and behind its regions, and in the padding at the end of each structure. */
import {
  CompletionRing,
  type Constraint,
  Deque,
  FreeList,
  Heap,
  layout,
  MpmcRing,
  PADDING_BYTES,
  ParkingLot,
  type Region,
  SpscRing,
} from '../../../src/ring/index.ts';

const PAGE_BYTES = 65536;

export class Stage {
  readonly memory: WebAssembly.Memory;
  readonly regions: Readonly<Record<string, Region>>;
  readonly #bytes: Uint8Array<SharedArrayBuffer>;
  readonly i32: Int32Array<SharedArrayBuffer>;
  /** From, to: nobody may write there. */
  readonly #canaries: (readonly [number, number])[] = [];

  constructor(constraints: Readonly<Record<string, Constraint>>) {
    const names = Object.keys(constraints);
    const guarded: Record<string, Constraint> = {};
    for (const name of names) {
      guarded[`before ${name}`] = { kind: 'bytes', bytes: 2 * PADDING_BYTES };
      guarded[name] = constraints[name] as Constraint;
    }
    guarded.behind = { kind: 'bytes', bytes: 2 * PADDING_BYTES };
    const { regions, pages } = layout(guarded);
    this.memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
    this.#bytes = new Uint8Array(this.memory.buffer as unknown as SharedArrayBuffer);
    this.i32 = new Int32Array(this.#bytes.buffer);
    this.regions = Object.fromEntries(names.map((name) => [name, regions[name] as Region]));
    for (const [name, { address, strideBytes, count }] of Object.entries(regions)) {
      const bytes = name in constraints ? bytesOf(constraints[name] as Constraint) : 0;
      for (let i = 0; i < count; i++) {
        const at = address + i * strideBytes;
        this.#canaries.push([at + bytes, at + strideBytes]);
      }
    }
    const { address, strideBytes } = regions.behind as Region;
    this.#canaries.push([address + strideBytes, pages * PAGE_BYTES]);
    for (const [from, to] of this.#canaries) {
      for (let at = from; at < to; at++) this.#bytes[at] = canary(at);
    }
  }

  /** Byte address of structure `i` of a region. */
  at(name: string, i: number = 0): number {
    const { address, strideBytes } = this.regions[name] as Region;
    return address + i * strideBytes;
  }

  /** The i32 at a byte address. */
  load(address: number): number {
    return Atomics.load(this.i32, address >> 2);
  }

  store(address: number, value: number): void {
    Atomics.store(this.i32, address >> 2, value);
  }

  /** Throws when a byte was written that belongs to no structure. */
  checkCanaries(): void {
    for (const [from, to] of this.#canaries) {
      for (let at = from; at < to; at++) {
        if (this.#bytes[at] !== canary(at)) {
          throw new Error(`byte ${at} was written, which no structure owns: ${this.#nearest(at)}`);
        }
      }
    }
  }

  #nearest(at: number): string {
    const before = Object.entries(this.regions).filter(([, { address }]) => address <= at);
    const [name, region] = before.at(-1) ?? ['nothing', { address: 0 }];
    return `${at - region.address} bytes from the beginning of ${name}`;
  }
}

/** Different at each place, so that bytes which were only moved are noticed. */
function canary(at: number): number {
  return (at * 167 + 13) & 0xff;
}

/** What the structure itself takes, without the padding behind it. */
function bytesOf(constraint: Constraint): number {
  switch (constraint.kind) {
    case 'deque':
      return Deque.bytes(constraint);
    case 'mpmc':
      return MpmcRing.bytes(constraint);
    case 'spsc':
      return SpscRing.bytes(constraint);
    case 'completion':
      return CompletionRing.bytes(constraint);
    case 'freeList':
      return FreeList.bytes({ count: constraint.items });
    case 'heap':
      return Heap.bytes(constraint);
    case 'lot':
      return ParkingLot.bytes(constraint);
    case 'bytes':
      return constraint.bytes;
    default:
      return PADDING_BYTES;
  }
}
