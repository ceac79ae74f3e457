/** Estimates in the whole: what is predicted for a request, and what the runs change. */
import { expect, it } from 'vitest';
import { Estimate, unmeasuredNs } from '../../src/core/estimate.ts';
import { Producer } from '../../src/core/producer.ts';
import { isParameterSource, parameterOf } from '../../src/core/request-parameter.ts';
import { writeRequest } from '../../src/core/request-text.ts';
import { CONTROL_BYTES } from '../../src/core/worker-control.ts';
import { Arena } from '../../src/ring/index.ts';
import { type Exchange, type ModelSpec, SLOT_BYTES } from '../../src/sandbox/index.ts';
import { codeOf, ECHO, luge, SPIN, small, TRAPS, until } from './guests.ts';

const SPEC: ConstructorParameters<typeof Estimate>[0] = {
  admissionPercentile: 70,
  expectedNs: 0,
  deadlineNs: 100e6,
  cpuLimitNs: 40e6,
  model: undefined,
};
const GIVEN: ModelSpec = { fits: false, biasNs: 1000, byteNs: 2, parameterNs: 50, parameter: '' };

function estimateOf(change: Partial<typeof SPEC> = {}): Estimate {
  const spec = { ...SPEC, ...change };
  return new Estimate(spec, Estimate.createBuffer(spec), 0);
}

function producer(): Producer {
  const arena = Arena.create({
    ...{ producers: 2, workers: 1, slots: 4, slotBytes: SLOT_BYTES },
    ...{ chunks: 4, chunkBytes: 16_384, controlBytes: CONTROL_BYTES },
    ...{ heaps: 0, budgets: 0 },
  });
  return new Producer({ arena, index: 0, admission: undefined, spinNs: 0 }, () => {});
}

function request(target: string, headers = '', body = ''): Exchange {
  const exchange = producer().acquire(0, 0, 1e9) as Exchange;
  const bytes = Buffer.from(body);
  writeRequest(exchange, { method: 'POST', target, headers }, '', bytes, 0, bytes.length);
  return exchange;
}

it('before_the_first_run_it_is_what_was_said_or_half_the_deadline', () => {
  expect(unmeasuredNs({ ...SPEC, expectedNs: 3e6 })).toBe(3e6);
  expect(unmeasuredNs({ ...SPEC, cpuLimitNs: 90e6 })).toBe(50e6);
  expect(unmeasuredNs(SPEC), 'no run can take longer than its limit').toBe(40e6);
  const forever = Number.POSITIVE_INFINITY;
  expect(unmeasuredNs({ ...SPEC, deadlineNs: forever, cpuLimitNs: forever })).toBe(3.6e12);
});

it('a_parameter_is_a_number_in_the_query_or_in_a_header', () => {
  const exchange = request('/f?12&n=30&m=x&n=5&=7', 'X-N: 2.5e3\r\nx-other: 1\r\n');
  const cases: [string, number][] = [
    ['query', 12],
    ['query:n', 30],
    ['query:m', Number.NaN],
    ['query:missing', Number.NaN],
    ['header:x-n', 2500],
    ['header:nobody', Number.NaN],
  ];
  for (const [source, value] of cases) expect(parameterOf(exchange, source), source).toBe(value);
});

it('what_is_no_plain_number_is_no_parameter', () => {
  const bad = [
    '0x10',
    'Infinity',
    'NaN',
    '1_000',
    '',
    '1,5',
    '1e',
    '--1',
    '1e9999',
    '9'.repeat(40),
  ];
  for (const text of bad) expect(parameterOf(request(`/f?n=${text}`), 'query:n'), text).toBeNaN();
  for (const text of ['7', '-7', '.5', '5.', '1E3', '+2']) {
    expect(parameterOf(request(`/f?n=${text}`), 'query:n'), text).toBe(Number(text));
  }
});

it('only_such_places_can_be_named', () => {
  const good = ['query', 'query:n', 'query:a.b', 'header:x-n'];
  const bad = ['', 'n', 'body:n', 'query:', 'query:a&b', 'header:', 'header:a b', 'Query:n'];
  expect(good.filter((source) => !isParameterSource(source))).toEqual([]);
  expect(bad.filter(isParameterSource)).toEqual([]);
});

it('a_given_model_goes_by_body_and_parameter', () => {
  const estimate = estimateOf({ model: { ...GIVEN, parameter: 'query:n' } });
  const exchange = request('/f?n=20', '', 'x'.repeat(300));
  estimate.predict(exchange);
  expect([exchange.estimateNs, exchange.parameter]).toEqual([1000 + 600 + 1000, 20]);
});

it('without_its_parameter_a_request_gets_the_percentile', () => {
  for (const model of [
    { ...GIVEN, parameter: 'query:n' },
    { ...GIVEN, parameter: 'header:n', fits: true },
  ]) {
    const estimate = estimateOf({ model });
    const exchange = request('/f?m=20');
    estimate.predict(exchange);
    expect([exchange.estimateNs, exchange.parameter]).toEqual([40e6, Number.NaN]);
    estimate.record(5000, 0, Number.NaN);
    estimate.predict(exchange);
    expect(exchange.estimateNs).toBe(5000);
  }
});

it('no_prediction_leaves_what_a_run_can_take', () => {
  const estimate = estimateOf({ model: { ...GIVEN, biasNs: -5000, byteNs: 1e6 } });
  expect(estimate.of(0, 0)).toBe(1);
  expect(estimate.of(1e9, 0)).toBe(40e6);
  const fitted = estimateOf({ model: { ...GIVEN, fits: true } });
  for (let i = 1; i < 200; i++) fitted.record(i * 1000, i, 0);
  for (const bytes of [0, 1, 1e12]) {
    const ns = fitted.of(bytes, 0);
    expect(ns >= 1 && ns <= 40e6, `${bytes}: ${ns}`).toBe(true);
  }
});

it('runs_that_ended_well_are_measured_and_no_others', async () => {
  await using runtime = await small();
  await runtime.load('traps', { wasm: TRAPS, deadlineMs: 60, expectedMs: 7 });
  const stats = () => runtime.stats().functions[0];
  expect(stats()).toMatchObject({ estimateNs: 7e6, measuredRuns: 0, fit: undefined });
  for (const body of ['u', 'd', 'm']) await codeOf(runtime.invoke('traps', { body }));
  for (let i = 0; i < 5; i++) await runtime.invoke('traps', { body: '-' });
  await until(() => stats()?.measuredRuns === 5, 'the last run is recorded behind its answer');
  expect(stats()?.estimateNs).toBeLessThan(7e6);
});

it('each_request_has_the_prediction_of_its_time', async () => {
  await using runtime = await small();
  // As long as its query says, in rounds.
  const wasm = luge(`(func (export "handle") (local $i i32)
    (drop (call $query (i32.const 0) (i32.const 8)))
    (local.set $i (i32.mul (i32.sub (i32.load8_u (i32.const 0)) (i32.const 48)) (i32.const 300000)))
    (loop $l
      (local.set $i (i32.sub (local.get $i) (i32.const 1)))
      (br_if $l (i32.gt_s (local.get $i) (i32.const 0)))))`);
  await runtime.load('work', { wasm, model: { fit: true, parameter: 'query' } });
  for (let i = 0; i < 80; i++) await runtime.invoke('work', { target: `/work?${1 + (i % 9)}` });
  const line = () => runtime.stats().functions[0]?.fit;
  await until(() => (line()?.parameterNs ?? 0) > 0, 'a longer way takes longer');
});

it('a_fit_survives_the_worker_that_was_at_it', async () => {
  await using runtime = await small();
  await runtime.load('echo', { wasm: ECHO, model: 'fit' });
  await runtime.load('spin', { wasm: SPIN });
  const held = codeOf(runtime.invoke('spin'));
  await until(() => runtime.stats().workers[0]?.held === 1, 'it runs');
  await runtime.killWorker(0);
  expect(await held).toBe('ERR_WORKER_LOST');
  for (let i = 0; i < 40; i++) await runtime.invoke('echo', { body: 'x'.repeat(i * 100) });
  await until(() => runtime.stats().functions[0]?.measuredRuns === 32, 'runs are recorded');
});

it('settings_of_estimates_are_checked', async () => {
  await using runtime = await small();
  const bad = [
    { admissionPercentile: 49 },
    { admissionPercentile: 100 },
    { admissionPercentile: 70.5 },
    { expectedMs: -1 },
    { expectedMs: Number.NaN },
    { expectedMs: Number.POSITIVE_INFINITY },
    { model: { biasNs: Number.NaN } },
    { model: { parameterNs: 5 } },
    { model: { fit: true as const, parameter: 'body' } },
  ];
  for (const options of bad) {
    const code = await codeOf(runtime.load('f', { wasm: ECHO, ...options }));
    expect(code, JSON.stringify(options)).toBe('ERR_INVALID_ARGUMENT');
  }
  expect(runtime.get('f')).toBeUndefined();
});
