import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConfigError, loadConfig, type ServeConfig } from '../../src/cli/config.ts';
import { boundEntries, entryText, isListenText } from '../../src/cli/listen-entry.ts';
import type { ServeOverrides } from '../../src/cli/settings.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'luge-listen-'));
  writeFileSync(join(folder, 'a.wat'), '(module)');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const routes = [{ route: '/a', module: 'a.wat' }];

function load(content: object, overrides: ServeOverrides = {}): ServeConfig {
  const path = join(folder, 'luge.json');
  writeFileSync(path, JSON.stringify(content));
  return loadConfig(path, overrides);
}

function listens(content: object, overrides: ServeOverrides = {}): string[][] {
  return load(content, overrides).tenants.map(({ listen }) => listen.map(entryText));
}

function problems(content: object, overrides: ServeOverrides = {}): string[] {
  try {
    load(content, overrides);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map(({ path, message }) => `${path}: ${message}`);
  }
  return [];
}

describe('of a file', () => {
  it('one_address_or_several_take_the_place_of_host_and_port', () => {
    expect(listens({ listen: '[::1]:80', routes })).toEqual([['[::1]:80']]);
    const listen = ['81', '*:82', 'fd:3', 'unix:@luge', 'systemd:web'];
    expect(listens({ listen, routes })).toEqual([
      ['127.0.0.1:81', '*:82', 'fd:3', 'unix:@luge', 'systemd:web'],
    ]);
  });

  it('paths_of_sockets_start_at_the_file_and_those_of_a_flag_where_it_is_typed', () => {
    expect(listens({ listen: 'unix:run/a.sock', routes })).toEqual([
      [`unix:${join(folder, 'run/a.sock')}`],
    ]);
    expect(listens({ port: 1, routes }, { listen: ['unix:a.sock'] })).toEqual([
      [`unix:${join(process.cwd(), 'a.sock')}`],
    ]);
  });

  it('mode_and_ipv6Only_are_the_tenants_the_files_or_a_flags', () => {
    const tenants = [
      { name: 'a', listen: 'unix:/a', socketMode: '600', routes },
      { name: 'b', listen: ['unix:/b', '[::]:1'], ipv6Only: false, routes },
    ];
    const file = { socketMode: '0660', ipv6Only: true, tenants };
    expect(load(file).tenants.flatMap(({ listen }) => listen)).toMatchObject([
      { path: '/a', mode: 0o600 },
      { path: '/b', mode: 0o660 },
      { host: '::', port: 1, ipv6Only: false },
    ]);
    expect(load(file, { socketMode: 0o777 }).tenants[1]?.listen[0]).toMatchObject({ mode: 0o777 });
  });

  it.each([
    [{ listen: '::1' }, /^listen: "::1": an IPv6 address stands in brackets/],
    [{ listen: 'x' }, /^listen: "x": is none of "host:port", /],
    [{ listen: ['80', 'h:70000'] }, /^listen\[1\]: "h:70000": a port is a whole number/],
    [{ listen: [] }, /^listen: must be a non-empty array of addresses/],
    [{ listen: 80 }, /^listen: must be "host:port", .*, or an array of them, found 80$/],
    [{ listen: 'fd:2' }, /^listen: "fd:2": a file descriptor is a whole number from 3$/],
    [{ listen: 'unix:' }, /^listen: "unix:": a Unix socket has a path/],
    [{ listen: '80', port: 80 }, /^port: either "port" or "listen", not both$/],
    [{ listen: '80', host: '::' }, /^host: either "host" or "listen", not both$/],
    [{ listen: ['80', '0.0.0.0:80'] }, /^listen\[1\]: "0.0.0.0:80" is already an address of /],
    [{ socketMode: '999' }, /^socketMode: must be an octal mode/],
    [{ ipv6Only: 1 }, /^ipv6Only: must be true or false, found 1$/],
  ])('refuses_%j', (keys, problem) => {
    expect(problems({ ...keys, routes })).toEqual([expect.stringMatching(problem)]);
  });

  it('a_path_that_the_system_cannot_take_is_refused', () => {
    const [problem] = problems({ listen: `unix:/${'x'.repeat(120)}`, routes });
    expect(problem).toMatch(/the path of a Unix socket is at most 10[37] bytes long, this is 121$/);
  });

  it('two_tenants_have_one_address_only_where_both_name_it_and_their_routes_do_not_collide', () => {
    const tenants = [
      { name: 'a', listen: ['unix:/x', 'systemd:web'], routes },
      { name: 'b', listen: ['systemd:api', 'unix:/x'], routes },
      { name: 'c', listen: 'systemd', routes },
    ];
    expect(problems({ tenants })).toEqual([
      'tenants[1].routes[0].route: "/a" is already the route of tenants[0].routes[0], for the same methods',
      'tenants[2].listen: "systemd" is already an address of tenants[0]',
    ]);
    expect(problems({ listen: '80', tenants: [{ name: 'a', port: 1, routes }] })).toEqual([
      'listen: with "tenants", each tenant has addresses of its own',
    ]);
  });
});

describe('of flags', () => {
  const two = { tenants: ['a', 'b'].map((name, i) => ({ name, port: i + 1, routes })) };

  it('a_list_takes_the_place_of_the_files', () => {
    const overrides = { listen: ['80', '[::1]:80'], host: '10.0.0.1', port: 3 };
    expect(listens({ listen: 'unix:/x', routes }, overrides)).toEqual([
      ['10.0.0.1:80', '[::1]:80'],
    ]);
    expect(problems(two, { listen: ['80'] })).toEqual([
      ': --listen is for one tenant, the file has 2 with a port each',
    ]);
  });

  it('a_port_keeps_the_files_host_and_PORT_yields_to_other_addresses', () => {
    expect(listens({ host: '::1', port: 1, routes }, { port: 5 })).toEqual([['[::1]:5']]);
    expect(listens({ host: '::1', port: 1, routes }, { port: 5, host: '::' })).toEqual([
      ['[::]:5'],
    ]);
    const file = { listen: 'unix:/x', routes };
    expect(listens(file, { port: 5, portSource: '--port' })).toEqual([['127.0.0.1:5']]);
    const config = load(file, { port: 5, portSource: 'PORT' });
    expect(config.tenants[0]?.listen.map(entryText)).toEqual(['unix:/x']);
    expect(config.warnings).toEqual([expect.stringContaining('PORT is for a port')]);
  });

  it('what_is_no_address_is_not_acceptable', () => {
    expect(['80', 'systemd', 'systemd:x', 'unix:@x', 'a-b.c:1'].every(isListenText)).toBe(true);
    expect(['', 'systemd:', 'unix:', '1.2.3.4', 'http://x:1'].some(isListenText)).toBe(false);
  });
});

describe('tls', () => {
  const pem = (name: string): string =>
    fileURLToPath(new URL(`../e2e/tls/${name}.pem`, import.meta.url));
  const pair = (name: string): { cert: string; key: string } => ({
    cert: pem(name),
    key: pem(`${name}-key`),
  });

  it('is_the_tenants_or_the_files_with_paths_from_its_folder_on', () => {
    for (const name of ['wild', 'wild-key']) copyFileSync(pem(name), join(folder, `${name}.pem`));
    const own = { cert: 'wild.pem', key: './wild-key.pem', minVersion: 'TLSv1.3' };
    const tenants = [
      { name: 'a', port: 1, routes, tls: own },
      { name: 'b', port: 2, routes },
    ];
    const tls = { ...pair('localhost'), sni: { 'a.b': { cert: 'wild.pem', key: 'wild-key.pem' } } };
    const wild = { cert: join(folder, 'wild.pem'), key: join(folder, 'wild-key.pem') };
    expect(load({ tls, tenants }).tenants.map((tenant) => tenant.tls)).toMatchObject([
      { ...wild, minVersion: 'TLSv1.3' },
      { ...pair('localhost'), sni: { 'a.b': wild } },
    ]);
    expect(load({ tenants }).tenants[1]?.tls).toBeUndefined();
  });

  it('tenants_that_share_an_address_agree_on_it', () => {
    const tenants = ['a', 'b'].map((name) => ({
      ...{ name, port: 1, hosts: [`${name}.test`], routes },
    }));
    const own = { ...tenants[1], tls: pair('wild') };
    expect(problems({ tls: pair('localhost'), tenants })).toEqual([]);
    expect(problems({ tls: pair('localhost'), tenants: [tenants[0], own] })).toEqual([
      'tenants[1].port: 1 is already the port of tenants[0], which has another "tls"',
    ]);
  });

  it('flags_are_laid_over_it_and_go_together', () => {
    const flags = { tlsCert: 'c.pem', tlsKey: 'k.pem' };
    const here = { cert: join(process.cwd(), 'c.pem'), key: join(process.cwd(), 'k.pem') };
    expect(load({ routes }, flags).tenants[0]?.tls).toEqual(here);
    const tls = { ...pair('localhost'), minVersion: 'TLSv1.3' };
    expect(load({ routes, tls }, flags).tenants[0]?.tls).toMatchObject({
      ...here,
      minVersion: 'TLSv1.3',
    });
    expect(problems({ routes }, { tlsCert: 'c.pem' })).toEqual([
      ': --tls-key is missing: TLS needs both',
    ]);
  });

  it.each([
    [{}, /^tls.cert: missing: must be the path of a PEM file$/],
    [{ ...pair('localhost'), minVersion: 'SSLv3' }, /^tls.minVersion: must be one of "TLSv1.2", /],
    [{ ...pair('localhost'), cert: 'a.wat' }, /^tls: tls.cert: .*a.wat: is no PEM file$/],
    [{ ...pair('localhost'), key: pem('wild-key') }, /^tls: tls: cert and key do not belong/],
    [{ ...pair('localhost'), sni: { '*': pair('wild') } }, /^tls: host "\*" is no name/],
  ])('refuses_%j', (tls, problem) => {
    expect(problems({ routes, tls })[0]).toMatch(problem);
  });
});

describe('systemd', () => {
  const env = { LISTEN_FDS: '3', LISTEN_PID: String(process.pid), LISTEN_FDNAMES: 'web:api:web' };
  const bound = (name: string | undefined, more: object = {}): unknown =>
    boundEntries([{ kind: 'systemd', name }], { ...env, ...more }).map((address) =>
      address.kind === 'fd' ? address.fd : address,
    );

  it('hands_over_all_sockets_or_those_of_a_name', () => {
    expect(bound(undefined)).toEqual([3, 4, 5]);
    expect(bound('web')).toEqual([3, 5]);
    expect(bound('api')).toEqual([4]);
  });

  it.each([
    ['web', { LISTEN_FDS: undefined }, /^systemd:web: no sockets were handed over/],
    [undefined, { LISTEN_PID: '1' }, /^systemd: the sockets .* are for process 1, this is \d+$/],
    [undefined, { LISTEN_FDS: '-1' }, /^systemd: LISTEN_FDS must be 1 to 1024, found "-1"$/],
    ['db', {}, /no socket of the name "db" was handed over \(LISTEN_FDNAMES=web:api:web\)$/],
  ])('says_what_is_missing_%#', (name, more, problem) => {
    expect(() => bound(name, more)).toThrow(problem);
  });
});
