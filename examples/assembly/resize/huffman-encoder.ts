// Canonical Huffman codes of limited length, for writing (RFC 1951, 3.2.2).

import { reversed } from './huffman-decoder';

export class HuffmanEncoder {
  readonly frequency: StaticArray<u32>;
  readonly lengths: StaticArray<u8>;
  /** Codes as they are written: their first bit lowest. */
  readonly codes: StaticArray<u16>;
  // Nodes of the tree: the used symbols by rising frequency, then the inner nodes as they are made.
  private symbols: StaticArray<u16>;
  private weight: StaticArray<u32>;
  private parent: StaticArray<u16>;
  private depth: StaticArray<u8>;

  constructor(
    readonly size: i32,
    private maxBits: i32,
  ) {
    this.frequency = new StaticArray<u32>(size);
    this.lengths = new StaticArray<u8>(size);
    this.codes = new StaticArray<u16>(size);
    this.symbols = new StaticArray<u16>(size);
    this.weight = new StaticArray<u32>(2 * size);
    this.parent = new StaticArray<u16>(2 * size);
    this.depth = new StaticArray<u8>(2 * size);
  }

  /** Makes lengths and codes for `frequency`. */
  build(): void {
    // One symbol alone would have no bits; some decoders refuse such a code.
    let used = this.sortUsed();
    for (let s = 0; used < 2; s++) {
      if (this.frequency[s] == 0) {
        this.frequency[s] = 1;
        used = this.sortUsed();
      }
    }
    // A tree that is too deep gets flatter when small weights come nearer to each other. It costs a
    // fraction of a percent in the rare blocks that need it, and is far shorter than package-merge.
    for (let i = 0; i < used; i++) this.weight[i] = this.frequency[this.symbols[i]];
    while (this.tree(used) > this.maxBits) {
      for (let i = 0; i < used; i++) this.weight[i] = (this.weight[i] + 1) >> 1;
    }
    this.lengths.fill(0);
    for (let i = 0; i < used; i++) this.lengths[this.symbols[i]] = this.depth[i];
    this.assign();
  }

  /** Takes the lengths as they are and gives the codes that belong to them. */
  assign(): void {
    let code = 0;
    for (let bits = 1; bits <= this.maxBits; bits++) {
      for (let s = 0; s < this.size; s++) {
        if (this.lengths[s] == bits) this.codes[s] = <u16>reversed(code++, bits);
      }
      code <<= 1;
    }
  }

  /** Bits that all counted symbols take under these lengths. */
  cost(): u32 {
    let bits: u32 = 0;
    for (let s = 0; s < this.size; s++) bits += this.frequency[s] * this.lengths[s];
    return bits;
  }

  private sortUsed(): i32 {
    const symbols = this.symbols;
    let used = 0;
    for (let s = 0; s < this.size; s++) {
      const frequency = this.frequency[s];
      if (frequency == 0) continue;
      let at = used++;
      while (at > 0 && this.frequency[symbols[at - 1]] > frequency) {
        symbols[at] = symbols[at - 1];
        at--;
      }
      symbols[at] = <u16>s;
    }
    return used;
  }

  /** Joins the two lightest nodes until one is left; answers the depth of the deepest leaf. */
  private tree(leaves: i32): i32 {
    const weight = this.weight;
    const nodes = 2 * leaves - 1;
    // Inner nodes are made in rising order of weight, so two queues take the place of a heap.
    let leaf = 0;
    let inner = leaves;
    for (let node = leaves; node < nodes; node++) {
      let sum: u32 = 0;
      for (let child = 0; child < 2; child++) {
        const takeLeaf = leaf < leaves && (inner == node || weight[leaf] <= weight[inner]);
        const lightest = takeLeaf ? leaf++ : inner++;
        sum += weight[lightest];
        this.parent[lightest] = <u16>node;
      }
      weight[node] = sum;
    }
    this.depth[nodes - 1] = 0;
    let deepest = 0;
    for (let node = nodes - 2; node >= 0; node--) {
      const depth = <i32>this.depth[this.parent[node]] + 1;
      this.depth[node] = <u8>depth;
      deepest = max(deepest, depth);
    }
    return deepest;
  }
}
