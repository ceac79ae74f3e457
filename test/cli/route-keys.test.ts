import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConfigError, loadConfig, type RouteConfig } from '../../src/cli/config.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'luge-route-keys-'));
  writeFileSync(join(folder, 'a.wat'), '(module)');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function load(content: unknown) {
  const path = join(folder, 'luge.json');
  writeFileSync(path, JSON.stringify(content));
  return loadConfig(path);
}

function problems(content: unknown): string[] {
  try {
    load(content);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map((problem) => `${problem.path}: ${problem.message}`);
  }
  return [];
}

const route = (more: object = {}): object => ({ route: '/a', module: 'a.wat', ...more });
const only = (more: object, defaults: object = {}): RouteConfig =>
  load({ defaults, routes: [route(more)] }).tenants[0]?.routes[0] as RouteConfig;
const wrong = (more: object): string[] => problems({ routes: [route(more)] });

describe('what a route adds', () => {
  it('nothing_unless_it_is_said', () => {
    expect(only({}).adds).toEqual({ headers: {}, serverTiming: false, traceContext: false });
  });

  it('all_of_it_and_what_short_forms_stand_for', () => {
    const headers = { 'X-Frame-Options': 'DENY' };
    expect(
      only({ headers, cors: true, serverTiming: true, requestId: true, traceContext: true }).adds,
    ).toEqual({
      headers,
      cors: { origins: ['*'] },
      serverTiming: true,
      requestId: {},
      traceContext: true,
    });
    const cors = {
      origins: ['https://a.example', 'https://*.b.example'],
      methods: ['GET'],
      headers: ['X-A'],
      exposeHeaders: ['X-B'],
      credentials: true,
      maxAgeSeconds: 600,
    };
    const requestId = { header: 'X-Call', trust: true };
    expect(only({ cors, requestId }).adds).toMatchObject({ cors, requestId });
    expect(only({ cors: { origins: '*' } }).adds.cors).toEqual({ origins: ['*'] });
  });

  it('a_route_goes_over_the_defaults_and_headers_one_by_one', () => {
    const defaults = {
      headers: { 'X-A': '1', 'x-b': '2' },
      cors: true,
      serverTiming: true,
      requestId: true,
      traceContext: true,
    };
    expect(only({}, defaults).adds).toMatchObject({ headers: defaults.headers, requestId: {} });
    expect(
      only(
        { headers: { 'X-B': '3' }, cors: false, serverTiming: false, requestId: false },
        defaults,
      ).adds,
    ).toEqual({ headers: { 'X-A': '1', 'X-B': '3' }, serverTiming: false, traceContext: true });
  });

  it('what_cannot_be_is_refused_by_its_place', () => {
    expect(
      wrong({ headers: { 'Content-Length': '1', ok: 'x', 'a b': 'x', b: 'x\r\ny', OK: 'y' } }),
    ).toEqual([
      'routes[0].headers["Content-Length"]: the header is the front end’s own'.replace(
        '["Content-Length"]',
        '.Content-Length',
      ),
      'routes[0].headers["a b"]: the header is no name of a field',
      'routes[0].headers.b: the header must be visible text on one line, of at most 4096 characters',
      'routes[0].headers.OK: the header is there twice',
    ]);
    expect(wrong({ headers: { a: 1 } })).toEqual([
      'routes[0].headers.a: must be a string, found 1',
    ]);
    expect(wrong({ cors: { origins: ['*'], credentials: true } })).toEqual([
      'routes[0].cors: with credentials, "*" would be everybody: name what is meant',
    ]);
    expect(
      wrong({
        cors: {
          origins: ['https://a.example/', 'https://b.example'],
          maxAgeSeconds: -1,
          credential: true,
        },
      }),
    ).toEqual([
      expect.stringMatching(/^routes\[0\]\.cors\.origins\[0\]: must be "\*", or an origin/),
      'routes[0].cors.maxAgeSeconds: must be a whole number from 0 to 86400, found -1',
      expect.stringMatching(/^routes\[0\]\.cors\.credential: unknown key.*credentials/),
    ]);
    expect(wrong({ cors: {} })).toEqual([
      'routes[0].cors.origins: missing: must be "*", or a non-empty array of origins',
    ]);
    expect(wrong({ cors: 'all' })).toEqual([
      'routes[0].cors: must be true, false or { "origins": … }, found "all"',
    ]);
    expect(wrong({ requestId: { header: 'Date' } })).toEqual([
      'routes[0].requestId.header: is a field that the front end sets itself',
    ]);
    expect(wrong({ requestId: 1, serverTiming: 'yes' })).toEqual([
      'routes[0].requestId: must be true, false or { "header": …, "trust": … }, found 1',
      'routes[0].serverTiming: must be true or false, found "yes"',
    ]);
    expect(problems({ defaults: { cors: { origins: [] } }, routes: [route()] })).toEqual([
      'defaults.cors.origins: must be a non-empty array of origins (at most 64), found an empty array',
    ]);
  });
});

describe('hosts', () => {
  const tenant = (name: string, port: number, routes: object[], more: object = {}): object => ({
    name,
    port,
    routes,
    ...more,
  });

  it('are_the_routes_or_the_tenants', () => {
    const routes = [route(), route({ hosts: ['b.example'] })];
    const { tenants } = load({ tenants: [tenant('a', 1, routes, { hosts: ['*.example'] })] });
    expect(tenants[0]?.routes.map(({ hosts }) => hosts)).toEqual([['*.example'], ['b.example']]);
    expect(only({}).hosts).toEqual([]);
  });

  it('what_is_no_host_is_refused', () => {
    const [first, ...rest] = wrong({ hosts: ['ok.example', 'a:80'] });
    expect(first).toMatch(/^routes\[0\]\.hosts\[1\]: host "a:80" is no name/);
    expect(rest).toEqual([]);
    expect(wrong({ hosts: [] })).toHaveLength(1);
    expect(wrong({ hosts: 'a.example' })).toHaveLength(1);
  });

  it('one_pattern_for_several_hosts_is_several_routes', () => {
    const routes = [route(), route({ hosts: ['a.example'] }), route({ hosts: ['*.example'] })];
    expect(problems({ routes })).toEqual([]);
    expect(
      problems({ routes: [...routes, route({ hosts: ['b.example', 'A.example.'] })] }),
    ).toEqual([
      'routes[3].route: "/a" is already the route of routes[1], for the same methods of a.example',
    ]);
  });

  it('tenants_share_a_port_while_their_routes_do_not_collide', () => {
    const other = route({ route: '/b' });
    expect(problems({ tenants: [tenant('a', 1, [route()]), tenant('b', 1, [other])] })).toEqual([]);
    const byHost = { hosts: ['b.example'] };
    expect(
      problems({ tenants: [tenant('a', 1, [route()]), tenant('b', 1, [route()], byHost)] }),
    ).toEqual([]);
    expect(problems({ tenants: [tenant('a', 0, [route()]), tenant('b', 0, [route()])] })).toEqual(
      [],
    );
  });

  it('tenants_that_collide_are_refused_at_the_route', () => {
    const get = route({ route: '/:x', methods: ['GET', 'PUT'] });
    const put = route({ route: '/:y', methods: ['PUT'] });
    expect(problems({ tenants: [tenant('a', 1, [get]), tenant('b', 1, [put])] })).toEqual([
      'tenants[1].routes[0].route: "/:y" is already the route of tenants[0].routes[0], for the same methods',
    ]);
    const hosts = { hosts: ['h.example'] };
    expect(
      problems({ tenants: [tenant('a', 1, [route()], hosts), tenant('b', 1, [route()], hosts)] }),
    ).toEqual([
      'tenants[1].routes[0].route: "/a" is already the route of tenants[0].routes[0], for the same methods of h.example',
    ]);
    const places = { listen: ['127.0.0.1:1', '127.0.0.1:2'] };
    const listening = (name: string) => ({ name, ...places, routes: [route()] });
    expect(problems({ tenants: [listening('a'), listening('b')] })).toEqual([
      'tenants[1].routes[0].route: "/a" is already the route of tenants[0].routes[0], for the same methods',
    ]);
  });

  it('an_address_that_only_overlaps_is_not_shared', () => {
    const all = tenant('b', 1, [route({ route: '/b' })], { host: '0.0.0.0' });
    expect(problems({ tenants: [tenant('a', 1, [route()]), all] })).toEqual([
      'tenants[1].port: 1 is already the port of tenants[0]',
    ]);
  });
});
