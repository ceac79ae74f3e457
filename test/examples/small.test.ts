import { expect, test } from 'vitest';
import { seeded } from '../../examples/data/random.ts';
import { run } from './host.ts';

test('empty_answers_200_with_nothing', () => {
  expect(run('empty')).toMatchObject({ status: 200, text: '', error: undefined, pages: 0 });
});

test('fib_takes_n_from_query_or_body', () => {
  const values: [number, string][] = [
    ...([
      [0, '0'],
      [1, '1'],
      [2, '1'],
      [10, '55'],
      [20, '6765'],
      [25, '75025'],
    ] as [number, string][]),
  ];
  for (const [n, value] of values) {
    const fromQuery = run('fib', { query: String(n) });
    expect(fromQuery).toMatchObject({ status: 200, text: `${value}\n`, error: undefined });
    expect(fromQuery.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    expect(run('fib', { method: 'POST', body: ` ${n}\n` }).text).toBe(`${value}\n`);
  }
  expect(run('fib', { query: '3', body: '20' }).text).toBe('2\n');
});

test('fib_refuses_what_is_no_number_up_to_93', () => {
  for (const query of ['', 'x', '-1', '1.5', '94', '2O', 'n=3', '99999999999', '9'.repeat(5000)]) {
    for (const request of [{ query }, { body: query }]) {
      const { status, text, error, pages } = run('fib', request);
      expect({ status, error, pages }, query).toEqual({ status: 400, error: undefined, pages: 1 });
      expect(text).toBe('fib: expected a number from 0 to 93, as in /fib?20 or curl -d 20\n');
    }
  }
});

test('echo_passes_a_large_body_through_one_page', () => {
  const { uniform } = seeded(1);
  const body = Buffer.from(Array.from({ length: (1 << 20) + 7 }, () => uniform() * 256));
  const answer = run('echo', { body, headers: { 'Content-Type': 'image/x-icon' } });
  expect(answer.body.equals(body)).toBe(true);
  expect(answer.headers.get('content-type')).toBe('image/x-icon');
  expect(answer.pages).toBe(1);
  // A host that copies less than it was asked for is no end of the body.
  expect(run('echo', { body, readBytesMax: 1000 }).body.equals(body)).toBe(true);
});

test('echo_has_a_content_type_of_last_resort', () => {
  expect(run('echo').headers.get('content-type')).toBe('application/octet-stream');
  const refused = run('echo', { headers: { 'content-type': 'a\r\nb: c' } });
  expect(refused.headers.get('content-type')).toBe('application/octet-stream');
  const long = `text/${'x'.repeat(1000)}`;
  expect(run('echo', { headers: { 'content-type': long } }).headers.get('content-type')).toBe(long);
});

test('spin_ends_when_the_clock_says_so', () => {
  const answer = run('spin', { query: '50', clockStepNs: 1_000_000n });
  expect(answer).toMatchObject({ status: 200, text: 'spun 50 ms\n', error: undefined });
  // The first look at the clock is the start, then one for each run of arithmetic.
  expect(answer.clockReads).toBe(51);
  expect(run('spin', { body: '0' })).toMatchObject({ text: 'spun 0 ms\n', clockReads: 2 });
});

test('spin_refuses_other_arguments', () => {
  for (const query of ['', 'ever', '60001', '-5', '1e3']) {
    expect(run('spin', { query })).toMatchObject({
      status: 400,
      text: 'spin: expected milliseconds from 0 to 60000 or forever, as in /spin?100\n',
    });
  }
});

test('trap_ends_in_the_trap_that_is_asked_for', () => {
  const traps = {
    '': /unreachable/,
    unreachable: /unreachable/,
    div0: /divide by zero/,
    oob: /memory access out of bounds/,
    indirect: /table index|signature mismatch|null/,
    stack: /stack/,
  };
  for (const [query, message] of Object.entries(traps)) {
    const { error } = run('trap', { query });
    expect(error, query).toBeInstanceOf(query === 'stack' ? RangeError : WebAssembly.RuntimeError);
    expect((error as Error).message, query).toMatch(message);
  }
});

test('trap_refuses_other_kinds', () => {
  for (const query of ['div', 'div00', 'unreachablex', 'a query that is longer than the buffer']) {
    expect(run('trap', { query })).toMatchObject({
      status: 400,
      error: undefined,
      text: 'trap: expected ?div0, ?unreachable, ?oob, ?indirect or ?stack\n',
    });
  }
});
