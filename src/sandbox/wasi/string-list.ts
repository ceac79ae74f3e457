/** Arguments and environment: lists of NUL-terminated strings, as a guest asks for them. */
import { argumentsOf, environmentOf } from '../request-head.ts';
import type { Sandbox } from '../sandbox.ts';
import { EFAULT, SUCCESS } from './errno.ts';
import { inside, store32, viewOf } from './guest-memory.ts';
import { requestOf, stateOf } from './state.ts';

export class StringList {
  readonly bytes: Uint8Array;
  readonly offsets: readonly number[];

  /** Characters are bytes (latin1). */
  constructor(list: readonly string[]) {
    this.bytes = Buffer.from(list.map((s) => `${s}\0`).join(''), 'latin1');
    const offsets: number[] = [];
    let at = 0;
    for (const s of list) {
      offsets.push(at);
      at += s.length + 1;
    }
    this.offsets = offsets;
  }
}

type ListOf = (sandbox: Sandbox) => StringList;

export function argumentList(sandbox: Sandbox): StringList {
  const state = stateOf(sandbox);
  state.args ??= new StringList(argumentsOf(requestOf(sandbox), sandbox.spec));
  return state.args;
}

export function environmentList(sandbox: Sandbox): StringList {
  const state = stateOf(sandbox);
  state.environment ??= new StringList(environmentOf(requestOf(sandbox), sandbox.spec));
  return state.environment;
}

export function storeSizes(sandbox: Sandbox, of: ListOf, count: number, bytes: number): number {
  const list = of(sandbox);
  if (!inside(sandbox, count, 4) || !inside(sandbox, bytes, 4)) return EFAULT;
  store32(sandbox, count, list.offsets.length);
  return store32(sandbox, bytes, list.bytes.length);
}

export function storeList(sandbox: Sandbox, of: ListOf, pointers: number, buffer: number): number {
  const list = of(sandbox);
  if (!inside(sandbox, pointers, list.offsets.length * 4)) return EFAULT;
  if (!inside(sandbox, buffer, list.bytes.length)) return EFAULT;
  const view = viewOf(sandbox);
  list.offsets.forEach((offset, i) => {
    view.setUint32((pointers >>> 0) + i * 4, (buffer >>> 0) + offset, true);
  });
  sandbox.u8.set(list.bytes, buffer >>> 0);
  return SUCCESS;
}
