import { describe, expect, test } from 'vitest';
import type { HttpRoute, HttpSite } from '../../src/http/api.ts';
import { Cors, type CorsSettings, corsProblem, originProblem } from '../../src/http/cors.ts';
import { RequestParser } from '../../src/http/parser.ts';
import { PortRoutes } from '../../src/http/port-routes.ts';
import { METHOD_NOT_ALLOWED } from '../../src/http/router.ts';
import { latin1 } from './feed.ts';

const APP = 'https://app.example';

function lines(settings: CorsSettings, origin: string | undefined): string[] {
  return new Cors(settings).lines(origin).split('\r\n').slice(0, -1);
}

describe('an answer', () => {
  test('to any origin alike: no Vary, and the same without an origin', () => {
    const settings = { origins: ['*'], exposeHeaders: ['X-A', 'X-B'] };
    const all = ['Access-Control-Allow-Origin: *', 'Access-Control-Expose-Headers: X-A, X-B'];
    expect(lines(settings, APP)).toEqual(all);
    expect(lines(settings, undefined)).toEqual(all);
    expect(new Cors(settings).vary).toBe('');
  });

  test('to an origin that is named, and to another one', () => {
    const settings = { origins: [APP, 'http://localhost:3000'], credentials: true };
    expect(lines(settings, APP)).toEqual([
      `Access-Control-Allow-Origin: ${APP}`,
      'Access-Control-Allow-Credentials: true',
    ]);
    for (const origin of [
      `${APP}.evil.test`,
      `${APP}:8443`,
      'http://app.example',
      'null',
      'http://[::1]:80',
      undefined,
    ]) {
      expect(lines(settings, origin), origin).toEqual([]);
    }
    expect(new Cors(settings).vary).toBe('Vary: Origin\r\n');
  });

  test('to names below one', () => {
    const settings = { origins: ['https://*.example:8443'] };
    const allows = (origin: string): boolean => lines(settings, origin).length > 0;
    expect(allows('https://a.example:8443')).toBe(true);
    expect(allows('https://b.a.example:8443')).toBe(true);
    for (const origin of [
      'https://example:8443',
      'https://.example:8443',
      'https://a.example',
      'http://a.example:8443',
      'other://a.example:8443',
      'https://evil.test/.example:8443',
      'https://evil.test:1@a.example:8443',
    ]) {
      expect(allows(origin), origin).toBe(false);
    }
  });
});

describe('settings', () => {
  test('origins that no browser sends are refused', () => {
    for (const origin of [
      '*',
      APP,
      'https://*.a.example',
      'http://[::1]',
      'http://127.0.0.1:8080',
    ]) {
      expect(originProblem(origin), origin).toBeUndefined();
    }
    for (const origin of [
      '',
      'null',
      'app.example',
      `${APP}/`,
      `${APP}:443`,
      'https://APP.example',
      `${APP}/x`,
      'https://a.*.example',
      'https://*',
      '**',
    ]) {
      expect(originProblem(origin), origin).toBeDefined();
      expect(() => new Cors({ origins: [origin] })).toThrow(/ERR_ROUTE_CORS|cors: must be/);
    }
  });

  test('no wildcard goes with credentials', () => {
    const wild = (more: Partial<CorsSettings>): string | undefined =>
      corsProblem({ origins: [APP], credentials: true, ...more });
    expect(wild({})).toBeUndefined();
    for (const more of [
      { origins: ['*'] },
      { methods: ['*'] },
      { headers: ['*'] },
      { exposeHeaders: ['*'] },
    ]) {
      expect(wild(more)).toContain('credentials');
      expect(wild({ ...more, credentials: false })).toBeUndefined();
    }
    expect(corsProblem({ origins: ['*', APP] })).toContain('all origins');
  });
});

describe('a preflight', () => {
  const base = { fn: 0, deadlineNs: 1e9, maxBodyBytes: 0, contentType: '' };
  const routes: HttpRoute[] = [
    {
      ...base,
      pattern: '/own',
      methods: ['PUT', 'GET'],
      adds: { cors: { origins: [APP], credentials: true, maxAgeSeconds: 60 } },
    },
    {
      ...base,
      pattern: '/any',
      methods: undefined,
      adds: { cors: { origins: ['*'], methods: ['GET'], headers: ['X-A'] } },
    },
    { ...base, pattern: '/plain', methods: ['PUT'] },
    { ...base, pattern: '/two', methods: ['OPTIONS'] },
    { ...base, pattern: '/two', methods: ['REPORT'], adds: { cors: { origins: ['*'] } } },
  ];
  const site: HttpSite = { host: '', port: 1, mode: 'luge', routes };
  const port = new PortRoutes([site]);

  function ask(path: string, ...fields: string[]): number | string[] {
    const bytes = latin1(
      `OPTIONS ${path} HTTP/1.1\r\nHost: h\r\n${fields.map((f) => `${f}\r\n`).join('')}\r\n`,
    );
    const parser = new RequestParser();
    parser.parseHead(bytes, 0, bytes.length);
    const target = port.routeOf(bytes, parser);
    if (target >= 0 || target === METHOD_NOT_ALLOWED) return target;
    const { error, fields: own } = port.ownAnswer(target);
    return error === undefined ? own.split('\r\n').slice(0, -1) : [error.code];
  }
  const vary = 'Vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers';

  test('is answered with what the route takes, and what was asked for', () => {
    expect(
      ask(
        '/own',
        `Origin: ${APP}`,
        'access-control-REQUEST-method:  PUT ',
        'Access-Control-Request-Headers: x-a,x-b',
      ),
    ).toEqual([
      vary,
      `Access-Control-Allow-Origin: ${APP}`,
      'Access-Control-Allow-Methods: PUT, GET',
      'Access-Control-Allow-Headers: x-a,x-b',
      'Access-Control-Allow-Credentials: true',
      'Access-Control-Max-Age: 60',
    ]);
  });

  test('is answered with what the settings say where they do', () => {
    expect(
      ask(
        '/any',
        'Origin: https://x.test',
        'Access-Control-Request-Method: DELETE',
        'Access-Control-Request-Headers: x-z',
      ),
    ).toEqual([
      vary,
      'Access-Control-Allow-Origin: *',
      'Access-Control-Allow-Methods: GET',
      'Access-Control-Allow-Headers: X-A',
    ]);
  });

  test('of an origin that is not allowed gets nothing that allows it', () => {
    expect(ask('/own', 'Origin: https://evil.test', 'Access-Control-Request-Method: PUT')).toEqual([
      vary,
    ]);
  });

  test('does not put into the answer what is no list of names', () => {
    const answer = ask(
      '/own',
      `Origin: ${APP}`,
      'Access-Control-Request-Method: PUT',
      'Access-Control-Request-Headers: a"; b',
    );
    expect(answer).not.toContainEqual(expect.stringContaining('Allow-Headers'));
  });

  test('is one for the route of the method that it asks for, whoever takes OPTIONS', () => {
    expect(ask('/two', `Origin: ${APP}`, 'Access-Control-Request-Method: REPORT')).toContain(
      'Access-Control-Allow-Methods: REPORT',
    );
    expect(ask('/two', `Origin: ${APP}`, 'Access-Control-Request-Method: OPTIONS')).toBe(3);
  });

  test('is a request like any other where it is none, or the route says nothing of origins', () => {
    expect(ask('/two')).toBe(3);
    expect(ask('/two', 'Access-Control-Request-Method: REPORT')).toBe(3);
    expect(ask('/two', `Origin: ${APP}`)).toBe(3);
    expect(
      ask('/two', `Origin: ${APP}`, `Origin: ${APP}`, 'Access-Control-Request-Method: REPORT'),
    ).toBe(3);
    expect(ask('/two', `Origin: ${APP}`, 'X-Access-Control-Request-Method: REPORT')).toBe(3);
    expect(ask('/plain', `Origin: ${APP}`, 'Access-Control-Request-Method: PUT')).toBe(
      METHOD_NOT_ALLOWED,
    );
    expect(ask('/own', `Origin: ${APP}`, 'Access-Control-Request-Method: PATCH')).toBe(
      METHOD_NOT_ALLOWED,
    );
    expect(ask('/none', `Origin: ${APP}`, 'Access-Control-Request-Method: PUT')).toEqual([
      'ERR_HTTP_NOT_FOUND',
    ]);
  });
});
