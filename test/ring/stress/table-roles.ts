/** Threads that read and write a table. Values tell whose they are: key, length and content belong together. */
import {
  attachRing,
  EMPTY,
  FULL,
  RETRY,
  TABLE,
  TABLE_MODE,
  Table,
} from '../../../src/ring/index.ts';
import type { Patience } from './patience.ts';
import type { Numbers, Role, RoleContext } from './role.ts';

/** Own cell of the signals: the time, as far as who writes entries that end has come. */
const CLOCK = 0;
const NEVER = Number.POSITIVE_INFINITY;
/** Bytes in front of the filling: key, tenant, and what the filling is made of. */
const HEAD_BYTES = 6;
export const VALUE_BYTES_MAX = 1000;

function tableOf(context: RoleContext): Table {
  return Table.attach(context.memory, context.at('table'), context.number);
}

function putKey(table: Table, key: number): void {
  table.putKey(Uint8Array.of(107, key & 255, key >> 8), 0, 3);
}

/** A value of any length that says what it is. */
function someValue(context: RoleContext, key: number, tenant: number): Uint8Array {
  const { random } = context;
  const bytes = new Uint8Array(HEAD_BYTES + random.below(VALUE_BYTES_MAX - HEAD_BYTES + 1));
  const seed = random.below(256);
  bytes.set([key & 255, key >> 8, tenant, seed, bytes.length & 255, bytes.length >> 8]);
  for (let i = HEAD_BYTES; i < bytes.length; i++) bytes[i] = (seed + i) & 255;
  return bytes;
}

/** Throws unless all of it is one value, and that one of this key. */
function checkValue(table: Table, length: number, key: number, tenant: number): void {
  const value = table.u8.subarray(table.valueAt, table.valueAt + length);
  const [low, high, owner, seed = 0, short = 0, long = 0] = value;
  if (low !== (key & 255) || high !== key >> 8 || owner !== tenant)
    throw new Error(`key ${key} of tenant ${tenant} has a value of ${low}, ${high}, ${owner}`);
  if (short + 256 * long !== length)
    throw new Error(`a value of ${short + 256 * long} bytes was read as ${length}`);
  for (let i = HEAD_BYTES; i < length; i++) {
    if (value[i] !== ((seed + i) & 255))
      throw new Error(`byte ${i} of ${length} is another value's`);
  }
}

function insist(patience: Patience, operation: () => number): number {
  for (;;) {
    const answer = operation();
    if (answer !== RETRY) return answer;
    patience.wait();
  }
}

/** Reads until all writers have ended. */
function reader(context: RoleContext): Numbers {
  const table = tableOf(context);
  const { random, signals, patience } = context;
  let read = 0;
  while (signals.ended < context.option('writers')) {
    const key = random.below(context.option('keys'));
    const tenant = random.below(table.tenants);
    putKey(table, key);
    const length = table.get(tenant, 0, VALUE_BYTES_MAX);
    if (length >= 0) {
      checkValue(table, length, key, tenant);
      read++;
    } else if (length === RETRY) patience.wait();
    else if (length !== EMPTY) throw new Error(`get answered ${length}`);
  }
  return { read };
}

/** Sets, inserts and deletes. */
function writer(context: RoleContext): Numbers {
  const table = tableOf(context);
  const { random, signals, patience } = context;
  let written = 0;
  let refused = 0;
  while (!signals.isStopped || written < context.option('least')) {
    random.dawdle();
    const key = random.below(context.option('keys'));
    const tenant = random.below(table.tenants);
    const mode = [TABLE_MODE.SET, TABLE_MODE.SET, TABLE_MODE.INSERT, TABLE_MODE.DELETE][
      random.below(4)
    ] as (typeof TABLE_MODE)[keyof typeof TABLE_MODE];
    putKey(table, key);
    const value = someValue(context, key, tenant);
    table.putValue(value, 0, value.length);
    const answer = table.write(mode, tenant, 0, NEVER);
    if (answer === 0) written++;
    else if (answer === FULL || answer === TABLE.OVER) refused++;
    else if (answer === RETRY) patience.wait();
    else if (mode !== TABLE_MODE.INSERT && mode !== TABLE_MODE.DELETE)
      throw new Error(`write answered ${answer}`);
    const { blocks } = table.usage(tenant);
    if (blocks > context.option('quota')) throw new Error(`tenant ${tenant} uses ${blocks} blocks`);
    if (table.used > table.most) throw new Error(`${table.used} blocks are in use`);
  }
  signals.end();
  return { written, refused };
}

/** Does hardly anything but write, so that whoever kills it finds it in the middle of that. */
function scribbler(context: RoleContext): undefined {
  const table = tableOf(context);
  const { random } = context;
  for (;;) {
    const key = random.below(context.option('keys'));
    const tenant = random.below(table.tenants);
    putKey(table, key);
    const value = someValue(context, key, tenant);
    table.putValue(value, 0, value.length);
    for (let i = 0; i < 200; i++) {
      table.write(TABLE_MODE.SET, tenant, 0, NEVER);
      table.write(TABLE_MODE.DELETE, tenant, 0, NEVER);
    }
  }
}

/** Adds one to counters, again and again; what it did is its answer, and in its cells while it may be killed. */
function adder(context: RoleContext): Numbers {
  const table = tableOf(context);
  const { random, signals, patience } = context;
  const { fn } = attachRing(context.memory);
  const counters = context.option('counters');
  const first = context.option('first');
  const done = context.at('done', context.option('place'));
  table.delta = 1n;
  let adds = 0;
  while (!signals.isStopped || adds < context.option('least')) {
    random.dawdle();
    const key = random.below(counters);
    putKey(table, first + key);
    // Told before and behind: a thread that is killed in between may have added, or not.
    fn.store32(done, key + 1);
    const answer = insist(patience, () => table.write(TABLE_MODE.ADD, 0, 0, NEVER));
    if (answer !== 0) throw new Error(`add answered ${answer}`);
    fn.add32(done + 4 + 4 * key, 1);
    fn.store32(done, 0);
    adds++;
  }
  signals.end();
  return { adds };
}

/** Writes what ends soon, in a clock of its own; sweeps, and reads what must have ended. */
function timed(context: RoleContext): Numbers {
  const table = tableOf(context);
  const { random, signals, patience } = context;
  const tenant = context.option('tenant');
  const keys = context.option('keys');
  const ends = new Float64Array(keys);
  let now = 1;
  while (!signals.isStopped || now < context.option('least')) {
    now++;
    const key = random.below(keys);
    putKey(table, key);
    if (random.oneIn(2)) {
      const value = someValue(context, key, tenant);
      table.putValue(value, 0, value.length);
      const end = now + 1 + random.below(20);
      const answer = insist(patience, () => table.write(TABLE_MODE.SET, tenant, now, end));
      // Where there is no room the old one stays.
      if (answer === 0) ends[key] = end;
      else if (answer !== FULL && answer !== TABLE.OVER) throw new Error(`set answered ${answer}`);
    } else {
      const length = insist(patience, () => table.get(tenant, now, VALUE_BYTES_MAX));
      const isAlive = now < (ends[key] as number);
      if (length >= 0 !== isAlive)
        throw new Error(`key ${key} ends at ${ends[key]}, and at ${now} get answers ${length}`);
      if (length >= 0) checkValue(table, length, key, tenant);
    }
    signals.store(CLOCK, now);
  }
  signals.end();
  return { now };
}

/** Takes out what has ended, as far as it knows. */
function sweeper(context: RoleContext): Numbers {
  const table = tableOf(context);
  const { random, signals } = context;
  let swept = 0;
  while (signals.ended < context.option('writers')) {
    random.dawdle();
    swept += table.sweep(random.below(table.buckets), 4, signals.load(CLOCK));
  }
  return { swept };
}

/** Keeps a copy of each bucket that was changed: in the end it is the table (B7). */
function saver(context: RoleContext): Numbers {
  const table = tableOf(context);
  const { signals, patience } = context;
  const copies = new Map<number, string>();
  const copyOf = (bucket: number): string => {
    for (;;) {
      const entries = table.entries(bucket);
      if (entries !== undefined)
        return entries.map(({ tenant, key, value }) => `${tenant}:${key}:${value}`).join('|');
      patience.wait();
    }
  };
  const save = (): number => {
    const dirty = table.takeDirty();
    for (const bucket of dirty) copies.set(bucket, copyOf(bucket));
    return dirty.length;
  };
  let saved = 0;
  while (signals.ended < context.option('writers')) {
    saved += save();
    patience.nap();
  }
  save();
  for (let bucket = 0; bucket < table.buckets; bucket++) {
    if (copyOf(bucket) !== (copies.get(bucket) ?? ''))
      throw new Error(`B7: bucket ${bucket} changed and was not dirty`);
  }
  return { saved };
}

export const roles: Readonly<Record<string, Role>> = {
  reader,
  writer,
  scribbler,
  adder,
  timed,
  sweeper,
  saver,
};
