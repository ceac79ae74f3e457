// What a place is, the secret itself, and what all guests made of places have.

export const SECRET = 0x5ec4_e75e_c4e7_a11dn;
export const SECRET_I32 = 0x5ec4_e75e;
export const SECRET_I31 = 0x1ec4_e75e;
/** What memory is filled with. */
export const SECRET_BYTE = 0x5e;
export const SECRET_FILL = 0x5e5e_5e5e_5e5e_5e5en;
/** What the distinctive function and the distinctive host object are known by. */
export const HIDDEN = 0x5ec4_e700_00f0n;
export const THING = 0x5ec4_e700_00e0n;

/** Any of these in what a look gives is a leak. */
export const SECRETS: ReadonlySet<bigint> = new Set([
  ...[SECRET, SECRET_FILL, HIDDEN, THING],
  ...[BigInt(SECRET_I32), BigInt(SECRET_I31)],
]);

export interface Look {
  /** A function `(param i32) (result i64)`, without its head. */
  readonly code: string;
  readonly args: readonly number[];
}

/** What the host provides for an import `state.x<index>`. */
export interface Provided {
  readonly kind: 'global' | 'table' | 'memory';
  readonly type: string;
  readonly limits: readonly [min: number, max: number];
  readonly wide: boolean;
  readonly shared: boolean;
}

export interface Place {
  readonly provided: Provided | undefined;
  /** Its definition, which for an import has to come before all that are none; and what belongs to it. */
  readonly definition: string;
  readonly fields: string;
  /** Body of a function that hides the secret: locals, then code. */
  readonly hide: string;
  readonly looks: readonly Look[];
  /** Where reset is not expected to serve again. */
  readonly servesOnce: boolean;
  readonly memory?: { readonly minPages: number; readonly wide: boolean };
  /** Elements to begin with, and which look gives the number of them now. */
  readonly table?: { readonly elements: number; readonly sizeLook: number };
  /** What JavaScript can write through the export `x<index>`. */
  readonly writable?: 'i32' | 'i64' | 'f32' | 'f64' | 'func' | 'extern';
}

/** Types and functions that all places share. */
export const COMMON = `
  (tag $e (param i64))
  (table $nulls 1 funcref)
  (func $plain_a (type $id) (i64.const 101))
  (func $plain_b (type $id) (i64.const 102))
  (func $hidden (export "hidden") (type $id) (i64.const ${HIDDEN}))
  (func $two (param i32) (result i32) (local.get 0))
  (table $others 1 1 funcref) (elem $kept (table $others) (i32.const 0) func $two)
  (elem declare func $plain_a $plain_b $hidden)
  (func $who (param funcref) (result i64)
    (if (ref.is_null (local.get 0)) (then (return (i64.const 0))))
    (call_ref $id (ref.cast (ref $id) (local.get 0))))
  (func $nth (param $box (ref null $box)) (param $n i32) (result i64)
    (loop $l
      (if (ref.is_null (local.get $box)) (then (return (i64.const -1))))
      (if (i32.eqz (local.get $n)) (then (return (struct.get $box 0 (local.get $box)))))
      (local.set $n (i32.sub (local.get $n) (i32.const 1)))
      (local.set $box (struct.get $box 1 (local.get $box)))
      (br $l))
    (unreachable))`;

export const TYPES = `
  (type $id (func (result i64)))
  (type $box (struct (field (mut i64)) (field (mut (ref null $box)))))
  (type $words (array (mut i64)))
  (type $bytes (array (mut i8)))
  (type $functions (array (mut funcref)))`;
