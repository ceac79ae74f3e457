/** Gives the values of one run names that mean the same in another run: bits of numbers, indices of functions, order of objects. */

import type { ModuleFile } from './module-file.ts';
import { exportName } from './opened-module.ts';

/** What the host hands to a guest as references of its own. */
export const HOST_OBJECTS: readonly unknown[] = [{ of: 'the host' }, 'a text', Symbol('a symbol')];

export class HostError extends Error {}

/** Of instantiation; reset has the engine's own instructions say it in their words. */
export const SEGMENT_TRAP = 'segment out of bounds';

const TRAP_ALIASES: readonly (readonly [pattern: RegExp, kind: string])[] = [
  // A wait in a memory that was declared unshared is `unreachable` in the output.
  [/Atomics\.wait cannot be called/, 'unreachable'],
  [/^(data|element) segment \d+ (is )?out of bounds.*/, SEGMENT_TRAP],
];

export class Values {
  readonly #file: ModuleFile;
  #exports: Record<string, unknown> = {};
  #functions: Map<unknown, number> = new Map();
  readonly #objects: Map<unknown, number> = new Map();
  /** Off while a start function runs: the original's instance does not show its exports before that is over. */
  knowsExports: boolean = false;

  constructor(file: ModuleFile) {
    this.#file = file;
  }

  attach(exports: Record<string, unknown>): void {
    this.#exports = exports;
    this.#functions = new Map(
      this.#file.functions.map((_, index) => [exports[exportName('func', index)], index]),
    );
  }

  /** The n-th object of the guest's that came out in this run. */
  object(index: number): unknown {
    return [...this.#objects.keys()][index] ?? null;
  }

  name(value: unknown): string {
    if (Array.isArray(value)) return `[${value.map((item) => this.name(item)).join(' ')}]`;
    if (typeof value === 'number') return Object.is(value, -0) ? '-0' : String(value);
    if (typeof value === 'bigint') return `${value}n`;
    const host = HOST_OBJECTS.indexOf(value);
    if (host >= 0) return `host ${host}`;
    if (typeof value === 'function') {
      if (!this.knowsExports) return 'a function';
      const index = this.#functions.get(value);
      return index === undefined ? 'a function of the host' : `func ${index}`;
    }
    if (value instanceof WebAssembly.Exception) return this.#exception(value);
    if (value instanceof Error) return this.ending(value);
    if (typeof value !== 'object' || value === null) return String(value);
    let index = this.#objects.get(value);
    if (index === undefined) {
      index = this.#objects.size;
      this.#objects.set(value, index);
    }
    return `object ${index}`;
  }

  /** How a call ended that did not return. */
  ending(error: unknown): string {
    if (error instanceof WebAssembly.Exception) return `throws ${this.#exception(error)}`;
    if (error instanceof HostError) return `throws ${error.message}`;
    if (error instanceof RangeError && /call stack/.test(error.message)) return STACK_OVERFLOW;
    if (error instanceof Error) return `${error.constructor.name}: ${trapKind(error.message)}`;
    return `throws ${this.name(error)}`;
  }

  #exception(exception: WebAssembly.Exception): string {
    for (const [index, type] of this.#file.tags.entries()) {
      const tag = this.#exports[exportName('tag', index)] as WebAssembly.Tag | undefined;
      if (!this.knowsExports || tag === undefined) return 'an exception';
      if (!exception.is(tag)) continue;
      const { params } = this.#file.signatureOfType(type);
      return `tag ${index} ${params.map((_, at) => this.#argument(exception, tag, at)).join(' ')}`;
    }
    return 'an exception of the host';
  }

  #argument(exception: WebAssembly.Exception, tag: WebAssembly.Tag, index: number): string {
    try {
      return this.name(exception.getArg(tag, index));
    } catch (error) {
      return (error as Error).name; // of a type that JavaScript cannot read
    }
  }
}

export const STACK_OVERFLOW = 'stack overflow';

function trapKind(message: string): string {
  const text = message.replace(/^WebAssembly\.\w+\(\): /, '').replace(/ \(evaluating.*/, '');
  return TRAP_ALIASES.find(([pattern]) => pattern.test(text))?.[1] ?? text;
}
