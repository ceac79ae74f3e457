import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GET } from '../../src/http/method.ts';
import { NOT_FOUND, Router } from '../../src/http/router.ts';
import { matchRoute } from '../../src/sandbox/route-match.ts';

function match(route: string, path: string) {
  const { parameters, ownChars } = matchRoute(route, path);
  return [Object.fromEntries(parameters), path.slice(0, ownChars), path.slice(ownChars)];
}

describe('what a pattern stands for', () => {
  it('parameters_and_the_wildcard', () => {
    expect(match('/users/:id', '/users/7')).toEqual([{ id: '7' }, '/users/7', '']);
    expect(match('/:a/x/:b', '/1/x/%20')).toEqual([{ a: '1', b: '%20' }, '/1/x/%20', '']);
    expect(match('/f/:id/*', '/f/7/a//b/')).toEqual([{ id: '7', '*': 'a//b/' }, '/f/7', '/a//b/']);
    expect(match('/f/*', '/f/')).toEqual([{ '*': '' }, '/f', '/']);
    expect(match('/*', '/a/b')).toEqual([{ '*': 'a/b' }, '', '/a/b']);
    expect(match('/*', '/')).toEqual([{ '*': '' }, '', '/']);
    expect(match('/', '/')).toEqual([{}, '/', '']);
    expect(match('/a/', '/a/')).toEqual([{}, '/a/', '']);
  });

  it('a_path_of_another_pattern_has_none', () => {
    for (const path of ['/users', '/users/', '/users/7/', '/users/7/8', '/user/7', '/']) {
      expect(match('/users/:id', path), path).toEqual([{}, '', path]);
    }
    expect(match('/f/*', '/f')).toEqual([{}, '', '/f']);
  });

  it('a_prefix_is_its_own_to_the_end_of_a_segment', () => {
    expect(match('/fib', '/fib/a/b')).toEqual([{}, '/fib', '/a/b']);
    expect(match('/fib', '/fibx/y')).toEqual([{}, '/fibx', '/y']);
    expect(match('/fib', '/fibx')).toEqual([{}, '/fibx', '']);
  });
});

it('it_is_what_the_router_has_matched', () => {
  const segment = fc.constantFrom('a', 'b', ':x', ':y', '');
  const route = fc
    .tuple(fc.uniqueArray(segment, { maxLength: 4 }), fc.boolean())
    .map(([segments, isWild]) => `/${[...segments, ...(isWild ? ['*'] : [])].join('/')}`);
  const path = fc
    .array(fc.constantFrom('a', 'b', 'c', ''), { maxLength: 5 })
    .map((segments) => `/${segments.join('/')}`);
  fc.assert(
    fc.property(route, path, (pattern, text) => {
      const router = new Router([{ pattern, target: 0 }]);
      const bytes = Buffer.from(text, 'latin1');
      const isFound = router.lookup(bytes, 0, bytes.length, GET) !== NOT_FOUND;
      const { parameters } = matchRoute(pattern, text);
      if (!isFound) {
        expect(parameters.size).toBe(0);
        return;
      }
      const wanted = new Map(
        router.paramNames.map((name, i) => [
          name,
          text.slice(router.paramStart(i), router.paramEnd(i)),
        ]),
      );
      if (router.wildcardStart >= 0) wanted.set('*', text.slice(router.wildcardStart));
      expect(parameters).toEqual(wanted);
    }),
  );
});
