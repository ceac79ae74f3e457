/** The marks of values that a thread has got: its own, or none. Looked at at once, and a while later, when others are long done. */
import { attachRing } from '../../../src/ring/index.ts';
import type { RoleContext } from './role.ts';

const LATER = 64;

export class Marks {
  readonly #load: (address: number) => number;
  readonly #states: number;
  readonly #values: Int32Array = new Int32Array(LATER);
  readonly #marks: Int32Array = new Int32Array(LATER);
  #count = 0;

  constructor(context: RoleContext) {
    this.#load = attachRing(context.memory).fn.load32;
    this.#states = context.at('states');
  }

  expect(value: number, mark: number): void {
    this.#check(value, mark);
    const i = this.#count % LATER;
    if (this.#count >= LATER) this.#check(this.#values[i] as number, this.#marks[i] as number);
    this.#values[i] = value;
    this.#marks[i] = mark;
    this.#count++;
  }

  #check(value: number, mark: number): void {
    const found = this.#load(this.#states + 4 * value);
    if (found !== mark) throw new Error(`value ${value} carries the mark ${found}, not ${mark}`);
  }
}
