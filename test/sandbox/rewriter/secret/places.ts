// The places where a guest can keep something: each a piece of a module that hides the secret there, and functions that
// look. The look functions give numbers only, so that the module as it was and the rewritten one can be compared.

import {
  type Look,
  type Place,
  type Provided,
  SECRET,
  SECRET_BYTE,
  SECRET_FILL,
  SECRET_I31,
  SECRET_I32,
} from './place.ts';

/** Numbers that a place takes its shape from. */
export interface Shape {
  readonly kind: keyof typeof KINDS;
  readonly a: number;
  readonly b: number;
  readonly c: number;
}

const LONG_TABLE = 3000;
const LONG_ARRAY = 40_000;

const NO_ARGS: readonly number[] = [0];

function place(part: Partial<Place>): Place {
  return {
    provided: undefined,
    definition: '',
    fields: '',
    hide: '',
    looks: [],
    servesOnce: false,
    ...part,
  };
}

function from(index: number): string {
  return `(import "state" "x${index}")`;
}

function providedGlobal(type: string): Provided {
  return { kind: 'global', type, limits: [0, 0], wide: false, shared: false };
}

/** The loop `for (at = 0; at < end; at += step)`, over an address type. */
function each(type: string, step: number, body: string): string {
  return `(block $done (loop $next
    (br_if $done (${type}.ge_u (local.get $at) (local.get $end)))
    ${body}
    (local.set $at (${type}.add (local.get $at) (${type}.const ${step})))
    (br $next)))`;
}

function memory(index: number, { a, b, c }: Shape): Place {
  const wide = a % 3 === 2;
  const shared = a % 5 === 4;
  const isImported = b % 5 === 1;
  const minPages = b % 4;
  const growPages = c % 3 === 2 ? 1 + (c % 2) : 0;
  const type = wide ? 'i64' : 'i32';
  const m = `$m${index}`;
  const limits = `${wide ? 'i64 ' : ''}${minPages} ${minPages + 4}${shared ? ' shared' : ''}`;
  const bytes = `(${type}.mul (memory.size ${m}) (${type}.const 65536))`;
  const walk = (body: string): string => `(local $at ${type}) (local $end ${type}) (local $r i64)
    (local.set $end ${bytes}) ${each(type, 8, body)} (local.get $r)`;
  const word = `(i64.load ${m} (local.get $at))`;
  const active =
    minPages === 0
      ? ''
      : `(data (memory ${m}) (${type}.const 5) "active ${index}") (data (memory ${m}) (${type}.const ${minPages * 65_536 - 4}) "last")`;
  return place({
    provided: isImported
      ? { kind: 'memory', type: '', limits: [minPages, minPages + 4], wide, shared }
      : undefined,
    definition: `(memory ${m} ${isImported ? from(index) : ''} ${limits})`,
    fields: `(export "x${index}" (memory ${m})) ${active}`,
    hide: `(local $at ${type}) (local $end ${type})
      (drop (memory.grow ${m} (${type}.const ${growPages})))
      (local.set $end ${bytes})
      (if (${type}.eqz (local.get $end)) (then (return)))
      (i64.store ${m} (${type}.const 0) (i64.const ${SECRET}))
      (call $bulk (i32.const ${index}))
      (memory.fill ${m} (${type}.const 8) (i32.const ${SECRET_BYTE}) (${type}.sub (local.get $end) (${type}.const 8)))
      (call $bulk (i32.const ${index}))
      (memory.copy ${m} ${m} (${type}.const 3) (${type}.const 0) (${type}.sub (local.get $end) (${type}.const 3)))
      (local.set $end (${type}.sub (local.get $end) (${type}.const 16)))
      ${each(type, 4093, `(i64.store ${m} (local.get $at) (i64.const ${SECRET}))`)}
      (v128.store ${m} (local.get $end) (i64x2.splat (i64.const ${SECRET})))`,
    looks: [
      {
        code: walk(
          `(local.set $r (i64.xor (i64.rotl (local.get $r) (i64.const 5)) (i64.mul ${word} (i64.const 0x9e3779b97f4a7c15))))`,
        ),
        args: NO_ARGS,
      },
      {
        code: walk(`(if (i32.or (i64.eq ${word} (i64.const ${SECRET_FILL})) (i64.eq ${word} (i64.const ${SECRET})))
          (then (local.set $r ${word})))`),
        args: NO_ARGS,
      },
      {
        code: wide ? `(memory.size ${m})` : `(i64.extend_i32_u (memory.size ${m}))`,
        args: NO_ARGS,
      },
    ],
    memory: { minPages, wide },
  });
}

const NUMBERS = [
  {
    type: 'i32',
    secret: `(i32.const ${SECRET_I32})`,
    read: (get: string) => `(i64.extend_i32_u ${get})`,
  },
  { type: 'i64', secret: `(i64.const ${SECRET})`, read: (get: string) => get },
  {
    type: 'f32',
    secret: `(f32.reinterpret_i32 (i32.const ${SECRET_I32}))`,
    read: (get: string) => `(i64.extend_i32_u (i32.reinterpret_f32 ${get}))`,
  },
  {
    type: 'f64',
    secret: `(f64.reinterpret_i64 (i64.const ${SECRET}))`,
    read: (get: string) => `(i64.reinterpret_f64 ${get})`,
  },
] as const;

function number(index: number, { a, b, c }: Shape): Place {
  const { type, secret, read } = NUMBERS[a % NUMBERS.length]!;
  const g = `$g${index}`;
  const isImported = b % 4 === 1;
  const isExported = b % 2 === 0;
  return place({
    provided: isImported ? providedGlobal(type) : undefined,
    definition: `(global ${g} ${isImported ? from(index) : ''} (mut ${type}) ${isImported ? '' : `(${type}.const ${c % 100})`})`,
    fields: `${isExported || isImported ? `(export "x${index}" (global ${g}))` : ''}`,
    hide: `(global.set ${g} ${secret})`,
    looks: [{ code: read(`(global.get ${g})`), args: NO_ARGS }],
    ...(isExported || isImported ? { writable: type } : {}),
  });
}

function vector(index: number, { a, b }: Shape): Place {
  const g = `$g${index}`;
  const replace = `(i64x2.replace_lane ${a % 2} (global.get ${g}) (i64.const ${SECRET}))`;
  return place({
    fields: `(global ${g} (mut v128) (v128.const i64x2 1 2)) ${b % 2 ? `(export "x${index}" (global ${g}))` : ''}`,
    hide: `(global.set ${g} ${replace})`,
    looks: [
      { code: `(i64x2.extract_lane 0 (global.get ${g}))`, args: NO_ARGS },
      { code: `(i64x2.extract_lane 1 (global.get ${g}))`, args: NO_ARGS },
    ],
  });
}

const NEW_BOX = `(struct.new $box (i64.const ${SECRET}) (struct.new $box (i64.const ${SECRET}) (ref.null none)))`;

/** Reference types of a global: initializer, how the secret comes in, what a look sees. */
const REFERENCES = [
  {
    type: 'funcref',
    init: '(ref.null func)',
    hide: (g: string) => `(global.set ${g} (ref.func $hidden))`,
    look: (g: string) => `(call $who (global.get ${g}))`,
  },
  {
    type: '(ref $id)',
    init: '(ref.func $plain_a)',
    hide: (g: string) => `(global.set ${g} (ref.func $hidden))`,
    look: (g: string) => `(call_ref $id (global.get ${g}))`,
  },
  {
    type: 'externref',
    init: '(ref.null extern)',
    hide: (g: string) => `(global.set ${g} (call $thing))`,
    look: (g: string) => `(call $identify (global.get ${g}))`,
  },
  {
    type: 'anyref',
    init: '(ref.i31 (i32.const 5))',
    hide: (g: string) => `(global.set ${g} (ref.i31 (i32.const ${SECRET_I31})))`,
    look: (g: string) => `(i64.extend_i32_u (i31.get_u (ref.cast (ref i31) (global.get ${g}))))`,
  },
  {
    type: 'eqref',
    init: '(ref.null none)',
    hide: (g: string) => `(global.set ${g} ${NEW_BOX})`,
    look: (g: string) => `(call $nth (ref.cast (ref null $box) (global.get ${g})) (local.get 0))`,
  },
  {
    type: '(ref null $box)',
    init: '(struct.new $box (i64.const 7) (ref.null none))',
    hide: (g: string) =>
      `(struct.set $box 0 (global.get ${g}) (i64.const ${SECRET})) (struct.set $box 1 (global.get ${g}) ${NEW_BOX})`,
    look: (g: string) => `(call $nth (global.get ${g}) (local.get 0))`,
  },
  {
    type: 'exnref',
    init: '(ref.null exn)',
    hide: (g: string) => `(global.set ${g} (block $h (result exnref)
      (try_table (catch_all_ref $h) (throw $e (i64.const ${SECRET}))) (unreachable)))`,
    look: (g: string) => `(block $p (result i64)
      (if (ref.is_null (global.get ${g})) (then (return (i64.const 0))))
      (try_table (result i64) (catch $e $p) (throw_ref (global.get ${g}))))`,
  },
] as const;

function reference(index: number, { a, b }: Shape): Place {
  const { type, init, hide, look } = REFERENCES[a % REFERENCES.length]!;
  const g = `$g${index}`;
  const isImported = type === 'funcref' && b % 3 === 1;
  const isExported = b % 2 === 0;
  const writable = type === 'funcref' ? 'func' : type === 'externref' ? 'extern' : undefined;
  return place({
    provided: isImported ? providedGlobal(type) : undefined,
    definition: `(global ${g} ${isImported ? from(index) : ''} (mut ${type}) ${isImported ? '' : init})`,
    fields: `${isExported ? `(export "x${index}" (global ${g}))` : ''}`,
    hide: hide(g),
    looks: [{ code: look(g), args: [0, 1, 2] }],
    ...(isExported && writable !== undefined ? { writable } : {}),
  });
}

/** A long array that a mutable global leads to, filled and copied in parts. */
function words(index: number, { a }: Shape): Place {
  const g = `$g${index}`;
  const walk = (body: string): string => `(local $at i32) (local $end i32) (local $r i64)
    (local.set $end (array.len (global.get ${g}))) ${each('i32', 1, body)} (local.get $r)`;
  const word = `(array.get $words (global.get ${g}) (local.get $at))`;
  return place({
    fields: `(global ${g} (mut (ref null $words)) (array.new $words (i64.const 9) (i32.const ${LONG_ARRAY})))`,
    hide: `(array.set $words (global.get ${g}) (i32.const ${a % LONG_ARRAY}) (i64.const ${SECRET}))
      (call $bulk (i32.const ${index}))
      (array.fill $words (global.get ${g}) (i32.const 0) (i64.const ${SECRET}) (i32.const ${LONG_ARRAY}))
      (call $bulk (i32.const ${index}))
      (array.copy $words $words (global.get ${g}) (i32.const 5) (global.get ${g}) (i32.const 0) (i32.const ${LONG_ARRAY - 5}))`,
    looks: [
      {
        code: walk(`(if (i64.eq ${word} (i64.const ${SECRET})) (then (local.set $r ${word})))`),
        args: NO_ARGS,
      },
      { code: walk(`(local.set $r (i64.add (local.get $r) ${word}))`), args: NO_ARGS },
    ],
  });
}

const ELEMENTS = [
  {
    type: 'funcref',
    init: '',
    secret: '(ref.func $hidden)',
    look: (element: string) => `(call $who ${element})`,
  },
  {
    type: '(ref $id)',
    init: '(ref.func $plain_b)',
    secret: '(ref.func $hidden)',
    look: (element: string) => `(call $who ${element})`,
  },
  {
    type: 'externref',
    init: '',
    secret: '(call $thing)',
    look: (element: string) => `(call $identify ${element})`,
  },
  {
    type: '(ref null $box)',
    init: '(struct.new $box (i64.const 3) (ref.null none))',
    secret: NEW_BOX,
    look: (element: string) => `(call $nth ${element} (local.get 0))`,
  },
] as const;

const TABLE_OPS = ['set', 'fill', 'copy', 'init', 'grow', 'all', 'change'] as const;

/** One instruction that writes a table, or all of them: each alone has to make reset restore it. */
function table(index: number, { a, b, c }: Shape): Place {
  const { type, init, secret, look } = ELEMENTS[a % ELEMENTS.length]!;
  const isFunction = type === 'funcref' || type === '(ref $id)';
  const wide = b % 3 === 2;
  const isImported = type === 'funcref' && b % 4 === 1;
  const elements = c % 3 === 1 ? LONG_TABLE : 3 + (c % 2);
  const drawn = TABLE_OPS[c % TABLE_OPS.length]!;
  const changes = type === '(ref null $box)';
  const only =
    drawn === 'change' && !changes
      ? 'set'
      : // There is nothing to copy from where it is not functions.
        !isFunction && (drawn === 'copy' || drawn === 'init')
        ? 'fill'
        : drawn;
  const t = `$t${index}`;
  const address = wide ? 'i64' : 'i32';
  const at = (value: number): string => `(${address}.const ${value})`;
  const limits = `${wide ? 'i64 ' : ''}${elements} ${elements + 9} ${type}`;
  const does = (op: (typeof TABLE_OPS)[number]): boolean => only === op || only === 'all';
  const bulk = `(call $bulk (i32.const ${index}))`;
  const hasSegment = type === 'funcref' && b % 2 === 0;
  // An object of the table's initializer is changed where it is: no instruction writes the table.
  const inPlace = changes
    ? `(struct.set $box 0 (table.get ${t} ${at(1)}) (i64.const ${SECRET}))`
    : '';
  const source = isFunction
    ? `(table $u${index} ${limits} (ref.func $hidden)) (elem $q${index} ${type} (item (ref.func $hidden)) (item (ref.func $hidden)))`
    : '';
  const hides = [
    inPlace,
    does('set') ? `(table.set ${t} ${at(2)} ${secret})` : '',
    does('copy') && isFunction
      ? `${bulk} (table.copy ${t} $u${index} ${at(1)} ${at(0)} ${at(elements - 1)})`
      : '',
    does('init') && isFunction
      ? `(table.init ${t} $q${index} ${at(0)} (i32.const 0) (i32.const 2)) (elem.drop $q${index})`
      : '',
    does('fill') ? `${bulk} (table.fill ${t} ${at(0)} ${secret} ${at(elements)})` : '',
    does('grow') ? `(drop (table.grow ${t} ${secret} ${at(b % 5 === 0 ? 0 : 1)}))` : '',
    does('all') && !isFunction
      ? `(table.set ${t} ${at(0)} ${secret}) ${bulk} (table.copy ${t} ${t} ${at(1)} ${at(0)} ${at(elements - 1)})`
      : '',
  ];
  const walk = (
    body: string,
  ): string => `(local $at ${address}) (local $end ${address}) (local $r i64)
    (local.set $end (table.size ${t})) ${each(address, 1, body)} (local.get $r)`;
  const element = look(`(table.get ${t} (local.get $at))`);
  const looks: Look[] = [
    {
      code: walk(`(if (i64.gt_u ${element} (i64.const 1000000)) (then (local.set $r ${element})))`),
      args: [0, 1],
    },
    {
      code: walk(`(local.set $r (i64.add (i64.rotl (local.get $r) (i64.const 5)) ${element}))`),
      args: NO_ARGS,
    },
    { code: wide ? `(table.size ${t})` : `(i64.extend_i32_u (table.size ${t}))`, args: NO_ARGS },
  ];
  if (does('init') && isFunction) {
    looks.push({
      // It holds the distinctive function by right: only whether it is there is looked at.
      code: `(drop (array.new_elem $functions $q${index} (i32.const 0) (i32.const 2))) (i64.const 1)`,
      args: NO_ARGS,
    });
  }
  return place({
    provided: isImported
      ? { kind: 'table', type, limits: [elements, elements + 9], wide, shared: false }
      : undefined,
    definition: `(table ${t} ${isImported ? from(index) : ''} ${limits} ${isImported ? '' : init})`,
    fields: `(export "x${index}" (table ${t})) ${source}
      ${hasSegment ? `(elem (table ${t}) ${at(1)} func $plain_a $plain_b)` : ''}`,
    hide: hides.join('\n'),
    looks,
    table: { elements, sizeLook: 2 },
    ...(only === 'all' && isFunction ? { writable: 'func' as const } : {}),
    ...(only === 'all' && type === 'externref' ? { writable: 'extern' as const } : {}),
  });
}

/** A segment that is dropped: whether it is still there is a bit that must not pass to the next. */
function segment(index: number, { a }: Shape): Place {
  if (a % 2 === 0) {
    const text = `passive ${index}`;
    const array = `(array.new_data $bytes $s${index} (i32.const 0) (i32.const ${text.length}))`;
    return place({
      fields: `(data $s${index} "${text}")`,
      hide: `(data.drop $s${index})`,
      looks: [
        { code: `(i64.extend_i32_u (array.get_u $bytes ${array} (i32.const 8)))`, args: NO_ARGS },
      ],
    });
  }
  const array = `(array.new_elem $functions $s${index} (i32.const 0) (i32.const 2))`;
  return place({
    fields: `(elem $s${index} func $plain_a $plain_b)`,
    hide: `(elem.drop $s${index})`,
    looks: [{ code: `(call $who (array.get $functions ${array} (local.get 0)))`, args: [0, 1] }],
  });
}

/** Objects that instantiation alone can make: such an instance serves once. */
function constant(index: number, { a }: Shape): Place {
  if (a % 2 === 0) {
    const c = `$c${index}`;
    return place({
      fields: `(global ${c} (ref $box) (struct.new $box (i64.const 3) (ref.null none)))`,
      hide: `(struct.set $box 0 (global.get ${c}) (i64.const ${SECRET}))`,
      looks: [{ code: `(struct.get $box 0 (global.get ${c}))`, args: NO_ARGS }],
      servesOnce: true,
    });
  }
  const get = `(ref.cast (ref null $box) (table.get $c${index} (i32.const 0)))`;
  return place({
    fields: `(table $c${index} 1 1 (ref null $box))
      (elem (table $c${index}) (i32.const 0) (ref $box) (item (struct.new $box (i64.const 3) (ref.null none))))`,
    hide: `(struct.set $box 0 ${get} (i64.const ${SECRET}))`,
    looks: [{ code: `(call $nth ${get} (i32.const 0))`, args: NO_ARGS }],
    servesOnce: true,
  });
}

export const KINDS = {
  memory,
  number,
  vector,
  reference,
  words,
  table,
  segment,
  constant,
} as const;

export function makePlace(index: number, shape: Shape): Place {
  return KINDS[shape.kind](index, shape);
}
