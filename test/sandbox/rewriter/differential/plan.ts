/** The calls that are made of a module: every function that it defines, several times, with arguments drawn by its seed. */
import type { ModuleFile } from './module-file.ts';
import { exportName } from './opened-module.ts';
import type { Rng } from './rng.ts';
import { HOST_OBJECTS, type Values } from './values.ts';

/** References into an instance are known by number only; each instance has its own. */
export type Argument =
  | { readonly is: 'value'; readonly value: unknown }
  | { readonly is: 'func' | 'object'; readonly index: number };

export interface PlannedCall {
  readonly name: string;
  readonly args: readonly Argument[];
}

const FUNCTIONS_MAX = 24;
const ROUNDS = 3;

export function planCalls(
  file: ModuleFile,
  rng: Rng,
  functionsMax: number = FUNCTIONS_MAX,
  rounds: number = ROUNDS,
): PlannedCall[] {
  const first = file.imported('func').length;
  const calls: PlannedCall[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const last = Math.min(file.functions.length, first + functionsMax);
    for (let index = first; index < last; index += 1) {
      const name = exportName('func', index);
      if (!file.exportNames.has(name)) continue; // one that was added
      const { params } = file.signature(index);
      calls.push({
        name,
        args: params.map((type) => drawArgument(type, file, rng)),
      });
    }
  }
  return calls;
}

const I32 = [0, 1, -1, 2, 3, 7, 8, 31, 32, 255, 65_535, 65_536, 0x7fff_ffff, -0x8000_0000];
const F64 = [0, -0, 1, -1, 0.5, 1.5, 2 ** 31, -(2 ** 63), 2 ** 64, 1e308, 5e-324];
const F64_ODD = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];

function drawArgument(type: string, file: ModuleFile, rng: Rng): Argument {
  const value = (of: unknown): Argument => ({ is: 'value', value: of });
  switch (type) {
    case 'i32':
      return value(rng.below(2) === 0 ? rng.pick(I32) : rng.u32() | 0);
    case 'i64':
      return value(drawI64(rng));
    case 'f32':
    case 'f64':
      return value(rng.pick([...F64, ...F64, ...F64_ODD, rng.u32() / 256 - 2 ** 20]));
    case 'externref':
      return value(rng.pick([null, ...HOST_OBJECTS]));
    case 'i31ref':
    case '(ref i31)':
      return value(rng.below(1 << 29));
    default:
      return drawReference(type, file, rng);
  }
}

function drawI64(rng: Rng): bigint {
  const high = BigInt(rng.below(2) === 0 ? rng.pick(I32) : rng.u32());
  return BigInt.asIntN(64, rng.below(3) === 0 ? high : (high << 32n) | BigInt(rng.u32()));
}

/** Of a type that is not looked into: what does not fit is a TypeError on both sides. */
function drawReference(type: string, file: ModuleFile, rng: Rng): Argument {
  const choice = rng.below(type.startsWith('(ref ') ? 2 : 3);
  if (choice === 2) return { is: 'value', value: null };
  if (/func/.test(type) || choice === 1) {
    return { is: 'func', index: rng.below(Math.max(1, file.functions.length)) };
  }
  return { is: 'object', index: rng.below(8) };
}

export function resolveArgument(
  argument: Argument,
  exports: Record<string, unknown>,
  values: Values,
): unknown {
  if (argument.is === 'value') return argument.value;
  if (argument.is === 'object') return values.object(argument.index);
  return exports[exportName('func', argument.index)];
}
