import { describe, expect, test } from 'vitest';
import { fieldValues, soleValue, withHost, withoutFields } from '../../src/http/header-lines.ts';
import { type RouteFieldSettings, RouteFields } from '../../src/http/route-fields.ts';
import { isTraceParent, withTrace } from '../../src/http/trace-context.ts';
import { latin1 } from './feed.ts';

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const PARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

function begin(settings: RouteFieldSettings, lines: string) {
  const bytes = latin1(`GET / HTTP/1.1\r\n${lines}\r\n`);
  const fields = RouteFields.of(settings)?.begin(bytes, 16, 16 + lines.length);
  const toGuest = fields?.requestLines;
  return {
    fields,
    toGuest: toGuest === undefined ? undefined : Buffer.from(toGuest).toString('latin1'),
  };
}

test('fields are found by their whole name, in any letter case', () => {
  const lines = 'X-A: 1\r\nx-ab: 2\r\nX-a:  3 \r\nB:x-a:4\r\n';
  expect(fieldValues(lines, 'x-a')).toEqual(['1', '3']);
  expect([soleValue(lines, 'x-a'), soleValue(lines, 'b'), soleValue(lines, 'c')]).toEqual([
    undefined,
    'x-a:4',
    undefined,
  ]);
  expect(withoutFields(lines, 'x-a', 'b')).toBe('x-ab: 2\r\n');
});

test('the host of a target stands for that of the field', () => {
  expect(withHost('A: b\r\nhost: x\r\nC: d\r\n', 'y:1')).toBe('Host: y:1\r\nA: b\r\nC: d\r\n');
});

test('a route that adds nothing has no such thing', () => {
  expect(RouteFields.of(undefined)).toBeUndefined();
  expect(RouteFields.of({})).toBeUndefined();
  expect(RouteFields.of({ headers: {}, serverTiming: false, traceContext: false })).toBeUndefined();
});

test('what does not depend on a request is made once', () => {
  const fields = RouteFields.of({ headers: { A: 'b' }, serverTiming: true }) as RouteFields;
  expect(fields.begin(latin1(''), 0, 0)).toBe(fields.begin(latin1('X: y\r\n'), 0, 6));
});

describe('request id', () => {
  test('each request gets a new one, in the place of what its client sent', () => {
    const { fields, toGuest } = begin({ requestId: {} }, 'A: b\r\nx-REQUEST-id: mine\r\n');
    expect(fields?.id).toMatch(UUID);
    expect(toGuest).toBe(`A: b\r\nX-Request-Id: ${fields?.id}\r\n`);
    expect(begin({ requestId: {} }, '').fields?.id).not.toBe(fields?.id);
  });

  test('one that is trusted and well-formed stays as it is', () => {
    const settings = { requestId: { header: 'X-Call', trust: true } };
    for (const id of ['a', '0-9_A.z~+/=@:', 'x'.repeat(128)]) {
      const { fields, toGuest } = begin(settings, `X-Call: ${id}\r\n`);
      expect([fields?.id, toGuest]).toEqual([id, undefined]);
    }
    for (const id of ['', 'a b', 'a"b', 'a\\b', 'é', 'x'.repeat(129), 'a\r\nX-Call: b']) {
      const { fields, toGuest } = begin(settings, `X-Call: ${id}\r\n`);
      expect(fields?.id, id).toMatch(UUID);
      expect(toGuest, id).toBe(`X-Call: ${fields?.id}\r\n`);
    }
  });
});

describe('trace context', () => {
  test('what is a traceparent', () => {
    for (const value of [
      PARENT,
      PARENT.replace(/^00/, 'cc'),
      `${PARENT.replace(/^00/, 'cc')}-more`,
    ]) {
      expect(isTraceParent(value), value).toBe(true);
    }
    for (const value of [
      '',
      PARENT.toUpperCase(),
      `${PARENT}-more`,
      PARENT.replace(/^00/, 'ff'),
      `${PARENT.replace(/^00/, 'cc')}.more`,
      PARENT.replace('0af7651916cd43dd8448eb211c80319c', '0'.repeat(32)),
      PARENT.replace('b7ad6b7169203331', '0'.repeat(16)),
      PARENT.slice(0, -1),
      PARENT.replace('-', '_'),
      ` ${PARENT}`,
    ]) {
      expect(isTraceParent(value), value).toBe(false);
    }
  });

  test('a good one goes on with its state, another one goes with it, and a trace begins', () => {
    const good = `A: b\r\nTraceParent: ${PARENT}\r\ntracestate: x=1\r\n`;
    expect(withTrace(good)).toBe(good);
    expect(begin({ traceContext: true }, good).toGuest).toBeUndefined();
    for (const bad of [
      'A: b\r\ntraceparent: no\r\ntracestate: x=1\r\nTRACESTATE: y=2\r\n',
      `traceparent: ${PARENT}\r\nA: b\r\ntraceparent: ${PARENT}\r\n`,
      'tracestate: x=1\r\nA: b\r\n',
    ]) {
      const made = withTrace(bad);
      expect(made).toMatch(/^A: b\r\ntraceparent: 00-[0-9a-f]{32}-[0-9a-f]{16}-00\r\n$/);
      expect(isTraceParent(soleValue(made, 'traceparent') ?? '')).toBe(true);
    }
  });
});

test('what a route cannot add is refused by its name', () => {
  const refusal = (settings: RouteFieldSettings): string => {
    try {
      RouteFields.of(settings);
    } catch (error) {
      return `${(error as { code: string }).code} ${(error as Error).message}`;
    }
    return 'none';
  };
  for (const name of [
    'Connection',
    'content-LENGTH',
    'Date',
    'Transfer-Encoding',
    'Trailer',
    'Upgrade',
    'Keep-Alive',
    'Content-Type',
    'a b',
    '',
  ]) {
    expect(refusal({ headers: { [name]: 'x' } }), name).toContain(
      `ERR_ROUTE_HEADER header "${name}"`,
    );
    if (name !== 'Content-Type' && name !== '') {
      expect(refusal({ requestId: { header: name } }), name).toContain('ERR_ROUTE_HEADER');
    }
  }
  for (const value of ['', ' a', 'a ', 'a\r\nb: c', 'a\0', 'x'.repeat(4097), '\u0100']) {
    expect(refusal({ headers: { A: value } }), JSON.stringify(value)).toContain('visible text');
  }
  expect(refusal({ headers: { A: 'x', a: 'y' } })).toContain('there twice');
  expect(refusal({ headers: { A: 'a\té b', B: 'x'.repeat(4096) } })).toBe('none');
});
