/** Heads of answers are kept from one to the next: each must still be its own. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Answer } from '../../src/http/answer.ts';
import { wholeHead } from '../../src/http/answer-text.ts';
import type { HttpRoute } from '../../src/http/api.ts';
import type { Exchange } from '../../src/sandbox/index.ts';

interface Case {
  readonly status: number;
  readonly length: number;
  readonly isTyped: boolean;
  readonly fields: string;
  readonly contentType: string;
  readonly keepsAlive: boolean;
  readonly minorVersion: number;
  readonly second: number;
}

/** Few values, so that neighbours differ in one thing, or in none. */
const one: fc.Arbitrary<Case> = fc.record({
  status: fc.constantFrom(200, 204, 404),
  length: fc.constantFrom(0, 7, 70),
  isTyped: fc.boolean(),
  fields: fc.constantFrom('', '', '', 'X-A: 1\r\n'),
  contentType: fc.constantFrom('text/plain', 'text/css'),
  keepsAlive: fc.boolean(),
  minorVersion: fc.constantFrom(0, 1),
  second: fc.constantFrom(10, 11),
});

function headOf({ status, length, isTyped, fields, ...rest }: Case): string {
  const { contentType, keepsAlive, minorVersion, second } = rest;
  const owner = { complete: () => {}, part: () => {} };
  const route = { contentType } as HttpRoute;
  const answer = new Answer(owner, route, keepsAlive, minorVersion, false);
  const headers = { length: fields.length, latin1: () => fields };
  const exchange = { status, body: { length }, isTyped, headers } as unknown as Exchange;
  return wholeHead(answer, exchange, { text: `Date: ${second}\r\n`, value: '', update: () => {} });
}

const REASONS: Record<number, string> = { 200: 'OK', 204: 'No Content', 404: 'Not Found' };

function expected(c: Case): string[] {
  const kept = c.minorVersion === 0 ? ['Connection: keep-alive'] : [];
  return [
    `HTTP/1.1 ${c.status} ${REASONS[c.status]}`,
    `Date: ${c.second}`,
    ...(c.length > 0 && !c.isTyped ? [`Content-Type: ${c.contentType}`] : []),
    ...(c.status === 204 ? [] : [`Content-Length: ${c.length}`]),
    ...(c.keepsAlive ? kept : ['Connection: close']),
    ...(c.fields === '' ? [] : ['X-A: 1']),
    '',
    '',
  ];
}

it('a_head_says_what_its_answer_is_whatever_went_out_before', () => {
  fc.assert(
    fc.property(fc.array(one, { minLength: 1, maxLength: 60, size: 'max' }), (cases) => {
      for (const c of cases) expect(headOf(c).split('\r\n')).toEqual(expected(c));
    }),
    { numRuns: 200 },
  );
});

it('neighbours_that_differ_in_one_thing_have_heads_of_their_own', () => {
  const base: Case = {
    ...{ status: 200, length: 7, isTyped: false, fields: '', contentType: 'text/plain' },
    ...{ keepsAlive: true, minorVersion: 1, second: 10 },
  };
  const others: Partial<Case>[] = [
    { status: 404 },
    { length: 8 },
    { isTyped: true },
    { contentType: 'text/css' },
    { keepsAlive: false },
    { minorVersion: 0 },
    { second: 11 },
    { fields: 'X-A: 1\r\n' },
  ];
  for (const other of others) {
    const c = { ...base, ...other };
    for (const each of [base, c, base]) {
      expect(headOf(each).split('\r\n')).toEqual(expected(each));
    }
  }
});
