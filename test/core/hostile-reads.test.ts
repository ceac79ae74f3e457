/** What a guest may try to read: each host call with each bad pointer, while its neighbours and predecessors hold a secret. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { WASI_NAMES, wasiSignature } from '../../src/sandbox/wasi/signatures.ts';
import { allFree, codeOf, luge, small, textOf, until, wat } from './guests.ts';

const SECRET = 'SECRET';
const EDGES = [0, 1, 16, 65_530, 65_535, 65_536, 0x7fff_ffff, -65_536, -16, -1];
/** Name and parameters; `l` is an i64, the others are i32. `sleep` has no pointer. */
const CALLS: readonly (readonly [string, string])[] = [
  ['method', 'ii'],
  ['path', 'ii'],
  ['query', 'ii'],
  ['header', 'iiii'],
  ['body_size', ''],
  ['body_read', 'iii'],
  ['set_header', 'iiii'],
  ['write', 'ii'],
  ['kv_get', 'iiii'],
  ['kv_set', 'iiiil'],
  ['kv_insert', 'iiiil'],
  ['kv_swap', 'iiiiiil'],
  ['kv_increment', 'iili'],
  ['kv_delete', 'ii'],
  ['call', 'iiiiii'],
  ['call_size', ''],
  ['call_read', 'iii'],
  ['call_header', 'iiii'],
];

/** Reads its arguments from the body, makes the call, and answers all of its memory. */
function prober(name: string, parameters: string): Uint8Array {
  const args = [...parameters].map((type, i) =>
    type === 'l' ? '(i64.const 0)' : `(i32.load (i32.const ${4 * i}))`,
  );
  return luge(`(func (export "handle")
    (drop (call $body_read (i32.const 0) (i32.const 0) (i32.const 32)))
    (drop (call $${name} ${args.join(' ')}))
    (drop (call $write (i32.const 0) (i32.const 65536))))`);
}

/** Each edge for one argument while the others are harmless, and for all of them. */
function argumentLists(count: number): number[][] {
  const lists: number[][] = [];
  for (const edge of EDGES) {
    lists.push(new Array<number>(count).fill(edge));
    for (let at = 0; at < count; at++) {
      lists.push(Array.from({ length: count }, (_, i) => (i === at ? edge : 8)));
    }
  }
  return lists;
}

const KEEPER = luge(`(func (export "handle")
  (drop (call $body_read (i32.const 0) (i32.const 0) (i32.const 60000)))
  (drop (call $kv_set (i32.const 0) (i32.const 8) (i32.const 0) (i32.const 64) (i64.const 0)))
  (drop (call $write (i32.const 0) (i32.const 9000)))
  (call $sleep (i64.const 0x7fffffffffffffff)))`);

it('no_host_call_with_any_pointer_shows_what_others_have', async () => {
  await using runtime = await small({ bodyMemoryBytes: 2 ** 22 });
  await runtime.load('keeper', { wasm: KEEPER, tenant: 'other' });
  const body = SECRET.repeat(5000);
  const controller = new AbortController();
  const keep = (): Promise<string> =>
    codeOf(runtime.invoke('keeper', { body, headers: { x: SECRET }, signal: controller.signal }));
  const keepers = [keep(), keep(), keep()];
  await until(() => runtime.stats().workers[0]?.held === 3, 'the keepers are held');
  for (const [name, parameters] of CALLS) {
    const probe = await runtime.load(name, { wasm: prober(name, parameters) });
    for (const list of argumentLists(parameters.length)) {
      // The one before in the same sandbox had the secret, too: where its body was is wiped.
      const last = Buffer.concat([Buffer.alloc(32, 8), Buffer.from(SECRET)]);
      await codeOf(probe.invoke({ body: last }));
      const bytes = Buffer.alloc(32);
      list.forEach((value, i) => {
        bytes.writeInt32LE(value, 4 * i);
      });
      const answer = await probe.invoke({ body: bytes }).then(
        (result) => textOf(result) + JSON.stringify(result.headers),
        (error: { code: string; message: string }) => {
          expect(['ERR_TRAP', 'ERR_GUEST_OUTPUT_LIMIT'], `${name} ${list}`).toContain(error.code);
          return error.message;
        },
      );
      expect(answer.includes(SECRET), `${name} ${list}`).toBe(false);
    }
  }
  expect(runtime.stats().workersLost).toBe(0);
  controller.abort(new RangeError('enough'));
  expect(await Promise.all(keepers)).toEqual(['RangeError', 'RangeError', 'RangeError']);
});

it('a_key_of_another_tenant_is_absent', async () => {
  await using runtime = await small();
  const set =
    luge(`(func (export "handle") (drop (call $body_read (i32.const 0) (i32.const 0) (i32.const 9)))
    (if (call $kv_set (i32.const 0) (i32.const 1) (i32.const 1) (i32.const 8) (i64.const 0)) (then unreachable)))`);
  const get =
    luge(`(func (export "handle") (drop (call $body_read (i32.const 0) (i32.const 0) (i32.const 1)))
    (i32.store (i32.const 4) (call $kv_get (i32.const 0) (i32.const 1) (i32.const 8) (i32.const 100)))
    (drop (call $write (i32.const 4) (i32.const 12))))`);
  for (const tenant of ['a', 'b']) {
    await runtime.load(`set-${tenant}`, { wasm: set, tenant });
    await runtime.load(`get-${tenant}`, { wasm: get, tenant });
  }
  await runtime.invoke('set-a', { body: `k${SECRET}!!` });
  const read = async (tenant: string): Promise<Buffer> =>
    Buffer.from((await runtime.invoke(`get-${tenant}`, { body: 'k' })).body);
  expect((await read('a')).toString('latin1', 4)).toBe(`${SECRET}!!`);
  const other = await read('b');
  expect([other.readInt32LE(), other.toString('latin1').includes(SECRET)]).toEqual([-1, false]);
});

const folder = mkdtempSync(join(tmpdir(), 'luge-hostile-'));
writeFileSync(join(folder, 'aaaaaaaa'), 'public');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** stdin, stdout, the folder of the host, the scratch folder; one that is not open. */
const DESCRIPTORS = [0, 1, 3, 4, 9];
const WASI_EDGES = [0, 1, 65_532, 65_536, 0x7fff_ffff, -16, -1];

/** Reads its arguments, 8 bytes each, from stdin, makes the call, and prints all of its memory. The name of a file is where any small address leads. */
function wasiProber(name: string, types: readonly string[]): Uint8Array {
  const args = types.map((type, i) => `(${type}.load (i32.const ${128 + 8 * i}))`);
  const isVoid = name === 'proc_exit';
  const typed = `(func $call (param ${types.join(' ')}) ${isVoid ? '' : '(result i32)'})`;
  const stream = (call: string): string =>
    name === call ? '$call' : `$${call.replace('fd_', '')}`;
  const imported = (call: string): string =>
    name === call
      ? ''
      : `(import "wasi_snapshot_preview1" "${call}" (func ${stream(call)} (param i32 i32 i32 i32) (result i32)))`;
  return wat(`(module
    (import "wasi_snapshot_preview1" "${name}" ${typed})
    ${imported('fd_read')} ${imported('fd_write')}
    (memory (export "memory") 1)
    (data (i32.const 0) "aaaaaaaaaaaaaaaaaaaaaaaa")
    (data (i32.const 240) "\\80\\00\\00\\00\\60\\00\\00\\00")
    (func (export "_start")
      (drop (call ${stream('fd_read')} (i32.const 0) (i32.const 240) (i32.const 1) (i32.const 256)))
      ${isVoid ? '' : '(drop'} (call $call ${args.join(' ')}) ${isVoid ? '' : ')'}
      (i32.store (i32.const 240) (i32.const 0)) (i32.store (i32.const 244) (i32.const 65536))
      (drop (call ${stream('fd_write')} (i32.const 1) (i32.const 240) (i32.const 1) (i32.const 256)))))`);
}

/** Harmless where a name stands; each edge for one argument, and for all; each descriptor in front of each of these. */
function wasiArguments(name: string, count: number): number[][] {
  if (count === 0) return [[]];
  const takesDescriptor = /^(fd|path|sock)_/.test(name);
  const lists: number[][] = [];
  for (const first of takesDescriptor ? DESCRIPTORS : [8]) {
    for (const edge of WASI_EDGES) {
      const from = takesDescriptor ? 1 : 0;
      lists.push(Array.from({ length: count }, (_, i) => (i < from ? first : edge)));
      for (let at = 0; at < count; at++) {
        lists.push(
          Array.from({ length: count }, (_, i) => (i === at ? edge : i < from ? first : 8)),
        );
      }
    }
  }
  return lists;
}

/** What a call may end its request with; no bad pointer is among them. */
const WASI_ENDS: Readonly<Record<string, string>> = {
  proc_exit: 'ERR_GUEST_EXIT',
  proc_raise: 'ERR_GUEST_EXIT',
  poll_oneoff: 'ERR_DEADLINE',
};

it('no_call_of_wasi_with_any_pointer_shows_what_others_have_or_ends_its_guest', async () => {
  await using runtime = await small({ bodyMemoryBytes: 2 ** 22 });
  await runtime.load('keeper', { wasm: KEEPER, tenant: 'other' });
  const controller = new AbortController();
  const { signal } = controller;
  const keeper = codeOf(
    runtime.invoke('keeper', { body: SECRET.repeat(5000), headers: { x: SECRET }, signal }),
  );
  await until(() => runtime.stats().workers[0]?.held === 1, 'the keeper is held');
  let answered = 0;
  for (const name of WASI_NAMES) {
    const types = wasiSignature(name)?.split(' -> ')[0]?.match(/\w+/g) ?? [];
    const probe = await runtime.load(name, {
      ...{ wasm: wasiProber(name, types), folders: { '/data': folder }, scratch: {} },
      ...(name === 'poll_oneoff' ? { deadlineMs: 100 } : {}),
    });
    const before = Buffer.concat([Buffer.alloc(72, 8), Buffer.from(SECRET.repeat(4))]);
    await codeOf(probe.invoke({ body: before }));
    for (const list of wasiArguments(name, types.length)) {
      const body = Buffer.alloc(8 * list.length);
      list.forEach((value, i) => {
        body.writeBigInt64LE(BigInt(value), 8 * i);
      });
      const answer = await probe.invoke({ body }).then(
        (result) => textOf(result) + JSON.stringify(result.headers),
        (error: { code: string; message: string }) => {
          expect(error.code, `${name} ${list}: ${error.message}`).toBe(WASI_ENDS[name]);
          return error.message;
        },
      );
      if (answer.length >= 65_536) answered++;
      expect(answer.includes(SECRET), `${name} ${list}`).toBe(false);
    }
  }
  // The calls came back, and the guests went on: not everything was refused at the door.
  expect(answered).toBeGreaterThan(1000);
  expect(runtime.stats().workersLost).toBe(0);
  controller.abort(new RangeError('enough'));
  expect(await keeper).toBe('RangeError');
  await allFree(runtime);
});
