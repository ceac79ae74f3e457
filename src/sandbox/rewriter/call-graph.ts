// Who calls whom, and how much code a call can run before it polls: what decides which calls need a poll of their own.
// One pass over the function bodies, which steps over all but calls and control; then the strongly connected components
// (R. Tarjan, Depth-first search and linear graph algorithms, 1972), without recursion, since the guest chooses the depth.
//
// Calls through tables and references may reach any function of which a reference can be made: those of element
// segments and of constants; and the exported ones where a host can hand them in (through a table that is imported or
// exported, or by an instruction that stores or calls references). They are one node, ANY. Imported functions lead
// nowhere: host functions do not call back into the guest.

import { malformed } from './errors.ts';
import type { Guest } from './guest.ts';
import { readKind, skipImmediates, skipLocals } from './instruction.ts';
import { Imm } from './opcodes.ts';
import { Reader } from './reader.ts';

/** What a call counts for at most, in bytes of code: a larger function polls within, by the same measure (meter.ts). */
export const RUN_BYTES_MAX = 4096;
/** What a loop without calls and loops may run before its first poll, beyond its own bytes: copies of a small body; see loops.ts. */
export const LOOP_BYTES = 1024;

const NO_LOOP = -1;

export class CallGraph {
  readonly #imported: number;
  readonly #any: number;
  /** Callees of node `n`: `#edges` from `#first[n]` to `#first[n + 1]`, one for each call. */
  readonly #first: Int32Array;
  readonly #edges: number[];
  readonly #component: Int32Array;
  readonly #isRecursive: Uint8Array;
  readonly #runBytes: Int32Array;
  /** Of each loop, in the order of the file: 1 if there is neither call nor loop in it. */
  readonly #isInnermost: number[];

  constructor(guest: Guest) {
    const count = guest.functions.length - guest.importedFunctions;
    this.#imported = guest.importedFunctions;
    this.#any = count;
    this.#first = new Int32Array(count + 2);
    this.#edges = [];
    this.#isInnermost = [];
    this.#component = new Int32Array(count + 1);
    this.#isRecursive = new Uint8Array(count + 1);
    this.#runBytes = new Int32Array(count + 1);
    this.#readBodies(guest);
    this.#findComponents();
  }

  /** Whether there is neither a call nor a loop in the loop that is the `number`th of the file. */
  isInnermost(number: number): boolean {
    return this.#isInnermost[number] === 1;
  }

  /** Whether calls of it may lead to a call of it. */
  isRecursive(index: number): boolean {
    return this.#isRecursive[index - this.#imported] === 1;
  }

  /** Whether a call of `callee` in `caller` may lead to a call of `caller`. */
  isRecursiveCall(caller: number, callee: number): boolean {
    return callee >= this.#imported && this.#isSame(caller, callee - this.#imported);
  }

  isRecursiveIndirectCall(caller: number): boolean {
    return this.#isSame(caller, this.#any);
  }

  /** Bytes of code that a call may run before it polls, or behind its last poll; at most RUN_BYTES_MAX. */
  runBytes(callee: number): number {
    return callee < this.#imported ? 0 : this.#runBytes[callee - this.#imported]!;
  }

  get indirectRunBytes(): number {
    return this.#runBytes[this.#any]!;
  }

  #isSame(caller: number, node: number): boolean {
    const own = caller - this.#imported;
    return this.#isRecursive[own] === 1 && this.#component[own] === this.#component[node];
  }

  // --- edges ---------------------------------------------------------------------------------------------------

  #readBodies(guest: Guest): void {
    const section = new Reader(guest.source, guest.code.start, guest.code.end);
    let takesReferences = guest.importedTables > 0;
    for (let node = 0; node < this.#any; node += 1) {
      this.#first[node] = this.#edges.length;
      const body = section.sub(section.u32());
      skipLocals(body, guest.types.length);
      const bytes = body.end - body.pos;
      const loop = this.#isInnermost.length;
      takesReferences = this.#readBody(body, guest) || takesReferences;
      let copies = 0;
      for (let at = loop; at < this.#isInnermost.length; at += 1) copies += this.#isInnermost[at]!;
      this.#runBytes[node] = Math.min(RUN_BYTES_MAX, bytes + copies * LOOP_BYTES);
    }
    this.#first[this.#any] = this.#edges.length;
    for (const index of guest.takenFunctions) this.#addEdge(index);
    if (takesReferences || guest.exports.some(({ kind }) => kind === 'table')) {
      for (const { kind, index } of guest.exports) if (kind === 'func') this.#addEdge(index);
    }
    this.#first[this.#any + 1] = this.#edges.length;
  }

  #addEdge(index: number): void {
    if (index >= this.#imported) this.#edges.push(index - this.#imported);
  }

  /** Whether it calls references or puts them into tables. */
  #readBody(reader: Reader, guest: Guest): boolean {
    const types = guest.types.length;
    let takesReferences = false;
    /** Of each open block, the number of the loop that it stands in or is. */
    const loops: number[] = [NO_LOOP];
    let loop = NO_LOOP;
    while (!reader.done) {
      const kind = readKind(reader);
      switch (kind) {
        case Imm.NONE:
          continue;
        case Imm.LOOP:
          this.#leaveOut(loop);
          loops.push(loop);
          loop = this.#isInnermost.push(1) - 1;
          break;
        case Imm.BLOCK:
        case Imm.IF:
        case Imm.TRY:
        case Imm.TRY_TABLE:
          loops.push(loop);
          break;
        case Imm.DELEGATE:
        case Imm.END:
          loop = loops.pop() ?? NO_LOOP;
          break;
        case Imm.CALL:
          this.#leaveOut(loop);
          this.#addEdge(reader.index('function', guest.functions.length));
          continue;
        case Imm.CALL_REF:
        case Imm.CALL_INDIRECT:
          this.#leaveOut(loop);
          this.#edges.push(this.#any);
          takesReferences ||= kind === Imm.CALL_REF;
          break;
        case Imm.TABLE_SET:
        case Imm.TABLE_GROW:
        case Imm.TABLE_FILL:
          takesReferences = true;
          break;
        default:
      }
      skipImmediates(reader, kind, types);
    }
    // Said here, where a block costs next to nothing: garbage may open one with every other byte.
    if (loops.length > 0) throw malformed('a function that ends within a block', reader.end);
    return takesReferences;
  }

  /** A loop is not an innermost one, or has a call. */
  #leaveOut(loop: number): void {
    if (loop !== NO_LOOP) this.#isInnermost[loop] = 0;
  }

  // --- components ----------------------------------------------------------------------------------------------

  /** A component is complete when all that it leads to is, so that the bytes of callees are known by then. */
  #findComponents(): void {
    const count = this.#any + 1;
    const order = new Int32Array(count);
    const low = new Int32Array(count);
    const isOnStack = new Uint8Array(count);
    const cursor = new Int32Array(count);
    const stack: number[] = [];
    const path: number[] = [];
    let visited = 0;
    let components = 0;
    for (let root = 0; root < count; root += 1) {
      if (order[root] !== 0) continue;
      path.push(root);
      while (path.length > 0) {
        const node = path[path.length - 1]!;
        if (order[node] === 0) {
          visited += 1;
          order[node] = visited;
          low[node] = visited;
          cursor[node] = this.#first[node]!;
          stack.push(node);
          isOnStack[node] = 1;
        }
        const next = this.#nextCallee(node, order, low, isOnStack, cursor);
        if (next >= 0) {
          path.push(next);
          continue;
        }
        path.pop();
        const above = path[path.length - 1];
        if (above !== undefined) low[above] = Math.min(low[above]!, low[node]!);
        if (low[node] !== order[node]) continue;
        components += 1;
        const members = stack.splice(stack.lastIndexOf(node));
        for (const member of members) {
          isOnStack[member] = 0;
          this.#component[member] = components;
        }
        this.#complete(members);
      }
    }
  }

  /** The next callee of `node` that has not been visited, or -1 if there is none. */
  #nextCallee(
    node: number,
    order: Int32Array,
    low: Int32Array,
    isOnStack: Uint8Array,
    cursor: Int32Array,
  ): number {
    const end = this.#first[node + 1]!;
    for (let at = cursor[node]!; at < end; at += 1) {
      const callee = this.#edges[at]!;
      if (order[callee] === 0) {
        cursor[node] = at + 1;
        return callee;
      }
      if (isOnStack[callee] === 1) low[node] = Math.min(low[node]!, order[callee]!);
    }
    cursor[node] = end;
    return -1;
  }

  #complete(members: readonly number[]): void {
    const [node] = members as [number];
    const end = this.#first[node + 1]!;
    let isRecursive = members.length > 1;
    let sum = this.#runBytes[node]!;
    let most = 0;
    for (let at = this.#first[node]!; at < end && !isRecursive; at += 1) {
      const callee = this.#edges[at]!;
      isRecursive = callee === node;
      sum += this.#runBytes[callee]!;
      most = Math.max(most, this.#runBytes[callee]!);
    }
    for (const member of members) {
      this.#isRecursive[member] = isRecursive ? 1 : 0;
      // ANY is a choice of one callee, a function the sum of all its calls.
      const bytes = isRecursive ? RUN_BYTES_MAX : member === this.#any ? most : sum;
      this.#runBytes[member] = Math.min(RUN_BYTES_MAX, bytes);
    }
  }
}
