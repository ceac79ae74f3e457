import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ConfigError, loadConfig, type ServeConfig } from '../../src/cli/config.ts';
import { entryText } from '../../src/cli/listen-entry.ts';
import type { ServeOverrides } from '../../src/cli/settings.ts';

let folder: string;
let cwd: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'luge-spec-'));
  cwd = join(folder, 'elsewhere');
  mkdirSync(cwd);
  for (const name of [
    'fib.wasm',
    'empty.wat',
    'both.wasm',
    'both.wat',
    'elsewhere/far.wasm',
    'native.wasm.so',
  ]) {
    writeFileSync(join(folder, name), '(module)');
  }
  writeFileSync(join(folder, 'void.wasm'), '');
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function load(spec: unknown, overrides: ServeOverrides = {}): ServeConfig {
  const path = join(folder, 'spec.json');
  writeFileSync(path, typeof spec === 'string' ? spec : JSON.stringify(spec));
  return loadConfig(path, overrides, { cwd });
}

function problems(spec: unknown): string[] {
  try {
    load(spec);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map((p) => `${p.path}: ${p.message}`.replaceAll(folder, '<spec>'));
  }
  return [];
}

function warnings(spec: unknown): string[] {
  return load(spec).warnings.map((warning) =>
    warning.replace(`${join(folder, 'spec.json')}: `, ''),
  );
}

const route = (more: object = {}): object => ({
  route: '/fib',
  path: 'fib.wasm.so',
  'admissions-percentile': 70,
  'relative-deadline-us': 20_000,
  ...more,
});
const tenant = (...routes: object[]): object => ({ name: 'gwu', port: 10_010, routes });

it('a_spec_in_the_manner_of_the_bimodal_experiment_is_served', () => {
  const config = load([
    {
      name: 'gwu',
      port: 10_010,
      routes: [
        route({ 'http-resp-content-type': 'image/png', 'expected-execution-us': 6000 }),
        route({ route: '/empty', path: 'empty.wasm.so', 'relative-deadline-us': 50_000 }),
      ],
    },
    {
      name: 'conix',
      port: 10_020,
      'replenishment-period-us': 100_000,
      'max-budget-us': 40_000,
      routes: [route({ route: '/fib2', 'admissions-percentile': 90 })],
    },
  ]);
  expect(config).toMatchObject({ dialect: 'sledge', scheduler: 'edf', workers: 'auto' });
  expect(config.tenants.map(({ name, listen }) => [name, ...listen.map(entryText)])).toEqual([
    ['gwu', '0.0.0.0:10010'],
    ['conix', '0.0.0.0:10020'],
  ]);
  expect(config.tenants[1]).toMatchObject({ replenishmentPeriodNs: 1e8, maxBudgetNs: 4e7 });
  expect(config.tenants[0]!.routes[0]).toEqual({
    route: '/fib',
    match: 'prefix',
    hosts: [],
    adds: {},
    module: join(folder, 'fib.wasm'),
    methods: undefined,
    contentType: 'image/png',
    response: 'raw',
    deadlineNs: 20_000_000,
    cpuLimitNs: 20_000_000,
    queueTimeoutNs: 20_000_000,
    maxPages: 1024,
    growth: 'retire',
    maxModuleBytes: 1 << 26,
    maxTableElements: 100_000,
    maxArrayBytes: 1 << 20,
    maxCallDepth: 8,
    maxBodyBytes: 16_777_216,
    maxOutputBytes: 16_777_216,
    streamHighWaterBytes: 16_777_216,
    requestBody: 'whole',
    requestHighWaterBytes: 65_536,
    maxConcurrency: Number.POSITIVE_INFINITY,
    prewarm: 0,
    env: {},
    args: [],
    cgiVariables: true,
    maxLogBytes: 65_536,
    folders: {},
    scratch: undefined,
    maxOpenFiles: 64,
    clockResolutionNs: 1000,
    tryArgs: undefined,
    admissionPercentile: 70,
    expectedNs: 6_000_000,
    model: undefined,
  });
  expect(config.tenants[0]!.routes[1]).toMatchObject({ contentType: 'text/plain' });
  expect(config.tenants[1]!.routes[0]).toMatchObject({ admissionPercentile: 90 });
  expect(config.warnings.map((warning) => warning.replace(/^.*spec\.json: /, ''))).toEqual([
    'relative-deadline-us is a hard limit in Luge: a request that is not answered by then gets 504 ([0].routes[0], [0].routes[1], [1].routes[0])',
  ]);
});

const MODEL = {
  path_preprocess: '0',
  'model-bias': 5_000_000,
  'model-scale': 1000,
  'model-num-of-param': 1,
  'model-beta1': 4000,
  'model-beta2': 0,
};

it('a_model_of_the_body_is_taken_in_cycles_of_the_clock_that_is_said', () => {
  const spec = [tenant(route(MODEL))];
  const config = load(spec, { procMhz: 2000 });
  // 5000 cycles and 4 for each byte, at half a nanosecond.
  expect(config.tenants[0]!.routes[0]!.model).toEqual({ biasNs: 2500, byteNs: 2 });
  expect(config.warnings.join('\n')).not.toMatch(/model/);
  // Without it the machine's own is taken, and said.
  expect(load(spec).tenants[0]!.routes[0]!.model).toEqual({
    biasNs: expect.any(Number) as number,
    byteNs: expect.any(Number) as number,
  });
  expect(warnings(spec).join('\n')).toMatch(
    /\[0\]\.routes\[0\]: the model is taken in cycles of \d+ MHz/,
  );
});

it('a_model_that_needs_another_module_is_fitted_and_one_that_is_not_whole_gives_way_to_the_percentile', () => {
  const two = [
    tenant(
      route({
        ...MODEL,
        path_preprocess: 'size.wasm.so',
        'model-num-of-param': 2,
        'model-beta2': 9,
      }),
    ),
  ];
  expect(load(two).tenants[0]!.routes[0]!.model).toBe('fit');
  expect(warnings(two).join('\n')).toMatch(/two parameters takes one from path_preprocess/);
  expect(warnings(two).join('\n')).not.toMatch(/path_preprocess has no effect/);
  // Nothing would take its number.
  const idle = [tenant(route({ ...MODEL, path_preprocess: 'size.wasm.so' }))];
  expect(warnings(idle).join('\n')).toMatch(
    /path_preprocess has no effect in this version \(\[0\]\.routes\[0\]\)/,
  );
  expect(warnings([tenant(route(MODEL))]).join('\n')).not.toMatch(/preprocess/);
  const part = [tenant(route({ 'model-bias': 5 }))];
  expect(load(part).tenants[0]!.routes[0]!.model).toBeUndefined();
  expect(warnings(part).join('\n')).toMatch(/the model is not complete/);
});

it('a_missing_or_useless_percentile_becomes_70_with_a_warning', () => {
  const spec = [
    tenant(
      route({ 'admissions-percentile': undefined }),
      route({ route: '/b', 'admissions-percentile': 49 }),
      route({ route: '/c', 'admissions-percentile': 100 }),
      route({ route: '/d', 'admissions-percentile': 50 }),
      route({ route: '/e', 'admissions-percentile': 99 }),
    ),
  ];
  expect(load(spec).tenants[0]!.routes.map((r) => r.admissionPercentile)).toEqual([
    70, 70, 70, 50, 99,
  ]);
  expect(warnings(spec).slice(0, 3)).toEqual([
    '[0].routes[0]: admissions-percentile is missing, 70 is used',
    '[0].routes[1]: admissions-percentile 49 is not from 50 to 99, 70 is used',
    '[0].routes[2]: admissions-percentile 100 is not from 50 to 99, 70 is used',
  ]);
});

it('a_missing_or_zero_deadline_does_not_stop_the_server', () => {
  const spec = [
    tenant(
      route({ 'relative-deadline-us': undefined }),
      route({ route: '/b', 'relative-deadline-us': 0 }),
    ),
  ];
  expect(load(spec).tenants[0]!.routes.map((r) => r.deadlineNs)).toEqual([30e9, 30e9]);
  expect(warnings(spec)).toEqual([
    '[0].routes[0]: relative-deadline-us is missing or 0, 30000000 is used',
    '[0].routes[1]: relative-deadline-us is missing or 0, 30000000 is used',
  ]);
});

it('a_route_hidden_by_an_earlier_prefix_is_named', () => {
  const spec = [tenant(route(), route({ route: '/fib2' }), route({ route: '/fi' }))];
  expect(load(spec).tenants[0]!.routes.map((r) => r.route)).toEqual(['/fib', '/fib2', '/fi']);
  expect(warnings(spec)[0]).toBe(
    '[0].routes[1]: "/fib2" is never reached: "/fib" stands before it and matches first',
  );
  expect(warnings(spec).filter((warning) => warning.includes('never'))).toHaveLength(1);
});

it('warnings_of_many_routes_are_one_line', () => {
  const routes = Array.from({ length: 6 }, (_, i) => route({ route: `/${i}`, 'stack-size': 1 }));
  expect(warnings([tenant(...routes)])[0]).toBe(
    'stack-size has no effect in this version ([0].routes[0], [0].routes[1], [0].routes[2] and 3 more)',
  );
});

it.each([
  ['fib.wasm.so', 'fib.wasm'],
  ['fib.so', 'fib.wasm'],
  ['fib.wasm', 'fib.wasm'],
  ['empty.wasm.so', 'empty.wat'],
  ['empty.wat.so', 'empty.wat'],
  ['empty.wat', 'empty.wat'],
  ['both.wasm.so', 'both.wasm'],
  ['far.wasm.so', 'elsewhere/far.wasm'],
])('the_module_for_%s_is_%s', (path, found) => {
  expect(load([tenant(route({ path }))]).tenants[0]!.routes[0]!.module).toBe(join(folder, found));
});

it('a_native_build_alone_is_refused_with_what_to_give_instead', () => {
  expect(problems([tenant(route({ path: 'native.wasm.so' }))])).toEqual([
    '[0].routes[0].path: there is no "native.wasm" or "native.wat" in <spec> or <spec>/elsewhere: "native.wasm.so" is a native build of aWsm, which Luge cannot run; give the .wasm that it was built from, or put it there',
  ]);
});

it('overrides_reach_every_route', () => {
  const config = load([tenant(route(), route({ route: '/b' }))], {
    deadlineNs: 1,
    maxPages: 2,
    host: '::1',
    port: 9,
  });
  expect(config.tenants[0]).toMatchObject({ listen: [{ host: '::1', port: 9 }] });
  for (const one of config.tenants[0]!.routes) {
    expect(one).toMatchObject({ deadlineNs: 1, cpuLimitNs: 1, queueTimeoutNs: 1, maxPages: 2 });
  }
});

it.each<[string, unknown, string[]]>([
  [
    'empty array',
    [],
    [': must be a non-empty array of tenants (at most 1024), found an empty array'],
  ],
  [
    'tenant without routes',
    [tenant()],
    ['[0].routes: must be a non-empty array of routes (at most 4096), found an empty array'],
  ],
  [
    'empty tenant',
    [{}],
    [
      '[0].name: missing: must be a non-empty name without control characters',
      '[0].port: missing: must be a whole number from 0 to 65535',
      '[0].routes: missing: must be a non-empty array of routes (at most 4096)',
    ],
  ],
  [
    'route without a slash',
    [tenant(route({ route: 'fib' }))],
    ['[0].routes[0].route: must be a prefix that begins with "/", without blanks, found "fib"'],
  ],
  [
    'deadline above an hour',
    [tenant(route({ 'relative-deadline-us': 3_600_000_001 }))],
    [
      '[0].routes[0].relative-deadline-us: must be a whole number from 0 to 3600000000, found 3600000001',
    ],
  ],
  [
    'budget above an hour',
    [{ ...tenant(route()), 'max-budget-us': 3_600_000_001 }],
    ['[0].max-budget-us: must be a whole number from 0 to 3600000000, found 3600000001'],
  ],
  [
    'percentile beyond uint8',
    [tenant(route({ 'admissions-percentile': 256 }))],
    ['[0].routes[0].admissions-percentile: must be a whole number from 0 to 255, found 256'],
  ],
  [
    'scale 0',
    [tenant(route({ 'model-scale': 0 }))],
    ['[0].routes[0].model-scale: must be a whole number from 1 to 4294967295, found 0'],
  ],
  [
    'three parameters',
    [tenant(route({ 'model-num-of-param': 3 }))],
    ['[0].routes[0].model-num-of-param: must be a whole number from 1 to 2, found 3'],
  ],
  [
    'second factor 0',
    [tenant(route({ 'model-num-of-param': 2, 'model-beta2': 0 }))],
    ['[0].routes[0].model-beta2: must not be 0 with two parameters'],
  ],
  [
    'string for a number',
    [{ ...tenant(route()), port: '80' }],
    ['[0].port: must be a whole number from 0 to 65535, found "80"'],
  ],
  [
    'kebab-case preprocess',
    [tenant(route({ 'path-preprocess': '0' }))],
    ['[0].routes[0].path-preprocess: unknown key; did you mean "path_preprocess"?'],
  ],
  [
    'key of the private branch',
    [tenant(route({ 'reservation-percentile': 1 }))],
    ['[0].routes[0].reservation-percentile: unknown key'],
  ],
  [
    'key of Luge',
    [tenant(route({ deadlineMs: 1 }))],
    ['[0].routes[0].deadlineMs: unknown key; did you mean "relative-deadline-us"?'],
  ],
  [
    'equal names and ports',
    [tenant(route()), tenant(route())],
    ['[1].name: "gwu" is already the name of [0]', '[1].port: 10010 is already the port of [0]'],
  ],
  [
    'empty module',
    [tenant(route({ path: 'void.wasm' }))],
    ['[0].routes[0].path: <spec>/void.wasm: is empty'],
  ],
  [
    'missing module',
    [tenant(route({ path: 'no.wasm' }))],
    ['[0].routes[0].path: there is no "no.wasm" in <spec> or <spec>/elsewhere'],
  ],
  [
    'missing absolute module',
    [tenant(route({ path: '/no/no.wasm' }))],
    ['[0].routes[0].path: there is no "/no/no.wasm"'],
  ],
  [
    'duplicate key',
    '[{"name":"a","name":"b","port":1,"routes":[{"route":"/","path":"fib.wasm"}]}]',
    ['[0].name: duplicate key (first at 1:3)'],
  ],
])('refuses_%s', (_, spec, expected) => {
  expect(problems(spec)).toEqual(expected);
});
