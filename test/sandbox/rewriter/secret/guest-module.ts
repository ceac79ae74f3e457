// A guest made of places: `dirty` hides the secret in one after the other and ends as it is told to, `look.i.j` look.

import { COMMON, type Place, TYPES } from './place.ts';
import { makePlace, type Shape } from './places.ts';

/** By number: what `dirty` is told. Those behind `return` are code of `$finish`. */
export const ENDINGS = {
  return: '(return)',
  exception: '(throw $e (i64.const 0x5ec4e75ec4e7a11d))',
  unreachable: '(unreachable)',
  division_by_zero: '(drop (i32.div_u (i32.const 1) (call $zero)))',
  integer_overflow:
    '(drop (i32.div_s (i32.const 0x80000000) (i32.sub (call $zero) (i32.const 1))))',
  float_to_integer:
    '(drop (i32.trunc_f32_s (f32.div (f32.const 0) (f32.convert_i32_s (call $zero)))))',
  memory_out_of_bounds: '(drop (i32.load $scratch (i32.sub (call $zero) (i32.const 4))))',
  fill_out_of_bounds:
    '(memory.fill $scratch (i32.const 0) (i32.const 0x5e) (i32.sub (call $zero) (i32.const 1)))',
  table_out_of_bounds: '(drop (table.get $nulls (i32.const 9)))',
  null_function: '(drop (call_indirect $nulls (type $id) (call $zero)))',
  wrong_function: '(drop (call_indirect $others (type $id) (call $zero)))',
  null_reference: '(drop (struct.get $box 0 (block (result (ref null $box)) (ref.null none))))',
  failed_cast: '(drop (ref.cast (ref $box) (call $any)))',
  array_out_of_bounds:
    '(array.set $words (array.new_default $words (call $zero)) (call $zero) (i64.const 1))',
  array_too_large: '(drop (array.new_default $words (i32.sub (call $zero) (i32.const 1))))',
  segment_out_of_bounds:
    '(drop (array.new_data $bytes $text (i32.const 9) (i32.sub (call $zero) (i32.const 1))))',
  stack_overflow: '(drop (call $deep (i64.const 0)))',
  killed: '(call $raise) (loop $l (br $l))',
  killed_in_a_try:
    '(block $caught (try_table (catch_all $caught) (call $raise) (loop $l (br $l)))) (return)',
  // Raised by the call of $bulk in front of a bulk instruction; a guest that comes this far dies here.
  killed_in_a_bulk_instruction: '(call $raise) (loop $l (br $l))',
} as const;

export type Ending = keyof typeof ENDINGS;
const ENDING_NAMES = Object.keys(ENDINGS) as Ending[];

export interface GuestModule {
  readonly wat: string;
  readonly places: readonly Place[];
}

export function endingNumber(ending: Ending): number {
  return ENDING_NAMES.indexOf(ending);
}

/** One case of `br_table` for each ending. */
function finish(): string {
  let code = `(br_table ${ENDING_NAMES.map((_, at) => `$end${at}`).join(' ')} (local.get $ending))`;
  for (const [at, name] of ENDING_NAMES.entries()) {
    code = `(block $end${at} ${code}) ${ENDINGS[name]} (unreachable)`;
  }
  return `(func $finish (param $ending i32) ${code})`;
}

export function composeGuest(shapes: readonly Shape[]): GuestModule {
  const places = shapes.map((shape, index) => makePlace(index, shape));
  const imported = places.filter(({ provided }) => provided !== undefined);
  const defined = places.filter(({ provided }) => provided === undefined);
  const steps = places.map(
    (_, index) => `(if (i32.eq (local.get $at) (i32.const ${index}))
      (then (call $finish (local.get $ending)) (return))) (call $hide${index})`,
  );
  const grow = (index: number): string => {
    const { memory } = places[index]!;
    if (memory === undefined) return '';
    const type = memory.wide ? 'i64' : 'i32';
    return `(func (export "grow.${index}") (param ${type}) (result ${type}) (memory.grow $m${index} (local.get 0)))`;
  };
  const functions = places.map(({ hide, looks }, index) => {
    const each = looks.map(
      ({ code }, at) => `(func (export "look.${index}.${at}") (param i32) (result i64) ${code})`,
    );
    return `(func $hide${index} ${hide}) ${each.join('\n')} ${grow(index)}`;
  });
  const wat = `(module ${TYPES}
    (import "test" "raise" (func $raise))
    (import "test" "bulk" (func $bulk (param i32)))
    (import "test" "thing" (func $thing (result externref)))
    (import "test" "identify" (func $identify (param externref) (result i64)))
    ${imported.map(({ definition }) => definition).join('\n')}
    ${COMMON}
    ${defined.map(({ definition }) => definition).join('\n')}
    ${places.map(({ fields }) => fields).join('\n')}
    (memory $scratch 1 1)
    (data $text "text")
    (func $zero (result i32) (i32.const 0))
    (func $any (result anyref) (ref.i31 (i32.const 1)))
    (func $deep (param i64) (result i64)
      (i64.add (local.get 0) (call $deep (i64.add (local.get 0) (i64.const 1)))))
    ${finish()}
    (func (export "handle"))
    (func (export "dirty") (param $ending i32) (param $at i32) ${steps.join('\n')}
      (call $finish (local.get $ending)))
    ${functions.join('\n')})`;
  return { wat, places };
}
