// One table for every instruction that V8 14.6 accepts without a flag: its name, and what kind of immediates follow
// the opcode. The code pass decodes by kind only; what a kind changes is decided there, in one switch.
//
// What is absent here is refused by name and offset. Measured against the engine (test/sandbox/rewriter/opcodes.test.ts
// asks V8 about every opcode and compares): stack switching 0xe0.., wide arithmetic 0xfc 0x13.., half-precision floats
// 0xfc 0x30.. and 0xfd 0x120.., custom descriptors 0xfb 0x20.., stringref 0xfb 0x80.., shared-everything 0xfe 0x4f..
// are all behind flags.

/** Kinds of immediates. */
export const Imm = {
  INVALID: 0,
  NONE: 1,
  BLOCK: 2,
  LOOP: 3,
  IF: 4,
  TRY: 5,
  ELSE: 6,
  CATCH: 7,
  CATCH_ALL: 8,
  DELEGATE: 9,
  END: 10,
  LABEL: 11,
  BR_TABLE: 12,
  TRY_TABLE: 13,
  BR_ON_CAST: 14,
  CALL: 15,
  CALL_INDIRECT: 16,
  CALL_REF: 17,
  REF_FUNC: 18,
  TYPE: 19,
  LOCAL: 20,
  GLOBAL: 21,
  TABLE: 22,
  TABLE_SET: 23,
  TAG: 24,
  S32: 25,
  S64: 26,
  F32: 27,
  F64: 28,
  V128: 29,
  LANE: 30,
  MEMARG: 31,
  MEMARG_LANE: 32,
  WAIT32: 33,
  FENCE: 34,
  MEMORY_SIZE: 35,
  MEMORY_GROW: 36,
  MEMORY_INIT: 37,
  MEMORY_COPY: 38,
  MEMORY_FILL: 39,
  DATA_DROP: 40,
  TABLE_INIT: 41,
  TABLE_COPY: 42,
  ELEM_DROP: 43,
  HEAP_TYPE: 44,
  SELECT_TYPED: 45,
  STRUCT_FIELD: 46,
  ARRAY_FIXED: 47,
  ARRAY_DATA: 48,
  ARRAY_ELEM: 49,
  ARRAY_COPY: 50,
  LABEL_HINTED: 51,
  TABLE_GROW: 52,
  WAIT64: 53,
  TABLE_FILL: 54,
  ARRAY_FILL: 55,
  ARRAY_INIT_DATA: 56,
  ARRAY_INIT_ELEM: 57,
  ARRAY_NEW: 58,
} as const;

export interface OpcodeTable {
  /** Kind of immediates by opcode; `Imm.INVALID` where there is no such instruction. */
  readonly kinds: Uint8Array;
  readonly names: readonly string[];
}

const KIND_BY_SUFFIX: Record<string, number> = {
  '': Imm.NONE,
  block: Imm.BLOCK,
  loop: Imm.LOOP,
  if: Imm.IF,
  try: Imm.TRY,
  else: Imm.ELSE,
  catch: Imm.CATCH,
  catch_all: Imm.CATCH_ALL,
  delegate: Imm.DELEGATE,
  end: Imm.END,
  label: Imm.LABEL,
  branch: Imm.LABEL_HINTED,
  br_table: Imm.BR_TABLE,
  try_table: Imm.TRY_TABLE,
  br_on_cast: Imm.BR_ON_CAST,
  call: Imm.CALL,
  call_indirect: Imm.CALL_INDIRECT,
  call_ref: Imm.CALL_REF,
  ref_func: Imm.REF_FUNC,
  type: Imm.TYPE,
  local: Imm.LOCAL,
  global: Imm.GLOBAL,
  table: Imm.TABLE,
  table_set: Imm.TABLE_SET,
  table_grow: Imm.TABLE_GROW,
  table_fill: Imm.TABLE_FILL,
  tag: Imm.TAG,
  s32: Imm.S32,
  s64: Imm.S64,
  f32: Imm.F32,
  f64: Imm.F64,
  v128: Imm.V128,
  lane: Imm.LANE,
  mem: Imm.MEMARG,
  memlane: Imm.MEMARG_LANE,
  wait32: Imm.WAIT32,
  wait64: Imm.WAIT64,
  fence: Imm.FENCE,
  memory_size: Imm.MEMORY_SIZE,
  memory_grow: Imm.MEMORY_GROW,
  memory_init: Imm.MEMORY_INIT,
  memory_copy: Imm.MEMORY_COPY,
  memory_fill: Imm.MEMORY_FILL,
  data_drop: Imm.DATA_DROP,
  table_init: Imm.TABLE_INIT,
  table_copy: Imm.TABLE_COPY,
  elem_drop: Imm.ELEM_DROP,
  heap: Imm.HEAP_TYPE,
  types: Imm.SELECT_TYPED,
  field: Imm.STRUCT_FIELD,
  array_new: Imm.ARRAY_NEW,
  fixed: Imm.ARRAY_FIXED,
  array_data: Imm.ARRAY_DATA,
  array_elem: Imm.ARRAY_ELEM,
  array_fill: Imm.ARRAY_FILL,
  array_init_data: Imm.ARRAY_INIT_DATA,
  array_init_elem: Imm.ARRAY_INIT_ELEM,
  array_copy: Imm.ARRAY_COPY,
};

/** `rows` are runs of `name` or `name:kind`, each from its first opcode; `-` is a hole. */
function table(size: number, rows: readonly (readonly [number, string])[]): OpcodeTable {
  const kinds = new Uint8Array(size);
  const names: string[] = new Array(size).fill('');
  for (const [first, row] of rows) {
    let opcode = first;
    for (const word of row.split(' ')) {
      const [name = '', suffix = ''] = word.split(':');
      if (name !== '-') {
        kinds[opcode] = KIND_BY_SUFFIX[suffix]!;
        names[opcode] = name;
      }
      opcode += 1;
    }
  }
  return { kinds, names };
}

const COMPARE_INT = 'eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u';
const COMPARE_FLOAT = 'eq ne lt gt le ge';
const MATH_INT =
  'clz ctz popcnt add sub mul div_s div_u rem_s rem_u and or xor shl shr_s shr_u rotl rotr';
const MATH_FLOAT = 'abs neg ceil floor trunc nearest sqrt add sub mul div min max copysign';

function each(prefix: string, words: string, suffix: string = ''): string {
  return words
    .split(' ')
    .map((word) => (word === '-' ? '-' : `${prefix}.${word}${suffix}`))
    .join(' ');
}

export const PLAIN: OpcodeTable = table(256, [
  [0x00, 'unreachable nop block:block loop:loop if:if else:else try:try catch:catch throw:tag'],
  [0x09, 'rethrow:label throw_ref end:end br:label br_if:branch br_table:br_table return'],
  [0x10, 'call:call call_indirect:call_indirect return_call:call'],
  [0x13, 'return_call_indirect:call_indirect call_ref:call_ref return_call_ref:call_ref'],
  [0x18, 'delegate:delegate catch_all:catch_all drop select select:types'],
  [0x1f, 'try_table:try_table local.get:local local.set:local local.tee:local'],
  [0x23, 'global.get:global global.set:global table.get:table table.set:table_set'],
  [0x28, `${each('i32', 'load')}:mem i64.load:mem f32.load:mem f64.load:mem`],
  [0x2c, each('i32', 'load8_s load8_u load16_s load16_u', ':mem')],
  [0x30, each('i64', 'load8_s load8_u load16_s load16_u load32_s load32_u', ':mem')],
  [0x36, 'i32.store:mem i64.store:mem f32.store:mem f64.store:mem i32.store8:mem i32.store16:mem'],
  [0x3c, 'i64.store8:mem i64.store16:mem i64.store32:mem'],
  [0x3f, 'memory.size:memory_size memory.grow:memory_grow'],
  [0x41, 'i32.const:s32 i64.const:s64 f32.const:f32 f64.const:f64'],
  [0x45, `i32.eqz ${each('i32', COMPARE_INT)}`],
  [0x50, `i64.eqz ${each('i64', COMPARE_INT)}`],
  [0x5b, each('f32', COMPARE_FLOAT)],
  [0x61, each('f64', COMPARE_FLOAT)],
  [0x67, each('i32', MATH_INT)],
  [0x79, each('i64', MATH_INT)],
  [0x8b, each('f32', MATH_FLOAT)],
  [0x99, each('f64', MATH_FLOAT)],
  [0xa7, 'i32.wrap_i64 i32.trunc_f32_s i32.trunc_f32_u i32.trunc_f64_s i32.trunc_f64_u'],
  [0xac, 'i64.extend_i32_s i64.extend_i32_u i64.trunc_f32_s i64.trunc_f32_u'],
  [0xb0, 'i64.trunc_f64_s i64.trunc_f64_u f32.convert_i32_s f32.convert_i32_u'],
  [0xb4, 'f32.convert_i64_s f32.convert_i64_u f32.demote_f64 f64.convert_i32_s'],
  [0xb8, 'f64.convert_i32_u f64.convert_i64_s f64.convert_i64_u f64.promote_f32'],
  [0xbc, 'i32.reinterpret_f32 i64.reinterpret_f64 f32.reinterpret_i32 f64.reinterpret_i64'],
  [0xc0, 'i32.extend8_s i32.extend16_s i64.extend8_s i64.extend16_s i64.extend32_s'],
  [0xd0, 'ref.null:heap ref.is_null ref.func:ref_func ref.eq ref.as_non_null'],
  [0xd5, 'br_on_null:branch br_on_non_null:branch'],
]);

export const GC: OpcodeTable = table(0x20, [
  [0x00, 'struct.new:type struct.new_default:type struct.get:field struct.get_s:field'],
  [0x04, 'struct.get_u:field struct.set:field array.new:array_new array.new_default:array_new'],
  [0x08, 'array.new_fixed:fixed array.new_data:array_data array.new_elem:array_elem'],
  [0x0b, 'array.get:type array.get_s:type array.get_u:type array.set:type array.len'],
  [0x10, 'array.fill:array_fill array.copy:array_copy array.init_data:array_init_data'],
  [0x13, 'array.init_elem:array_init_elem ref.test:heap ref.test_null:heap ref.cast:heap'],
  [0x17, 'ref.cast_null:heap br_on_cast:br_on_cast br_on_cast_fail:br_on_cast'],
  [0x1a, 'any.convert_extern extern.convert_any ref.i31 i31.get_s i31.get_u'],
]);

export const NUMERIC: OpcodeTable = table(0x12, [
  [0x00, each('i32', 'trunc_sat_f32_s trunc_sat_f32_u trunc_sat_f64_s trunc_sat_f64_u')],
  [0x04, each('i64', 'trunc_sat_f32_s trunc_sat_f32_u trunc_sat_f64_s trunc_sat_f64_u')],
  [0x08, 'memory.init:memory_init data.drop:data_drop memory.copy:memory_copy'],
  [0x0b, 'memory.fill:memory_fill table.init:table_init elem.drop:elem_drop'],
  [0x0e, 'table.copy:table_copy table.grow:table_grow table.size:table table.fill:table_fill'],
]);

export const SIMD: OpcodeTable = table(0x114, [
  [0x00, each('v128', 'load load8x8_s load8x8_u load16x4_s load16x4_u load32x2_s', ':mem')],
  [0x06, each('v128', 'load32x2_u load8_splat load16_splat load32_splat load64_splat', ':mem')],
  [0x0b, 'v128.store:mem v128.const:v128 i8x16.shuffle:v128 i8x16.swizzle i8x16.splat'],
  [0x10, 'i16x8.splat i32x4.splat i64x2.splat f32x4.splat f64x2.splat'],
  [0x15, each('i8x16', 'extract_lane_s extract_lane_u replace_lane', ':lane')],
  [0x18, each('i16x8', 'extract_lane_s extract_lane_u replace_lane', ':lane')],
  [0x1b, 'i32x4.extract_lane:lane i32x4.replace_lane:lane i64x2.extract_lane:lane'],
  [0x1e, 'i64x2.replace_lane:lane f32x4.extract_lane:lane f32x4.replace_lane:lane'],
  [0x21, 'f64x2.extract_lane:lane f64x2.replace_lane:lane'],
  [0x23, each('i8x16', COMPARE_INT)],
  [0x2d, each('i16x8', COMPARE_INT)],
  [0x37, each('i32x4', COMPARE_INT)],
  [0x41, each('f32x4', COMPARE_FLOAT)],
  [0x47, each('f64x2', COMPARE_FLOAT)],
  [0x4d, 'v128.not v128.and v128.andnot v128.or v128.xor v128.bitselect v128.any_true'],
  [0x54, each('v128', 'load8_lane load16_lane load32_lane load64_lane', ':memlane')],
  [0x58, each('v128', 'store8_lane store16_lane store32_lane store64_lane', ':memlane')],
  [0x5c, 'v128.load32_zero:mem v128.load64_zero:mem f32x4.demote_f64x2_zero'],
  [0x5f, 'f64x2.promote_low_f32x4 i8x16.abs i8x16.neg i8x16.popcnt i8x16.all_true'],
  [0x64, 'i8x16.bitmask i8x16.narrow_i16x8_s i8x16.narrow_i16x8_u f32x4.ceil f32x4.floor'],
  [0x69, 'f32x4.trunc f32x4.nearest i8x16.shl i8x16.shr_s i8x16.shr_u i8x16.add'],
  [0x6f, 'i8x16.add_sat_s i8x16.add_sat_u i8x16.sub i8x16.sub_sat_s i8x16.sub_sat_u'],
  [0x74, 'f64x2.ceil f64x2.floor i8x16.min_s i8x16.min_u i8x16.max_s i8x16.max_u f64x2.trunc'],
  [0x7b, 'i8x16.avgr_u i16x8.extadd_pairwise_i8x16_s i16x8.extadd_pairwise_i8x16_u'],
  [0x7e, 'i32x4.extadd_pairwise_i16x8_s i32x4.extadd_pairwise_i16x8_u i16x8.abs i16x8.neg'],
  [0x82, 'i16x8.q15mulr_sat_s i16x8.all_true i16x8.bitmask i16x8.narrow_i32x4_s'],
  [0x86, 'i16x8.narrow_i32x4_u i16x8.extend_low_i8x16_s i16x8.extend_high_i8x16_s'],
  [0x89, 'i16x8.extend_low_i8x16_u i16x8.extend_high_i8x16_u i16x8.shl i16x8.shr_s'],
  [0x8d, 'i16x8.shr_u i16x8.add i16x8.add_sat_s i16x8.add_sat_u i16x8.sub i16x8.sub_sat_s'],
  [0x93, 'i16x8.sub_sat_u f64x2.nearest i16x8.mul i16x8.min_s i16x8.min_u i16x8.max_s'],
  [0x99, 'i16x8.max_u - i16x8.avgr_u i16x8.extmul_low_i8x16_s i16x8.extmul_high_i8x16_s'],
  [0x9e, 'i16x8.extmul_low_i8x16_u i16x8.extmul_high_i8x16_u i32x4.abs i32x4.neg -'],
  [0xa3, 'i32x4.all_true i32x4.bitmask - - i32x4.extend_low_i16x8_s i32x4.extend_high_i16x8_s'],
  [0xa9, 'i32x4.extend_low_i16x8_u i32x4.extend_high_i16x8_u i32x4.shl i32x4.shr_s'],
  [0xad, 'i32x4.shr_u i32x4.add - - i32x4.sub - - - i32x4.mul i32x4.min_s i32x4.min_u'],
  [0xb8, 'i32x4.max_s i32x4.max_u i32x4.dot_i16x8_s - i32x4.extmul_low_i16x8_s'],
  [0xbd, 'i32x4.extmul_high_i16x8_s i32x4.extmul_low_i16x8_u i32x4.extmul_high_i16x8_u'],
  [0xc0, 'i64x2.abs i64x2.neg - i64x2.all_true i64x2.bitmask - - i64x2.extend_low_i32x4_s'],
  [0xc8, 'i64x2.extend_high_i32x4_s i64x2.extend_low_i32x4_u i64x2.extend_high_i32x4_u'],
  [0xcb, 'i64x2.shl i64x2.shr_s i64x2.shr_u i64x2.add - - i64x2.sub - - - i64x2.mul'],
  [0xd6, 'i64x2.eq i64x2.ne i64x2.lt_s i64x2.gt_s i64x2.le_s i64x2.ge_s'],
  [0xdc, 'i64x2.extmul_low_i32x4_s i64x2.extmul_high_i32x4_s i64x2.extmul_low_i32x4_u'],
  [0xdf, 'i64x2.extmul_high_i32x4_u f32x4.abs f32x4.neg - f32x4.sqrt f32x4.add f32x4.sub'],
  [0xe6, 'f32x4.mul f32x4.div f32x4.min f32x4.max f32x4.pmin f32x4.pmax f64x2.abs f64x2.neg'],
  [0xee, '- f64x2.sqrt f64x2.add f64x2.sub f64x2.mul f64x2.div f64x2.min f64x2.max f64x2.pmin'],
  [0xf7, 'f64x2.pmax i32x4.trunc_sat_f32x4_s i32x4.trunc_sat_f32x4_u f32x4.convert_i32x4_s'],
  [0xfb, 'f32x4.convert_i32x4_u i32x4.trunc_sat_f64x2_s_zero i32x4.trunc_sat_f64x2_u_zero'],
  [0xfe, 'f64x2.convert_low_i32x4_s f64x2.convert_low_i32x4_u i8x16.relaxed_swizzle'],
  [0x101, each('i32x4', 'relaxed_trunc_f32x4_s relaxed_trunc_f32x4_u')],
  [0x103, each('i32x4', 'relaxed_trunc_f64x2_s_zero relaxed_trunc_f64x2_u_zero')],
  [0x105, 'f32x4.relaxed_madd f32x4.relaxed_nmadd f64x2.relaxed_madd f64x2.relaxed_nmadd'],
  [0x109, 'i8x16.relaxed_laneselect i16x8.relaxed_laneselect i32x4.relaxed_laneselect'],
  [0x10c, 'i64x2.relaxed_laneselect f32x4.relaxed_min f32x4.relaxed_max f64x2.relaxed_min'],
  [0x110, 'f64x2.relaxed_max i16x8.relaxed_q15mulr_s i16x8.relaxed_dot_i8x16_i7x16_s'],
  [0x113, 'i32x4.relaxed_dot_i8x16_i7x16_add_s'],
]);

function atomicRmw(name: string): string {
  const narrow = '8.@_u 16.@_u'.replaceAll('@', name).split(' ');
  return [
    `i32.atomic.rmw.${name}`,
    `i64.atomic.rmw.${name}`,
    ...narrow.map((word) => `i32.atomic.rmw${word}`),
    ...narrow.map((word) => `i64.atomic.rmw${word}`),
    `i64.atomic.rmw32.${name}_u`,
  ]
    .map((word) => `${word}:mem`)
    .join(' ');
}

export const ATOMIC: OpcodeTable = table(0x4f, [
  [0x00, 'memory.atomic.notify:mem memory.atomic.wait32:wait32 memory.atomic.wait64:wait64'],
  [0x03, 'atomic.fence:fence'],
  [0x10, 'i32.atomic.load:mem i64.atomic.load:mem i32.atomic.load8_u:mem'],
  [0x13, 'i32.atomic.load16_u:mem i64.atomic.load8_u:mem i64.atomic.load16_u:mem'],
  [0x16, 'i64.atomic.load32_u:mem i32.atomic.store:mem i64.atomic.store:mem'],
  [0x19, 'i32.atomic.store8:mem i32.atomic.store16:mem i64.atomic.store8:mem'],
  [0x1c, 'i64.atomic.store16:mem i64.atomic.store32:mem'],
  [0x1e, atomicRmw('add')],
  [0x25, atomicRmw('sub')],
  [0x2c, atomicRmw('and')],
  [0x33, atomicRmw('or')],
  [0x3a, atomicRmw('xor')],
  [0x41, atomicRmw('xchg')],
  [0x48, atomicRmw('cmpxchg')],
]);

/** The tables behind the prefix bytes. */
export const PREFIXED: ReadonlyMap<number, OpcodeTable> = new Map([
  [0xfb, GC],
  [0xfc, NUMERIC],
  [0xfd, SIMD],
  [0xfe, ATOMIC],
]);
