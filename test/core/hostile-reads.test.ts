/** What a guest may try to read: each host call with each bad pointer, while its neighbours and predecessors hold a secret. */
import { expect, it } from 'vitest';
import { codeOf, luge, small, textOf, until } from './guests.ts';

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
