import { describe, expect, test } from 'vitest';
import type { HttpRoute, HttpSite } from '../../src/http/api.ts';
import { listenPlaces } from '../../src/http/listen-places.ts';
import { methodId } from '../../src/http/method.ts';
import { BAD, NEED_MORE, RequestParser } from '../../src/http/parser.ts';
import { RouteError } from '../../src/http/pattern.ts';
import { PortRoutes } from '../../src/http/port-routes.ts';
import { METHOD_NOT_ALLOWED, NOT_FOUND } from '../../src/http/router.ts';
import { latin1 } from './feed.ts';

/** `host host… METHOD,METHOD /path`: hosts and methods may be missing. */
function route(text: string, fn = 0): HttpRoute {
  const parts = text.split(' ');
  const pattern = parts.pop() as string;
  const methods = parts.filter((part) => /^[A-Z,]+$/.test(part)).flatMap((part) => part.split(','));
  const hosts = parts.filter((part) => !/^[A-Z,]+$/.test(part));
  return {
    pattern,
    ...(hosts.length > 0 && { hosts }),
    methods: methods.length === 0 ? undefined : methods,
    fn,
    deadlineNs: 1e9,
    maxBodyBytes: 100 * (fn + 1),
    contentType: 'text/plain',
  };
}

function site(...routes: string[]): HttpSite {
  return { host: '127.0.0.1', port: 80, mode: 'luge', routes: routes.map((text) => route(text)) };
}

/** Where a request leads, with its head as it stands on the wire. */
function ask(port: PortRoutes, host: string | undefined, target: string, method = 'GET'): number {
  const version = host === undefined ? 'HTTP/1.0\r\n' : `HTTP/1.1\r\nHost: ${host}\r\n`;
  const bytes = latin1(`${method} ${target} ${version}\r\n`);
  const parser = new RequestParser();
  const end = parser.parseHead(bytes, 0, bytes.length);
  expect([BAD, NEED_MORE]).not.toContain(end);
  expect(parser.method).toBe(methodId(bytes, 0, method.length));
  return port.routeOf(bytes, parser);
}

function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof RouteError) return error.code;
    throw error;
  }
  return 'none';
}

describe('which host', () => {
  const port = new PortRoutes([
    site('/*', 'a.example /*', '*.example /*', '*.b.example /*', 'other.test *.test /*'),
    site('[::1] 192.0.2.7 /*', 'x.b.example /*'),
  ]);

  test('the name itself before a wildcard, the longest of those before a shorter one, and all before any', () => {
    expect(ask(port, 'a.example', '/')).toBe(1);
    expect(ask(port, 'c.example', '/')).toBe(2);
    expect(ask(port, 'x.b.example', '/')).toBe(6);
    expect(ask(port, 'y.b.example', '/')).toBe(3);
    expect(ask(port, 'b.example', '/')).toBe(2);
    expect(ask(port, 'nobody.org', '/')).toBe(0);
  });

  test('a wildcard takes any depth of names, and not the name that it is of', () => {
    expect(ask(port, 'p.q.r.example', '/')).toBe(2);
    expect(ask(port, 'p.q.b.example', '/')).toBe(3);
    expect(ask(port, 'example', '/')).toBe(0);
    expect(ask(port, 'myexample', '/')).toBe(0);
    expect(ask(port, '.example', '/')).toBe(0);
    expect(ask(port, 'test', '/')).toBe(0);
    expect(ask(port, 'deep.other.test', '/')).toBe(4);
  });

  test('letter case, the port and a dot at the end make no difference', () => {
    for (const host of [
      'A.Example',
      'a.example:80',
      'A.EXAMPLE:8443',
      'a.example.',
      'a.example.:1',
    ]) {
      expect(ask(port, host, '/'), host).toBe(1);
    }
    expect(ask(port, 'C.eXample:9', '/')).toBe(2);
  });

  test('addresses are hosts as they are written', () => {
    expect(ask(port, '[::1]', '/')).toBe(5);
    expect(ask(port, '[::1]:8080', '/')).toBe(5);
    expect(ask(port, '192.0.2.7:8080', '/')).toBe(5);
    expect(ask(port, '[::2]', '/')).toBe(0);
  });

  test('the host of an absolute target counts, not that of the field', () => {
    expect(ask(port, 'nobody.org', 'http://A.example:1/x')).toBe(1);
    expect(ask(port, 'a.example', 'https://c.example')).toBe(2);
  });

  test('no host, an empty one and one that no name is are any', () => {
    expect(ask(port, undefined, '/')).toBe(0);
    expect(ask(port, '', '/')).toBe(0);
    expect(ask(port, `${'a.'.repeat(200)}example`, '/')).toBe(0);
    expect(ask(port, 'a%2eexample', '/')).toBe(0);
  });
});

describe('host and path', () => {
  const port = new PortRoutes([
    site('/both', '/any', 'a.example /both', 'a.example GET /own', '*.example /wild/*', '/own'),
  ]);

  test('what the host does not have, those that are for more hosts may have', () => {
    expect(ask(port, 'a.example', '/both')).toBe(2);
    expect(ask(port, 'a.example', '/any')).toBe(1);
    expect(ask(port, 'a.example', '/wild/x')).toBe(4);
    expect(ask(port, 'b.example', '/both')).toBe(0);
    expect(ask(port, 'a.example', '/none')).toBe(NOT_FOUND);
    expect(port.ownAnswer(NOT_FOUND)).toMatchObject({ error: { status: 404 }, fields: '' });
  });

  test('a path of the host is not passed on because of its method', () => {
    expect(ask(port, 'a.example', '/own', 'POST')).toBe(METHOD_NOT_ALLOWED);
    const { error, fields } = port.ownAnswer(METHOD_NOT_ALLOWED);
    expect([error?.status, fields]).toEqual([405, 'Allow: GET, HEAD\r\n']);
    expect(ask(port, 'b.example', '/own', 'POST')).toBe(5);
  });

  test('sites without hosts share a port by their paths', () => {
    const shared = new PortRoutes([site('/a', '/x/*'), site('/b', '/x/:y/z')]);
    expect(['/a', '/b', '/x/1', '/x/1/z'].map((path) => ask(shared, 'h', path))).toEqual([
      0, 2, 1, 3,
    ]);
    expect(shared.routes).toHaveLength(4);
  });

  test('the largest body of any site is what a head may announce', () => {
    const routes = [route('/a', 3), route('/b', 1)];
    const sites = routes.map((own) => ({ ...site(), routes: [own] }));
    expect(new PortRoutes(sites).maxBodyBytes).toBe(400);
    expect(new PortRoutes([]).maxBodyBytes).toBe(0);
  });
});

describe('what cannot be', () => {
  test('two routes of one port that take the same requests', () => {
    expect(codeOf(() => new PortRoutes([site('/a'), site('GET /a')]))).toBe('ERR_ROUTE_DUPLICATE');
    const twice = [site('h.example i.example /a'), site('I.example. /a')];
    expect(codeOf(() => new PortRoutes(twice))).toBe('ERR_ROUTE_DUPLICATE');
    expect(codeOf(() => new PortRoutes([site('h.example /a'), site('i.example /a', '/a')]))).toBe(
      'none',
    );
  });

  test('a host that is written twice for one route is one', () => {
    expect(codeOf(() => new PortRoutes([site('h.example H.EXAMPLE. /a')]))).toBe('none');
  });

  test('hosts that no request can have', () => {
    const bad = [
      '',
      '*',
      '*.',
      'a..b',
      'a.*',
      'x*.b',
      'a:80',
      'a/b',
      '-a',
      'a-',
      'é',
      '[::1',
      '::1',
      '**.a',
      '*.*.a',
      `${'a'.repeat(64)}.b`,
      `${'abc.'.repeat(64)}d`,
    ];
    for (const host of bad) {
      const own = { ...route('/a'), hosts: [host] };
      expect(
        codeOf(() => new PortRoutes([{ ...site(), routes: [own] }])),
        host,
      ).toBe('ERR_ROUTE_HOST');
    }
  });

  test('prefixes and patterns on one port', () => {
    const mixed: HttpSite[] = [site('/a'), { ...site('/b'), mode: 'sledge' }];
    expect(codeOf(() => new PortRoutes(mixed))).toBe('ERR_ROUTE_MODE');
  });
});

test('sites with the same address share a port, those that take any free one do not', () => {
  const { mode, routes } = site();
  const at = (listen: string | string[]): HttpSite => ({ mode, routes, listen });
  const sites = [
    at('[::]:80'),
    at('[::]:0'),
    at(['[::1]:80', 'unix:/a']),
    at('[::]:80'),
    at('[::]:0'),
  ];
  const more = [...sites, { mode, routes, host: '::', port: 80 }, at('unix:/a')];
  expect(listenPlaces(more).map((place) => place.sites)).toEqual([
    [0, 3, 5],
    [1],
    [2],
    [2, 6],
    [4],
  ]);
});
