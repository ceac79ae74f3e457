import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { errorBody, HTTP_ERRORS } from '../../src/http/http-error.ts';
import { GET, HEAD, METHODS, methodId, OTHER, POST } from '../../src/http/method.ts';
import { METHOD_NOT_ALLOWED, NOT_FOUND, type Route, Router } from '../../src/http/router.ts';
import { latin1 } from './feed.ts';

/** Look up with the path in the middle of a buffer, as in a request line. */
function lookup(router: Router, path: string, method = 'GET'): number {
  const bytes = latin1(`${method} ${path} HTTP/1.1`);
  const id = methodId(bytes, 0, method.length);
  const start = method.length + 1;
  return router.lookup(bytes, start, start + path.length, id, 0, method.length);
}

function params(router: Router, path: string): Record<string, string> {
  const line = `GET ${path} HTTP/1.1`;
  return Object.fromEntries(
    router.paramNames.map((name, i) => [
      name,
      line.slice(router.paramStart(i), router.paramEnd(i)),
    ]),
  );
}

function routes(...patterns: string[]): Route[] {
  return patterns.map((pattern, target) => ({ pattern, target }));
}

describe('which route a path belongs to', () => {
  test('exact: that path and no other', () => {
    const router = new Router(routes('/fib', '/', '/a/b', '/c/', '/d//e'));
    expect(lookup(router, '/fib')).toBe(0);
    expect(lookup(router, '/')).toBe(1);
    expect(lookup(router, '')).toBe(1);
    expect(lookup(router, '/a/b')).toBe(2);
    expect(lookup(router, '/c/')).toBe(3);
    expect(lookup(router, '/d//e')).toBe(4);
    for (const path of [
      '/fibx',
      '/fib/',
      '/fi',
      '/FIB',
      '//fib',
      '/a',
      '/a/b/',
      '/c',
      '/%66ib',
      '*',
      'fib',
    ]) {
      expect(lookup(router, path), path).toBe(NOT_FOUND);
    }
  });

  test('wildcard: what begins with the prefix and its slash', () => {
    const router = new Router(routes('/static/*'));
    for (const path of ['/static/', '/static/a', '/static/a/b', '/static//']) {
      expect(lookup(router, path), path).toBe(0);
      expect(router.wildcardStart).toBe('GET /static/'.length);
    }
    for (const path of ['/static', '/statics/a', '/', ''])
      expect(lookup(router, path), path).toBe(NOT_FOUND);
    expect(lookup(new Router(routes('/*')), '')).toBe(0);
    expect(lookup(new Router(routes('/*')), '*')).toBe(NOT_FOUND);
  });

  test('parameter: one segment, not empty', () => {
    const router = new Router(routes('/users/:id', '/users/:id/posts/:post', '/x/:a/*'));
    expect(lookup(router, '/users/42')).toBe(0);
    expect(params(router, '/users/42')).toEqual({ id: '42' });
    expect(router.wildcardStart).toBe(-1);
    expect(lookup(router, '/users/42/posts/7')).toBe(1);
    expect(params(router, '/users/42/posts/7')).toEqual({ id: '42', post: '7' });
    expect(lookup(router, '/x/yy/zz/z')).toBe(2);
    expect(params(router, '/x/yy/zz/z')).toEqual({ a: 'yy' });
    expect(router.wildcardStart).toBe('GET /x/yy/'.length);
    for (const path of [
      '/users/',
      '/users',
      '/users//posts/7',
      '/users/42/',
      '/users/42/posts/',
      '/x//z',
    ]) {
      expect(lookup(router, path), path).toBe(NOT_FOUND);
    }
  });

  test('the most specific wins, in whatever order the routes stand', () => {
    const patterns = ['/a/b', '/a/:x', '/:x/b', '/a/*', '/*', '/a/:x/*', '/a/b/c/*', '/:x/b/:y'];
    const expected: [string, string][] = [
      ['/a/b', '/a/b'],
      ['/a/z', '/a/:x'],
      ['/z/b', '/:x/b'],
      ['/a/', '/a/*'],
      ['/z', '/*'],
      ['/a/z/', '/a/:x/*'],
      ['/a/b/c', '/:x/b/:y'],
      ['/a/b/c/', '/a/b/c/*'],
      ['/a/b/z/z', '/a/:x/*'],
      ['/z/z/z', '/*'],
    ];
    for (const order of [patterns, [...patterns].reverse()]) {
      const router = new Router(routes(...order));
      for (const [path, pattern] of expected) {
        expect(order[lookup(router, path)], path).toBe(pattern);
      }
    }
  });

  test('parameters of a wildcard are those of the wildcard, after a longer walk failed', () => {
    const router = new Router(routes('/:a/*', '/:b/:c/x'));
    expect(lookup(router, '/one/two/three')).toBe(0);
    expect(params(router, '/one/two/three')).toEqual({ a: 'one' });
    expect(lookup(router, '/one/two/x')).toBe(1);
    expect(params(router, '/one/two/x')).toEqual({ b: 'one', c: 'two' });
    expect(router.wildcardStart).toBe(-1);
    const other = new Router(routes('/a/:p/*', '/:q/:r/z'));
    expect(lookup(other, '/a/one/y')).toBe(0);
    expect(params(other, '/a/one/y')).toEqual({ p: 'one' });
  });

  test('what a match left is not seen after the next lookup', () => {
    const router = new Router(routes('/u/:id', '/e'));
    lookup(router, '/u/1');
    expect(lookup(router, '/e')).toBe(1);
    expect([router.paramNames, router.paramStart(0), router.wildcardStart]).toEqual([[], -1, -1]);
    lookup(router, '/none');
    expect([router.paramNames, router.allow]).toEqual([[], '']);
  });

  test('thousand routes, each found and its neighbours not', () => {
    const many = Array.from({ length: 1000 }, (_, i) => `/tenant-${i % 10}/fn${i}`);
    const router = new Router(routes(...many));
    for (const [i, path] of many.entries()) {
      expect(lookup(router, path)).toBe(i);
      expect(lookup(router, `${path}x`)).toBe(NOT_FOUND);
    }
    expect(lookup(router, `/${'x'.repeat(8000)}`)).toBe(NOT_FOUND);
  });

  /** Specificity spelt out on strings: [class, key per segment], smaller is more specific. */
  function slow(patterns: readonly string[], path: string): number {
    const parts = path.slice(1).split('/');
    const matches = patterns.flatMap((pattern, target) => {
      const segments = pattern.slice(1).split('/');
      const wildcard = segments.at(-1) === '*';
      if (wildcard) segments.pop();
      if (wildcard ? parts.length <= segments.length : parts.length !== segments.length) return [];
      const fits = segments.every((segment, i) =>
        segment.startsWith(':') ? parts[i] !== '' : segment === parts[i],
      );
      if (!fits) return [];
      const key = segments.map((segment) => (segment.startsWith(':') ? '1' : '0')).join('');
      const rank = wildcard ? 2 : Number(key.includes('1'));
      return [{ target, order: `${rank}${wildcard ? 99 - segments.length : ''}${key}` }];
    });
    matches.sort((a, b) => (a.order < b.order ? -1 : 1));
    return matches[0]?.target ?? NOT_FOUND;
  }

  test('against a slow reference', () => {
    const segment = fc.constantFrom('a', 'b', 'ab', ':p', '');
    const tail = fc.constantFrom('', '', '/*');
    const pattern = fc.tuple(fc.array(segment, { maxLength: 4 }), tail).map(([parts, end]) => {
      const named = parts.map((part, i) => (part === ':p' ? `:p${i}` : part));
      return `/${named.join('/')}${end}`;
    });
    const path = fc.array(fc.constantFrom('a', 'b', 'ab', 'c', ''), { maxLength: 5 });
    fc.assert(
      fc.property(fc.uniqueArray(pattern, { maxLength: 12 }), fc.array(path), (patterns, paths) => {
        const router = new Router(routes(...patterns));
        for (const parts of paths) {
          const text = `/${parts.join('/')}`;
          expect(lookup(router, text), `${patterns} on ${text}`).toBe(slow(patterns, text));
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('methods', () => {
  const router = new Router([
    { pattern: '/r', methods: ['GET'], target: 0 },
    { pattern: '/r', methods: ['POST', 'PURGE'], target: 1 },
    { pattern: '/any', target: 2 },
    { pattern: '/h', methods: ['GET'], target: 3 },
    { pattern: '/h', methods: ['HEAD'], target: 4 },
    { pattern: '/*', target: 5 },
    { pattern: '/p/:id', methods: ['PUT'], target: 6 },
    { pattern: '/p/:id', methods: ['DELETE'], target: 7 },
  ]);

  test('each method goes to its route', () => {
    expect(lookup(router, '/r', 'GET')).toBe(0);
    expect(lookup(router, '/r', 'POST')).toBe(1);
    expect(lookup(router, '/r', 'PURGE')).toBe(1);
    expect(lookup(router, '/p/1', 'DELETE')).toBe(7);
  });

  test('GET takes HEAD, unless a route names HEAD', () => {
    expect(lookup(router, '/r', 'HEAD')).toBe(0);
    expect(lookup(router, '/h', 'HEAD')).toBe(4);
    expect(lookup(router, '/h', 'GET')).toBe(3);
  });

  test('a route without methods takes any', () => {
    for (const method of [...METHODS.filter((name) => name !== 'CONNECT'), 'PROPFIND', 'get']) {
      expect(lookup(router, '/any', method), method).toBe(2);
    }
    expect(lookup(router, '/any', 'CONNECT')).toBe(METHOD_NOT_ALLOWED);
  });

  test('405 says what is allowed, and is not passed on to a wider route', () => {
    expect(lookup(router, '/r', 'DELETE')).toBe(METHOD_NOT_ALLOWED);
    expect(router.allow).toBe('GET, HEAD, POST, PURGE');
    expect(lookup(router, '/r', 'PURG')).toBe(METHOD_NOT_ALLOWED);
    expect(lookup(router, '/r', 'get')).toBe(METHOD_NOT_ALLOWED);
    expect(lookup(router, '/p/1', 'GET')).toBe(METHOD_NOT_ALLOWED);
    expect(router.allow).toBe('PUT, DELETE');
    expect(lookup(router, '/h', 'POST')).toBe(METHOD_NOT_ALLOWED);
    expect(router.allow).toBe('GET, HEAD');
  });

  test('without the method’s bytes an unknown method is matched by no name', () => {
    expect(router.lookup(latin1('/r'), 0, 2, OTHER)).toBe(METHOD_NOT_ALLOWED);
    expect(router.lookup(latin1('/r'), 0, 2, GET)).toBe(0);
    expect(router.lookup(latin1('/r'), 0, 2, HEAD)).toBe(0);
    expect(router.lookup(latin1('/r'), 0, 2, POST)).toBe(1);
  });
});

describe('routes that are refused', () => {
  function refusal(list: readonly Route[], mode?: 'sledge'): { code: string; message: string } {
    try {
      new Router(list, mode);
    } catch (error) {
      return error as Error & { code: string };
    }
    throw new Error('not refused');
  }

  test.each([
    ['fib', 'does not begin with /'],
    ['', 'does not begin with /'],
    ['/a b', 'index 2'],
    ['/a?b', 'index 2'],
    ['/é', 'index 1'],
    ['/Ā', 'index 1'],
    ['/a#', 'index 2'],
    ['/a*', '\\*'],
    ['/*/a', '\\*'],
    ['/**', '\\*'],
    ['/:', 'no identifier'],
    ['/:1', 'no identifier'],
    ['/:a-b', 'no identifier'],
    ['/:a/:a', 'twice'],
  ])('pattern %j', (pattern, reason) => {
    const error = refusal([{ pattern, target: 0 }]);
    expect(error.code).toBe('ERR_ROUTE_PATTERN');
    expect(error.message).toMatch(new RegExp(reason));
    expect(error.message).toContain(JSON.stringify(pattern));
  });

  test.each([[[]], [['']], [['GET POST']], [['CONNECT']], [['GET', 'GET']]])(
    'methods %j',
    (methods) => {
      expect(refusal([{ pattern: '/a', methods, target: 0 }]).code).toBe('ERR_ROUTE_METHOD');
    },
  );

  test.each([-1, 1.5, Number.NaN, 2 ** 31])('target %d', (target) => {
    expect(refusal([{ pattern: '/a', target }]).code).toBe('ERR_ROUTE_TARGET');
  });

  test.each<[string, Route, Route]>([
    ['the same', { pattern: '/a', target: 1 }, { pattern: '/a', target: 2 }],
    ['any and one', { pattern: '/a', target: 1 }, { pattern: '/a', methods: ['GET'], target: 2 }],
    [
      'one in common',
      { pattern: '/a', methods: ['PUT', 'GET'], target: 1 },
      { pattern: '/a', methods: ['GET'], target: 2 },
    ],
    ['other names', { pattern: '/:a/*', target: 1 }, { pattern: '/:b/*', target: 2 }],
    [
      'a method of its own',
      { pattern: '/a', methods: ['X'], target: 1 },
      { pattern: '/a', methods: ['X'], target: 2 },
    ],
  ])('duplicates: %s', (_name, first, second) => {
    const error = refusal([first, { pattern: '/between', target: 0 }, second]);
    expect(error.code).toBe('ERR_ROUTE_DUPLICATE');
    expect(error.message).toContain(`${first.pattern} (target 1)`);
    expect(error.message).toContain(`${second.pattern} (target 2)`);
  });

  test('one pattern with two sets of parameter names', () => {
    const error = refusal([
      { pattern: '/u/:id', methods: ['GET'], target: 0 },
      { pattern: '/u/:name', methods: ['PUT'], target: 1 },
    ]);
    expect(error.code).toBe('ERR_ROUTE_PATTERN');
    expect(error.message).toMatch(/:id and .*:name/);
  });

  test('in sledge mode too', () => {
    expect(refusal([{ pattern: 'fib', target: 0 }], 'sledge').code).toBe('ERR_ROUTE_PATTERN');
    expect(refusal([{ pattern: '/a', methods: [], target: 0 }], 'sledge').code).toBe(
      'ERR_ROUTE_METHOD',
    );
  });
});

describe('sledge mode', () => {
  test('plain prefixes, the first in order wins', () => {
    const router = new Router(routes('/fib/x', '/fib', '/fibonacci', '/:id', '/a/*'), 'sledge');
    expect(lookup(router, '/fib')).toBe(1);
    expect(lookup(router, '/fibx')).toBe(1);
    expect(lookup(router, '/fib/')).toBe(1);
    expect(lookup(router, '/fib/xy')).toBe(0);
    expect(lookup(router, '/fibonacci')).toBe(1);
    expect(lookup(router, '/:id')).toBe(3);
    expect(lookup(router, '/42')).toBe(NOT_FOUND);
    expect(lookup(router, '/a/b')).toBe(NOT_FOUND);
    expect(lookup(router, '/a/*b')).toBe(4);
    expect(lookup(router, '/fi')).toBe(NOT_FOUND);
    expect(lookup(router, '')).toBe(NOT_FOUND);
    expect(router.shadowed).toEqual([{ pattern: '/fibonacci', by: '/fib' }]);
  });

  test('the path decides first here too', () => {
    const router = new Router(
      [
        { pattern: '/a', methods: ['GET'], target: 0 },
        { pattern: '/', target: 1 },
      ],
      'sledge',
    );
    expect(lookup(router, '/ab', 'POST')).toBe(METHOD_NOT_ALLOWED);
    expect(router.allow).toBe('GET, HEAD');
    expect(lookup(router, '', 'POST')).toBe(1);
  });
});

describe('the table of errors', () => {
  test('codes are unique, statuses are errors', () => {
    const kinds = Object.values(HTTP_ERRORS);
    expect(new Set(kinds.map((kind) => kind.code)).size).toBe(kinds.length);
    for (const kind of kinds) {
      expect(kind.status).toBeGreaterThanOrEqual(400);
      expect(kind.status).toBeLessThan(600);
      expect(kind.code).toMatch(/^ERR_[A-Z0-9_]+$/);
      expect(Object.isFrozen(kind)).toBe(true);
    }
  });

  test('the body is JSON with code, message and status', () => {
    expect(JSON.parse(errorBody(HTTP_ERRORS.NOT_FOUND))).toEqual({
      error: { code: 'ERR_HTTP_NOT_FOUND', message: 'no route for this path', status: 404 },
    });
    expect(JSON.parse(errorBody(HTTP_ERRORS.GUEST_TRAP, 'a "b"\n')).error.message).toBe('a "b"\n');
  });
});
