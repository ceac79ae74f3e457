/**
 * Patterns with parameters or a wildcard, as a tree of path segments.
 *
 *   find('/users/7/edit'):  root -users-> n1 -:-> n2 -edit-> n3 (leaf)
 *
 * A walk tries the literal child before the parameter, so the first leaf it comes to is the most specific. Wildcards that it
 * passes are kept in mind, the deepest one wins if no leaf is found. Each node is entered at most once a walk, because a node
 * stands for one depth: no pattern and no path makes the walk longer than the tree is large.
 */
import { SLASH } from './byte-class.ts';
import { ABSENT, ByteTable } from './byte-table.ts';
import type { Pattern } from './pattern.ts';

class SegmentNode {
  /** Numbers of the children by their segment; filled in by `seal`. */
  table: ByteTable = new ByteTable([]);
  readonly literals: [segment: Uint8Array, node: number][] = [];
  param: number = ABSENT;
  leaf: number = ABSENT;
  wildcard: number = ABSENT;
}

export class SegmentTree {
  readonly #nodes: SegmentNode[] = [new SegmentNode()];
  /** Start and end of each parameter on the way down, and those of the wildcard kept in mind. */
  #trail: Int32Array = new Int32Array(0);
  #kept: Int32Array = new Int32Array(0);
  #params: Int32Array = this.#trail;
  #wildcard: number = ABSENT;
  #wildcardDepth: number = -1;
  #wildcardStart: number = -1;

  /** Where the wildcard's part of the path found last begins, or -1. */
  get wildcardStart(): number {
    return this.#wildcardStart;
  }

  paramStart(index: number): number {
    return this.#params[index * 2]!;
  }

  paramEnd(index: number): number {
    return this.#params[index * 2 + 1]!;
  }

  /** Let `value` (>= 0) be what `find` returns for the pattern, which is not in the tree yet. */
  add(pattern: Pattern, value: number): void {
    let node = this.#nodes[0]!;
    for (const segment of pattern.segments) node = this.#nodes[this.#child(node, segment)]!;
    if (pattern.wildcard) node.wildcard = value;
    else node.leaf = value;
    const cells = pattern.paramNames.length * 2;
    if (cells > this.#trail.length) {
      this.#trail = new Int32Array(cells);
      this.#kept = new Int32Array(cells);
    }
  }

  #child(node: SegmentNode, segment: Uint8Array | null): number {
    if (segment === null) {
      if (node.param === ABSENT) node.param = this.#nodes.push(new SegmentNode()) - 1;
      return node.param;
    }
    const known = node.literals.find(([bytes]) => sameBytes(bytes, segment));
    if (known !== undefined) return known[1];
    const child = this.#nodes.push(new SegmentNode()) - 1;
    node.literals.push([segment, child]);
    return child;
  }

  /** To be called once, behind the last `add`. */
  seal(): void {
    for (const node of this.#nodes) node.table = new ByteTable(node.literals);
  }

  /** Value of the most specific pattern for the path `buffer[from..to)`, which begins with a slash, or `ABSENT`. */
  find(buffer: Uint8Array, from: number, to: number): number {
    this.#wildcard = ABSENT;
    this.#wildcardDepth = -1;
    this.#wildcardStart = -1;
    const leaf = this.#walk(this.#nodes[0]!, buffer, from + 1, to, 0, 0);
    if (leaf !== ABSENT) {
      this.#params = this.#trail;
      this.#wildcardStart = -1;
      return leaf;
    }
    this.#params = this.#kept;
    return this.#wildcard;
  }

  /** `from` is the first byte of the segment that a child of `node` must match. */
  #walk(
    node: SegmentNode,
    buffer: Uint8Array,
    from: number,
    to: number,
    depth: number,
    params: number,
  ): number {
    if (node.wildcard !== ABSENT && depth > this.#wildcardDepth)
      this.#keep(node, from, depth, params);
    let end = from;
    while (end < to && buffer[end] !== SLASH) end++;
    const literal = node.table.find(buffer, from, end);
    if (literal !== ABSENT) {
      const found = this.#enter(literal, buffer, end, to, depth, params);
      if (found !== ABSENT) return found;
    }
    if (node.param === ABSENT || end === from) return ABSENT;
    this.#trail[params * 2] = from;
    this.#trail[params * 2 + 1] = end;
    return this.#enter(node.param, buffer, end, to, depth, params + 1);
  }

  #enter(
    child: number,
    buffer: Uint8Array,
    end: number,
    to: number,
    depth: number,
    params: number,
  ): number {
    const node = this.#nodes[child]!;
    if (end === to) return node.leaf;
    return this.#walk(node, buffer, end + 1, to, depth + 1, params);
  }

  #keep(node: SegmentNode, from: number, depth: number, params: number): void {
    this.#wildcard = node.wildcard;
    this.#wildcardDepth = depth;
    this.#wildcardStart = from;
    for (let i = 0; i < params * 2; i++) this.#kept[i] = this.#trail[i]!;
  }
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
