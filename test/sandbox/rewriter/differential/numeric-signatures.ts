/** Operands and results of the instructions that only compute, load and store; told from their names, judged by V8. */

export type Scalar = 'i32' | 'i64' | 'f32' | 'f64';
export type Operand = Scalar | 'v128' | 'address';

export interface NumericSignature {
  readonly operands: readonly Operand[];
  readonly result: Scalar | 'v128' | undefined;
  /** log2 of the bytes of a memory access, if it is one. */
  readonly alignment: number | undefined;
}

const LANES: Readonly<Record<string, Scalar>> = {
  i8x16: 'i32',
  i16x8: 'i32',
  i32x4: 'i32',
  i64x2: 'i64',
  f32x4: 'f32',
  f64x2: 'f64',
};
const BITS: Readonly<Record<string, number>> = { i32: 32, f32: 32, i64: 64, f64: 64, v128: 128 };

/** Undefined for control, references and everything that names an index. */
export function numericSignature(name: string): NumericSignature | undefined {
  const [space = '', operation = ''] = splitOnce(name);
  if (operation === '' || /\.const$/.test(name)) return undefined;
  if (space === 'memory') return waitOrNotify(operation);
  if (operation.startsWith('atomic.')) return atomic(space as Scalar, operation.slice(7));
  if (/^(load|store)/.test(operation)) return access(space, operation);
  if (space === 'v128') return vector(operation);
  if (LANES[space] !== undefined) return lanes(space, operation);
  if (BITS[space] !== undefined) return scalar(space as Scalar, operation);
  return undefined;
}

function splitOnce(name: string): string[] {
  const dot = name.indexOf('.');
  return dot < 0 ? [name] : [name.slice(0, dot), name.slice(dot + 1)];
}

function pure(operands: readonly Operand[], result: NumericSignature['result']): NumericSignature {
  return { operands, result, alignment: undefined };
}

function scalar(type: Scalar, operation: string): NumericSignature {
  const source = /_(i32|i64|f32|f64)(_[su])?$/.exec(operation)?.[1];
  if (source !== undefined) return pure([source as Scalar], type);
  if (operation === 'eqz') return pure([type], 'i32');
  if (/^(eq|ne|[lg][te])(_[su])?$/.test(operation)) return pure([type, type], 'i32');
  const isUnary = /^(clz|ctz|popcnt|abs|neg|ceil|floor|trunc|nearest|sqrt|extend\d+_s)$/.test(
    operation,
  );
  return pure(isUnary ? [type] : [type, type], type);
}

const UNARY_LANES =
  /^(not|abs|neg|popcnt|ceil|floor|trunc|nearest|sqrt|ext(end|add)_|convert_|trunc_sat_|demote_|promote_|relaxed_trunc_)/;

function lanes(shape: string, operation: string): NumericSignature {
  const lane = LANES[shape]!;
  if (operation === 'splat') return pure([lane], 'v128');
  if (operation.startsWith('extract_lane')) return pure(['v128'], lane);
  if (operation === 'replace_lane') return pure(['v128', lane], 'v128');
  if (/^sh[lr]/.test(operation)) return pure(['v128', 'i32'], 'v128');
  if (/^(all_true|bitmask)$/.test(operation)) return pure(['v128'], 'i32');
  return vector(operation);
}

function vector(operation: string): NumericSignature {
  if (operation === 'any_true') return pure(['v128'], 'i32');
  if (/^(bitselect|relaxed_(n?madd|laneselect|dot_.*_add_s))$/.test(operation)) {
    return pure(['v128', 'v128', 'v128'], 'v128');
  }
  if (UNARY_LANES.test(operation)) return pure(['v128'], 'v128');
  return pure(['v128', 'v128'], 'v128');
}

/** Of `load`, `load8_s`, `load16_splat`, `load32x2_u`, `load8_lane`, `store`, `store16_lane`, … */
function access(space: string, operation: string): NumericSignature {
  const [, isStore, bits, count] = /^(?:load|(store))(\d*)(?:x(\d))?/.exec(operation)!;
  const width = bits === '' ? BITS[space]! : Number(bits) * Number(count ?? 1);
  const alignment = Math.log2(width / 8);
  const value = space as Scalar | 'v128';
  if (isStore !== undefined) return { operands: ['address', value], result: undefined, alignment };
  const takesVector = operation.endsWith('_lane');
  return { operands: takesVector ? ['address', 'v128'] : ['address'], result: value, alignment };
}

function atomic(type: Scalar, operation: string): NumericSignature | undefined {
  if (operation === 'fence') return undefined;
  const bits = /(?:rmw|load|store)(\d+)/.exec(operation)?.[1];
  const alignment = Math.log2((bits === undefined ? BITS[type]! : Number(bits)) / 8);
  if (operation.startsWith('load')) return { operands: ['address'], result: type, alignment };
  if (operation.startsWith('store')) {
    return { operands: ['address', type], result: undefined, alignment };
  }
  const values: Operand[] = operation.includes('cmpxchg') ? [type, type] : [type];
  return { operands: ['address', ...values], result: type, alignment };
}

function waitOrNotify(operation: string): NumericSignature | undefined {
  if (operation === 'atomic.notify') {
    return { operands: ['address', 'i32'], result: 'i32', alignment: 2 };
  }
  return undefined; // a wait is tried with a timeout of its own, in a sample written by hand
}
