/** What a route's parameters are for the guest, of both interfaces, however it was called. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Runtime } from '../../src/core/index.ts';
import { allFree, codeOf, luge, small, textOf, wasi } from './guests.ts';

/** Answers the parameter whose name is the query, at most `cap` bytes of it, and `|` and its length. */
const asks = (cap: number): Uint8Array =>
  luge(`(data (i32.const 0) "|0") (func (export "handle") (local $n i32) (local $length i32)
    (local.set $n (call $query (i32.const 100) (i32.const 300)))
    (local.set $length
      (call $param (i32.const 100) (local.get $n) (i32.const 1000) (i32.const ${cap})))
    (drop (call $write (i32.const 1000) (i32.const ${cap})))
    (i32.store8 (i32.const 1) (i32.add (i32.const 48) (local.get $length)))
    (drop (call $write (i32.const 0) (i32.const 2))))`);

/** Answers its environment. */
const ENVIRONMENT = wasi(`(func (export "_start")
  (drop (call $environ_sizes_get (i32.const 0) (i32.const 4)))
  (drop (call $environ_get (i32.const 1024) (i32.const 8192)))
  (i32.store (i32.const 16) (i32.const 8192))
  (i32.store (i32.const 20) (i32.load (i32.const 4)))
  (drop (call $fd_write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 8))))`);

describe('parameters', () => {
  let runtime: Runtime;
  beforeAll(async () => {
    runtime = await small();
    await runtime.load('asks', { wasm: asks(4), route: '/users/:id/*' });
    await runtime.load('environment', { wasm: ENVIRONMENT, route: '/users/:id/*' });
  });
  afterAll(async () => {
    await allFree(runtime);
    await runtime.close();
  });

  const ask = async (target: string): Promise<string> =>
    textOf(await runtime.invoke('asks', { target })).replaceAll('\0', '');

  it('are_found_by_name_as_they_were_sent', async () => {
    expect(await ask('/users/7/a/b?id')).toBe('7|1');
    expect(await ask('/users/7/a/b?*')).toBe('a/b|3');
    expect(await ask('/users/%20/?*')).toBe('|0');
    expect(await ask('/users/%20/?id')).toBe('%20|3');
  });

  it('are_cut_to_the_room_there_is_and_tell_their_length', async () => {
    expect(await ask('/users/1234567/x?id')).toBe('1234|7');
  });

  it('are_absent_under_another_name_and_for_another_path', async () => {
    // 48 - 1: the character in front of 0.
    expect(await ask('/users/7/a?ID')).toBe('|/');
    expect(await ask('/users/7/a?')).toBe('|/');
    expect(await ask(`/users/7/a?${'i'.repeat(300)}`)).toBe('|/');
    expect(await ask('/users?id')).toBe('|/');
  });

  it('are_variables_beside_those_of_cgi', async () => {
    const variables = async (target: string): Promise<string[]> =>
      textOf(await runtime.invoke('environment', { target })).split('\0');
    const found = await variables('/users/7%41/a%20b/c?q');
    expect(found).toEqual(
      expect.arrayContaining([
        'LUGE_PARAM_id=7%41',
        'LUGE_WILDCARD=a%20b/c',
        'SCRIPT_NAME=/users/7A',
        'PATH_INFO=/a b/c',
      ]),
    );
    const none = await variables('/other');
    expect(none.filter((text) => text.startsWith('LUGE_'))).toEqual([]);
    expect(none).toEqual(expect.arrayContaining(['SCRIPT_NAME=', 'PATH_INFO=/other']));
  });

  it('a_pointer_that_is_bad_ends_the_guest', async () => {
    await using own = await small();
    await own.load('bad', {
      wasm: luge(`(data (i32.const 0) "id") (func (export "handle")
        (drop (call $param (i32.const 0) (i32.const 2) (i32.const 65535) (i32.const 9))))`),
      route: '/:id',
    });
    expect(await codeOf(own.invoke('bad', { target: '/12' }))).toBe('ERR_TRAP');
    expect(await codeOf(own.invoke('bad', { target: '/1' }))).toBe('resolved');
  });

  it('invoke_makes_a_path_from_them', async () => {
    const variables = async (params: Record<string, string>): Promise<string[]> =>
      textOf(await runtime.invoke('environment', { params })).split('\0');
    expect(await variables({ id: 'a/b ä', '*': 'x y/z' })).toEqual(
      expect.arrayContaining([
        'LUGE_PARAM_id=a%2Fb%20%C3%A4',
        'LUGE_WILDCARD=x%20y/z',
        'PATH_INFO=/x y/z',
      ]),
    );
    expect(await variables({ id: '7' })).toContain('LUGE_WILDCARD=');
  });

  it('invoke_refuses_those_that_do_not_fit_the_route', async () => {
    const refused = async (options: object): Promise<string> => {
      try {
        await runtime.invoke('environment', options);
      } catch (error) {
        const { code, message } = error as { code: string; message: string };
        return `${code} ${message}`;
      }
      return 'resolved';
    };
    const invalid = 'ERR_INVALID_ARGUMENT invoke:';
    expect(await refused({ params: {} })).toMatch(`${invalid} params.id is missing or empty`);
    expect(await refused({ params: { id: '' } })).toMatch(`${invalid} params.id is missing`);
    expect(await refused({ params: { id: '1', no: '2' } })).toMatch(/has no parameter no$/);
    expect(await refused({ params: { id: '\ud800' } })).toMatch(`${invalid} URI`);
    expect(await refused({ target: '/users/1/', params: { id: '1' } })).toMatch(/not both$/);
  });
});
