/** Ranges that guests name. */
import { OUTCOME } from './outcome.ts';
import type { Sandbox } from './sandbox.ts';
import { UNWIND } from './unwind.ts';

/** The unsigned start of a range that lies inside the guest's memory; ends the guest when it does not. */
export function guestRange(sandbox: Sandbox, ptr: number, bytes: number): number {
  const at = ptr >>> 0;
  const count = bytes >>> 0;
  if (count !== 0 && at + count > sandbox.u8.length) {
    sandbox.doom(
      OUTCOME.TRAP,
      `host call with a range outside the memory: ${count} bytes at ${at}, memory has ${sandbox.u8.length}`,
    );
    throw UNWIND;
  }
  return count === 0 ? 0 : at;
}

/** The bytes of a range as latin1 text. */
export function guestText(sandbox: Sandbox, ptr: number, bytes: number): string {
  const at = guestRange(sandbox, ptr, bytes);
  let out = '';
  const { u8 } = sandbox;
  for (let i = at; i < at + (bytes >>> 0); i++) out += String.fromCharCode(u8[i] as number);
  return out;
}
