import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConfigError, loadConfig, type ServeConfig } from '../../src/cli/config.ts';
import { entryText } from '../../src/cli/listen-entry.ts';
import type { ServeOverrides } from '../../src/cli/settings.ts';

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'luge-config-'));
  writeFileSync(join(folder, 'a.wat'), '(module)');
  writeFileSync(join(folder, 'b.wasm'), Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));
  writeFileSync(join(folder, 'empty.wasm'), '');
  mkdirSync(join(folder, 'dir.wasm'));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

function load(content: unknown, overrides: ServeOverrides = {}): ServeConfig {
  return loadConfig(write('luge.json', JSON.stringify(content)), overrides);
}

/** The problems of a file as `path: message`, the folder left out. */
function problems(content: unknown, overrides: ServeOverrides = {}): string[] {
  try {
    load(content, overrides);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map((p) => `${p.path}: ${p.message}`.replaceAll(`${folder}/`, ''));
  }
  return [];
}

const route = (more: object = {}): object => ({ route: '/a', module: 'a.wat', ...more });

describe('luge form', () => {
  it('defaults_are_filled_in', () => {
    const config = load({ routes: [route()] });
    expect(config).toMatchObject({
      dialect: 'luge',
      workers: 'auto',
      listeners: 'auto',
      scheduler: 'edf',
      native: 'auto',
      timer: 'auto',
      pin: false,
      quantumNs: 1_000_000,
      maxQueue: 1024,
      logRequests: false,
      warnings: [],
      http: {
        maxHeadBytes: 16_384,
        maxHeaders: 100,
        idleTimeoutMs: 60_000,
        headTimeoutMs: 10_000,
        bodyTimeoutMs: 30_000,
        writeTimeoutMs: 30_000,
        minBytesPerSecond: 500,
        maxConnections: 10_000,
        maxRequestsPerConnection: Number.POSITIVE_INFINITY,
        maxPipelined: 16,
        maxStreams: 100,
        http2: true,
        drainTimeoutMs: 10_000,
      },
    });
    expect(config.tenants).toEqual([
      {
        name: 'default',
        listen: [{ kind: 'tcp', host: '127.0.0.1', port: 8080, ipv6Only: false }],
        replenishmentPeriodNs: 0,
        maxBudgetNs: 0,
        kvMaxBytes: undefined,
        maxConcurrency: Number.POSITIVE_INFINITY,
        utilization: Number.POSITIVE_INFINITY,
        maxIdleSandboxes: Number.POSITIVE_INFINITY,
        routes: [
          {
            route: '/a',
            match: 'luge',
            module: join(folder, 'a.wat'),
            methods: undefined,
            contentType: 'application/octet-stream',
            response: 'raw',
            deadlineNs: 30e9,
            cpuLimitNs: 10e9,
            queueTimeoutNs: 30e9,
            maxPages: 1024,
            growth: 'retire',
            maxModuleBytes: 1 << 26,
            maxTableElements: 100_000,
            maxArrayBytes: 1 << 20,
            maxBodyBytes: 1 << 20,
            maxOutputBytes: 4 << 20,
            maxLogBytes: 65_536,
            streamHighWaterBytes: 1 << 18,
            requestBody: 'whole',
            requestHighWaterBytes: 1 << 16,
            maxCallDepth: 8,
            maxConcurrency: Number.POSITIVE_INFINITY,
            prewarm: 0,
            env: {},
            cgiVariables: true,
            args: [],
            hosts: [],
            adds: { headers: {}, serverTiming: false, traceContext: false },
            folders: {},
            scratch: undefined,
            maxOpenFiles: 64,
            clockResolutionNs: 1000,
            tryArgs: undefined,
            admissionPercentile: 70,
            expectedNs: 0,
            model: undefined,
          },
        ],
      },
    ]);
  });

  it('every_key_reaches_the_result_in_its_unit', () => {
    const config = load({
      $schema: 'https://example.org/luge.json',
      host: '::1',
      port: 0,
      workers: 3,
      listeners: 2,
      scheduler: 'fifo',
      timer: 'js',
      pin: [1, 0],
      quantumUs: 250,
      maxQueue: 16,
      spinUs: 7,
      maxSandboxesPerWorker: 9,
      maxHeapMbPerWorker: 64,
      logRequests: true,
      kv: {
        maxBytes: 1 << 20,
        maxTenantBytes: 65536,
        maxKeyBytes: 100,
        maxValueBytes: 4096,
        file: 'state.db',
      },
      http: {
        maxHeadBytes: 2048,
        maxHeaders: 5,
        idleTimeoutMs: 1,
        headTimeoutMs: 2,
        bodyTimeoutMs: 3,
        writeTimeoutMs: 5,
        minBytesPerSecond: 6,
        maxConnections: 4,
        maxRequestsPerConnection: 7,
        maxPipelined: 8,
        maxStreams: 9,
        http2: 'h2c',
        drainTimeoutMs: 0,
      },
      routes: [
        {
          route: '/x/:id',
          module: 'b.wasm',
          methods: ['GET', 'POST'],
          contentType: 'text/html; charset=utf-8',
          response: 'cgi',
          deadlineMs: 0.5,
          cpuLimitMs: 20,
          queueTimeoutMs: 0.25,
          memory: { maxPages: 16, growth: 'keep' },
          maxModuleBytes: 3000,
          maxTableElements: 0,
          maxArrayBytes: 1 << 22,
          maxBodyBytes: 0,
          maxOutputBytes: 10,
          streamHighWaterBytes: 5000,
          requestBody: 'stream',
          requestHighWaterBytes: 6000,
          maxCallDepth: 0,
          maxConcurrency: 5,
          prewarm: 2,
          env: { A: '1' },
          args: ['-v', ''],
          try: '?10',
        },
      ],
    });
    expect(config.kv).toEqual({
      maxBytes: 1 << 20,
      maxTenantBytes: 65536,
      maxKeyBytes: 100,
      maxValueBytes: 4096,
      file: join(folder, 'state.db'),
    });
    expect(config.tenants[0]?.routes[0]?.maxCallDepth).toBe(0);
    expect(config).toMatchObject({
      workers: 3,
      listeners: 2,
      scheduler: 'fifo',
      native: 'auto',
      timer: 'js',
      pin: [1, 0],
      quantumNs: 250_000,
      maxQueue: 16,
      spinNs: 7000,
      maxSandboxesPerWorker: 9,
      maxHeapMbPerWorker: 64,
      logRequests: true,
      http: {
        maxHeadBytes: 2048,
        maxHeaders: 5,
        idleTimeoutMs: 1,
        headTimeoutMs: 2,
        bodyTimeoutMs: 3,
        writeTimeoutMs: 5,
        minBytesPerSecond: 6,
        maxConnections: 4,
        maxRequestsPerConnection: 7,
        maxPipelined: 8,
        maxStreams: 9,
        http2: 'h2c',
        drainTimeoutMs: 0,
      },
    });
    expect(config.tenants[0]).toMatchObject({ listen: [{ host: '::1', port: 0 }] });
    expect(config.tenants[0]!.routes[0]).toMatchObject({
      route: '/x/:id',
      module: join(folder, 'b.wasm'),
      methods: ['GET', 'POST'],
      contentType: 'text/html; charset=utf-8',
      response: 'cgi',
      deadlineNs: 500_000,
      cpuLimitNs: 20_000_000,
      queueTimeoutNs: 250_000,
      maxPages: 16,
      growth: 'keep',
      maxModuleBytes: 3000,
      maxTableElements: 0,
      maxArrayBytes: 1 << 22,
      maxBodyBytes: 0,
      maxOutputBytes: 10,
      streamHighWaterBytes: 5000,
      requestBody: 'stream',
      requestHighWaterBytes: 6000,
      maxConcurrency: 5,
      prewarm: 2,
      env: { A: '1' },
      args: ['-v', ''],
      tryArgs: '?10',
    });
  });

  it('routes_inherit_from_defaults_field_by_field', () => {
    const config = load({
      defaults: {
        deadlineMs: 5,
        contentType: 'text/css',
        memory: { maxPages: 2, growth: 'keep' },
        env: { A: 'file', B: 'file' },
      },
      routes: [route({ memory: { maxPages: 3 }, env: { A: 'route' } })],
    });
    expect(config.tenants[0]!.routes[0]).toMatchObject({
      deadlineNs: 5e6,
      queueTimeoutNs: 5e6,
      contentType: 'text/css',
      maxPages: 3,
      growth: 'keep',
      env: { A: 'route', B: 'file' },
    });
  });

  it('tenants_have_ports_and_may_have_hosts', () => {
    const { tenants, warnings } = load({
      host: '127.0.0.2',
      tenants: [
        { name: 'a', port: 1, routes: [route()] },
        { name: 'b', port: 1, host: '127.0.0.3', routes: [route()] },
        { name: 'c', port: 0, routes: [route()], replenishmentPeriodUs: 20, maxBudgetUs: 10 },
        { name: 'd', port: 0, routes: [route()] },
      ],
    });
    expect(tenants.map(({ name, listen }) => [name, ...listen.map(entryText)])).toEqual([
      ['a', '127.0.0.2:1'],
      ['b', '127.0.0.3:1'],
      ['c', '127.0.0.2:0'],
      ['d', '127.0.0.2:0'],
    ]);
    expect(tenants[2]).toMatchObject({ replenishmentPeriodNs: 20_000, maxBudgetNs: 10_000 });
    expect(warnings).toEqual([]);
  });

  it('module_paths_start_at_the_files_folder', () => {
    const path = write('luge.json', JSON.stringify({ routes: [route()] }));
    const config = loadConfig(relative(process.cwd(), path));
    expect(config.tenants[0]!.routes[0]!.module).toBe(join(folder, 'a.wat'));
  });

  it('all_problems_are_reported_at_once_in_file_order', () => {
    expect(
      problems({
        port: 70_000,
        workers: 'many',
        quantumUS: 5,
        http: { maxHeadBytes: 5, idleTimeout: 1 },
        defaults: { deadlineMs: 'x', env: { 'A=B': 'c', D: 5 } },
        routes: [
          { route: 'a', module: 'a.wasm', methods: ['get', 'GET', 'GET'] },
          { route: '/a', path: 'a.wat' },
          { route: '/a', module: 'a.wat', deadlineMs: 0, try: 'a\nb' },
          { route: '/a?b', module: '', memory: { maxPages: 1.5, growth: 'no' } },
          5,
        ],
      }),
    ).toMatchInlineSnapshot(`
      [
        "port: must be a whole number from 0 to 65535, found 70000",
        "workers: must be "auto" or a whole number from 1 to 64, found "many"",
        "quantumUS: unknown key; did you mean "quantumUs"?",
        "http.maxHeadBytes: must be a whole number from 1024 to 1048576, found 5",
        "http.idleTimeout: unknown key; did you mean "idleTimeoutMs"?",
        "defaults.deadlineMs: must be a number from 0.001 to 3600000, found "x"",
        "defaults.env["A=B"]: a variable has a name without "=" and NUL",
        "defaults.env.D: must be a string without NUL, found 5",
        "routes[0].route: must be a pattern that begins with "/", without blanks, "?" and "#", found "a"",
        "routes[0].module: a.wasm: no such file; did you mean "a.wat"?",
        "routes[0].methods[0]: must be a method in capitals, such as "GET", found "get"",
        "routes[0].methods[2]: "GET" is already in the list",
        "routes[1].module: missing: must be the path of a .wasm or .wat file",
        "routes[1].path: unknown key; did you mean "module"?",
        "routes[2].route: "/a" is already the route of routes[1], for the same methods",
        "routes[2].deadlineMs: must be a number from 0.001 to 3600000, found 0",
        "routes[2].try: must be printable text on one line, found "a\\nb"",
        "routes[3].route: must be a pattern that begins with "/", without blanks, "?" and "#", found "/a?b"",
        "routes[3].module: must be the path of a .wasm or .wat file, found """,
        "routes[3].memory.maxPages: must be a whole number from 1 to 65536, found 1.5",
        "routes[3].memory.growth: must be one of "retire", "keep", found "no"",
        "routes[4]: must be an object, found 5",
      ]
    `);
  });

  it('each_problem_has_its_line_and_column', () => {
    const path = write(
      'place.json',
      '{\n  "routes": [\n    { "route": "/a", "module": "a.wat",\n      "deadlineMs": -1, "methds": [] }\n  ]\n}',
    );
    expect(() => loadConfig(path)).toThrow(
      [
        `${path}:4:21: routes[0].deadlineMs: must be a number from 0.001 to 3600000, found -1`,
        `${path}:4:25: routes[0].methds: unknown key; did you mean "methods"?`,
      ].join('\n'),
    );
  });

  it.each<[string, object, string]>([
    ['neither routes nor tenants', {}, ': missing: either "routes" or "tenants" must be there'],
    [
      'no routes',
      { routes: [] },
      'routes: must be a non-empty array of routes (at most 4096), found an empty array',
    ],
    [
      'routes of another kind',
      { routes: {} },
      'routes: must be a non-empty array of routes (at most 4096), found an object',
    ],
    [
      'fraction of a port',
      { port: 1.5, routes: [route()] },
      'port: must be a whole number from 0 to 65535, found 1.5',
    ],
    [
      'no workers',
      { workers: 0, routes: [route()] },
      'workers: must be "auto" or a whole number from 1 to 64, found 0',
    ],
    [
      'too many listeners',
      { listeners: 17, routes: [route()] },
      'listeners: must be "auto" or a whole number from 1 to 16, found 17',
    ],
    [
      'unknown scheduler',
      { scheduler: 'lifo', routes: [route()] },
      'scheduler: must be one of "fifo", "rr", "edf", "sjf", "mtds", or the path of a module that begins with ./, ../ or /, found "lifo"',
    ],
    [
      'host with blanks',
      { host: 'a b', routes: [route()] },
      'host: must be a host name or an IP address, found "a b"',
    ],
    [
      'http2 of no kind',
      { http: { http2: 'on' }, routes: [route()] },
      'http.http2: must be true, false or "h2c", found "on"',
    ],
    [
      'timeout switched off',
      { http: { idleTimeoutMs: 0 }, routes: [route()] },
      'http.idleTimeoutMs: must be a whole number from 1 to 3600000, found 0',
    ],
    [
      'deadline above an hour',
      { routes: [route({ deadlineMs: 3_600_001 })] },
      'routes[0].deadlineMs: must be a number from 0.001 to 3600000, found 3600001',
    ],
    [
      'null',
      { routes: [route({ env: null })] },
      'routes[0].env: must be an object of strings, found null',
    ],
    [
      'line break in a header',
      { routes: [route({ contentType: 'a/b\r\nX: y' })] },
      'routes[0].contentType: must be a media type such as "application/json", found "a/b\\r\\nX: y"',
    ],
    [
      'no methods',
      { routes: [route({ methods: [] })] },
      'routes[0].methods: must be a non-empty array of methods (at most 32), found an empty array',
    ],
    [
      'NUL in an argument',
      { routes: [route({ args: ['\0'] })] },
      'routes[0].args[0]: must be a string without NUL, found "\\u0000"',
    ],
    [
      'SLEdge key',
      { routes: [route({ 'relative-deadline-us': 5 })] },
      'routes[0].relative-deadline-us: unknown key; did you mean "deadlineMs"?',
    ],
    ['nothing similar', { routes: [route({ zzz: 5 })] }, 'routes[0].zzz: unknown key'],
    [
      'name of Object.prototype',
      { routes: [route({ constructor: 5 })] },
      'routes[0].constructor: unknown key',
    ],
    [
      'missing module',
      { routes: [route({ module: 'no.wasm' })] },
      'routes[0].module: no.wasm: no such file',
    ],
    [
      'module of the other kind',
      { routes: [route({ module: 'a.wasm' })] },
      'routes[0].module: a.wasm: no such file; did you mean "a.wat"?',
    ],
    [
      'directory',
      { routes: [route({ module: 'dir.wasm' })] },
      'routes[0].module: dir.wasm: is a directory, not a module',
    ],
    [
      'empty module',
      { routes: [route({ module: 'empty.wasm' })] },
      'routes[0].module: empty.wasm: is empty',
    ],
    [
      'file as a folder',
      { routes: [route({ module: 'a.wat/b.wasm' })] },
      'routes[0].module: a.wat/b.wasm: no such file',
    ],
    [
      'equal routes',
      { routes: [route(), route()] },
      'routes[1].route: "/a" is already the route of routes[0], for the same methods',
    ],
    [
      'overlapping methods',
      { routes: [route({ methods: ['GET'] }), route({ methods: ['POST', 'GET'] })] },
      'routes[1].route: "/a" is already the route of routes[0], for the same methods',
    ],
    [
      'budget without a period',
      { tenants: [{ name: 'a', port: 1, maxBudgetUs: 1, routes: [route()] }] },
      'tenants[0].maxBudgetUs: without "replenishmentPeriodUs" it says nothing',
    ],
    [
      'tenant without a port',
      { tenants: [{ name: 'a', routes: [route()] }] },
      'tenants[0].port: missing: must be a whole number from 0 to 65535',
    ],
    [
      'tenants and a port',
      { port: 1, tenants: [{ name: 'a', port: 1, routes: [route()] }] },
      'port: with "tenants", each tenant has a port of its own',
    ],
  ])('refuses_%s', (_, content, problem) => {
    expect(problems(content)).toEqual([problem]);
  });

  it('what_a_route_is_expected_to_take_comes_from_it_or_the_defaults', () => {
    const model = { biasNs: 1000, byteNs: 0.5, parameterNs: 3, parameter: 'query:n' };
    const { tenants } = load({
      defaults: { admissionPercentile: 90, expectedMs: 2, model: 'fit' },
      routes: [route(), route({ route: '/b', admissionPercentile: 50, expectedMs: 0.5, model })],
    });
    expect(tenants[0]!.routes).toMatchObject([
      { admissionPercentile: 90, expectedNs: 2e6, model: 'fit' },
      { admissionPercentile: 50, expectedNs: 500_000, model },
    ]);
  });

  it.each([
    [{ parameterNs: 5 }, /model\.parameterNs needs model\.parameter/],
    [{ fit: true, parameter: 'body' }, /model\.parameter must be "query", /],
    [{ fit: true, biasNs: 1 }, /must be "fit", \{ "fit": true/],
    ['regression', /must be "fit", \{ "fit": true.*found "regression"/],
  ])('refuses_the_model %j', (model, message) => {
    const [problem, ...more] = problems({ routes: [route({ model })] });
    expect(more).toEqual([]);
    expect(problem).toMatch(/^routes\[0\]\.model: /);
    expect(problem).toMatch(message);
  });

  it('admission_is_switched_by_the_file_and_the_flag', () => {
    const at = (admission: unknown, flag?: boolean): unknown =>
      load(
        { routes: [route()], ...(admission === undefined ? {} : { admission }) },
        flag === undefined ? {} : { admission: flag },
      ).admission;
    expect(at(undefined)).toBe(false);
    expect(at(true)).toEqual({});
    expect(at({ reserve: 0.5 })).toEqual({ reserve: 0.5 });
    expect(at({ reserve: 0.5 }, true)).toEqual({ reserve: 0.5 });
    expect(at({ reserve: 0.5 }, false)).toBe(false);
    expect(at(false, true)).toEqual({});
    expect(problems({ routes: [route()], admission: { reserve: 1 } })).toEqual([
      'admission.reserve: must be a number from 0 to 0.99, found 1',
    ]);
  });

  it('a_tenant_has_a_share_and_the_timeout_field_a_name', () => {
    const tenants = [{ name: 'a', port: 1, limits: { utilization: 0.25 }, routes: [route()] }];
    expect(load({ tenants }).tenants[0]!.utilization).toBe(0.25);
    const named = (timeoutHeader: unknown) => ({ http: { timeoutHeader }, routes: [route()] });
    expect(load({ routes: [route()] }).http.timeoutHeader).toBe('X-Timeout-Ms');
    expect(load(named('grpc-timeout')).http.timeoutHeader).toBe('grpc-timeout');
    expect(load(named(false)).http.timeoutHeader).toBe('');
    expect(problems(named('no name'))).toHaveLength(1);
    expect(problems({ tenants: [{ ...tenants[0], limits: { utilization: 2 } }] })).toEqual([
      'tenants[0].limits.utilization: must be a number from 0.001 to 1, found 2',
    ]);
  });

  it('refuses_routes_beside_tenants', () => {
    const both = { routes: [route()], tenants: [{ name: 'a', port: 1, routes: [route()] }] };
    expect(problems(both)).toEqual(['tenants: either "routes" or "tenants", not both']);
  });

  it('refuses_equal_names_and_overlapping_ports_of_tenants', () => {
    const tenant = (name: string, port: number, host?: string): object => ({
      name,
      port,
      ...(host === undefined ? {} : { host }),
      routes: [route()],
    });
    const list = [
      tenant('a', 1),
      tenant('a', 2),
      tenant('b', 1, '0.0.0.0'),
      tenant('c', 2, '10.0.0.1'),
      tenant('d', 2, '10.0.0.1'),
    ];
    expect(problems({ tenants: list })).toEqual([
      'tenants[1].name: "a" is already the name of tenants[0]',
      'tenants[2].port: 1 is already the port of tenants[0]',
      'tenants[4].routes[0].route: "/a" is already the route of tenants[3].routes[0], for the same methods',
    ]);
  });

  it('equal_routes_with_other_methods_are_two_routes', () => {
    expect(
      problems({ routes: [route({ methods: ['GET'] }), route({ methods: ['PUT'] })] }),
    ).toEqual([]);
  });

  it.skipIf(process.getuid?.() === 0)('refuses_a_module_that_may_not_be_read', () => {
    chmodSync(write('secret.wasm', 'x'), 0);
    expect(problems({ routes: [route({ module: 'secret.wasm' })] })).toEqual([
      'routes[0].module: secret.wasm: may not be read (permission denied)',
    ]);
  });
});

describe('overrides', () => {
  it('flags_and_variables_win_over_the_file', () => {
    const config = load(
      {
        host: 'localhost',
        port: 1,
        workers: 2,
        scheduler: 'rr',
        quantumUs: 1,
        maxQueue: 1,
        spinUs: 1,
        maxSandboxesPerWorker: 1,
        logRequests: true,
        http: { drainTimeoutMs: 1 },
        routes: [route({ deadlineMs: 1, cpuLimitMs: 1, memory: { maxPages: 1 } })],
      },
      {
        host: '0.0.0.0',
        port: 2,
        workers: 'auto',
        listeners: 'auto',
        scheduler: 'fifo',
        native: 'auto',
        timer: 'native',
        pin: true,
        quantumNs: 0,
        maxQueue: 3,
        spinNs: 0,
        maxSandboxesPerWorker: 8,
        logRequests: false,
        drainTimeoutMs: 0,
        deadlineNs: 4,
        cpuLimitNs: 5,
        maxPages: 6,
      },
    );
    expect(config).toMatchObject({
      workers: 'auto',
      listeners: 'auto',
      scheduler: 'fifo',
      native: 'auto',
      timer: 'native',
      pin: true,
      quantumNs: 0,
      maxQueue: 3,
      spinNs: 0,
      maxSandboxesPerWorker: 8,
      logRequests: false,
      http: { drainTimeoutMs: 0 },
      tenants: [
        {
          listen: [{ host: '0.0.0.0', port: 2 }],
          routes: [{ deadlineNs: 4, queueTimeoutNs: 4, cpuLimitNs: 5, maxPages: 6 }],
        },
      ],
    });
  });

  const two = {
    tenants: ['a', 'b'].map((name, index) => ({ name, port: index + 1, routes: [route()] })),
  };

  it('a_port_for_many_tenants_is_refused_by_the_name_of_its_source', () => {
    expect(problems(two, { port: 5, portSource: '--port' })).toEqual([
      ': --port is for one tenant, the file has 2 with a port each',
    ]);
  });

  it('the_containers_PORT_for_many_tenants_is_a_warning', () => {
    const config = load(two, { port: 5, portSource: 'PORT' });
    expect(config.tenants.flatMap(({ listen }) => listen.map(entryText))).toEqual([
      '127.0.0.1:1',
      '127.0.0.1:2',
    ]);
    expect(config.warnings).toEqual([expect.stringContaining('it is not used')]);
  });
});

describe('what the file is', () => {
  it.each(['a.wat', 'b.wasm'])('a_module_%s_gets_every_path', (name) => {
    const path = join(folder, name);
    const config = loadConfig(path, { port: 0, deadlineNs: 7 });
    expect(config).toMatchObject({ source: path, dialect: 'module', warnings: [] });
    expect(config.tenants).toHaveLength(1);
    expect(config.tenants[0]).toMatchObject({
      name: 'default',
      listen: [{ kind: 'tcp', port: 0, host: '127.0.0.1' }],
    });
    expect(config.tenants[0]!.routes).toEqual([
      expect.objectContaining({
        route: '/*',
        module: path,
        deadlineNs: 7,
        contentType: 'text/plain; charset=utf-8',
      }),
    ]);
  });

  it('the_content_decides_where_the_name_says_nothing', () => {
    const binary = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
    expect(loadConfig(write('plain', binary)).dialect).toBe('module');
    expect(loadConfig(write('plain', ' ;; text\n(module)')).dialect).toBe('module');
    expect(loadConfig(write('plain', JSON.stringify({ routes: [route()] }))).dialect).toBe('luge');
  });

  it.each<[string, string | Uint8Array, RegExp]>([
    ['text.json', 'hello', /text\.json:1:1: not JSON: expected a value, found "hello"$/],
    ['number.json', '5', /number\.json:1:1: must be an object, found 5$/],
    ['form.json', '(module)', /form\.json:1:1: not JSON/],
    [
      'bytes.json',
      Uint8Array.of(0x7b, 0xff, 0x7d),
      /bytes\.json: is neither JSON in UTF-8 nor a WebAssembly module$/,
    ],
    ['nothing.json', '', /nothing\.json: is empty$/],
  ])('refuses_%s', (name, content, message) => {
    expect(() => loadConfig(write(name, content))).toThrow(message);
  });

  it('a_byte_order_mark_is_ignored_in_columns_too', () => {
    const text = JSON.stringify({ routes: [route()] });
    expect(loadConfig(write('bom.json', `\uFEFF${text}`)).dialect).toBe('luge');
    expect(() => loadConfig(write('bom.json', '\uFEFF{a}'))).toThrow(/bom\.json:1:2: /);
  });

  it('refuses_a_missing_file_and_a_directory', () => {
    expect(() => loadConfig(join(folder, 'no.json'))).toThrow(/no\.json: no such file$/);
    expect(() => loadConfig(join(folder, 'no.wasm'))).toThrow(/no\.wasm: no such file$/);
    expect(() => loadConfig(folder)).toThrow(/: is a directory$/);
  });
});

describe('files of a guest', () => {
  beforeAll(() => mkdirSync(join(folder, 'files', 'deep'), { recursive: true }));

  it('folders_start_at_the_configuration_and_a_route_adds_to_the_defaults', () => {
    const config = load({
      defaults: {
        folders: { '/data': './files', '/other': 'files' },
        scratch: { maxBytes: 10, from: 'files' },
        cgiVariables: false,
        maxLogBytes: 10,
        maxOpenFiles: 8,
        clockResolutionNs: 5000,
      },
      routes: [
        route({ folders: { '/other': 'files/deep', '/': 'files' } }),
        route({
          ...{ route: '/b', scratch: { path: '/t', maxFiles: 2 }, maxOpenFiles: 9 },
          ...{ cgiVariables: true, maxLogBytes: 0 },
        }),
      ],
    });
    expect(config.tenants[0]!.routes).toMatchObject([
      {
        folders: {
          '/data': join(folder, 'files'),
          '/other': join(folder, 'files', 'deep'),
          '/': join(folder, 'files'),
        },
        scratch: { path: '/tmp', from: join(folder, 'files'), maxBytes: 10, maxFiles: 1024 },
        cgiVariables: false,
        maxLogBytes: 10,
        maxOpenFiles: 8,
        clockResolutionNs: 5000,
      },
      {
        scratch: { path: '/t', from: undefined, maxBytes: 1 << 20, maxFiles: 2 },
        ...{ maxOpenFiles: 9, cgiVariables: true, maxLogBytes: 0 },
      },
    ]);
  });

  it('what_is_wrong_with_them_is_told_with_its_place', () => {
    const found = problems({
      defaults: { folders: { '/gone': 'gone' } },
      routes: [
        route({ folders: { data: 'files', '/a/../b': 'files', '/file': 'a.wat', '/ok': 'files' } }),
        route({ route: '/b', scratch: { path: 'tmp', maxBytes: -1, size: 1 }, maxOpenFiles: 2 }),
        route({ route: '/c', folders: ['files'], clockResolutionNs: 0.5, cgiVariables: 'no' }),
        route({ route: '/d', scratch: { from: 'gone' }, maxLogBytes: -1 }),
      ],
    });
    expect(found).toEqual([
      'defaults.folders["/gone"]: gone: no such folder',
      expect.stringMatching(/^routes\[0\]\.folders\.data: .*absolute path in the guest/),
      expect.stringMatching(/^routes\[0\]\.folders\["\/a\/..\/b"\]: .*absolute path in the guest/),
      'routes[0].folders["/file"]: a.wat: is not a folder',
      expect.stringMatching(/^routes\[1\]\.scratch\.path: .*absolute path in the guest/),
      expect.stringMatching(/^routes\[1\]\.scratch\.maxBytes: must be a whole number/),
      expect.stringMatching(/^routes\[1\]\.scratch\.size: unknown key/),
      expect.stringMatching(/^routes\[1\]\.maxOpenFiles: must be a whole number from 3/),
      expect.stringMatching(/^routes\[2\]\.folders: must be an object of paths/),
      expect.stringMatching(/^routes\[2\]\.clockResolutionNs: must be a whole number from 1/),
      'routes[2].cgiVariables: must be true or false, found "no"',
      'routes[3].scratch.from: gone: no such folder',
      expect.stringMatching(/^routes\[3\]\.maxLogBytes: must be a whole number from 0/),
    ]);
  });
});

it('a_tenant_has_limits_of_its_own', () => {
  const limits = { maxConcurrency: 3, maxIdleSandboxes: 0 };
  const tenant = { name: 'a', port: 1, limits, routes: [route()] };
  const other = { name: 'b', port: 2, routes: [route()] };
  const { tenants } = load({ tenants: [tenant, other] });
  const none = Number.POSITIVE_INFINITY;
  expect(
    tenants.map(({ maxConcurrency, maxIdleSandboxes }) => [maxConcurrency, maxIdleSandboxes]),
  ).toEqual([
    [3, 0],
    [none, none],
  ]);
});

it('flags_of_the_key_value_store_lie_over_the_file_one_by_one', () => {
  const kv = { maxBytes: 1 << 20, maxKeyBytes: 100, file: 'state.db' };
  const config = load({ kv, routes: [route()] }, { kvMaxBytes: 4096, kvMaxValueBytes: 8 });
  const file = join(folder, 'state.db');
  expect(config.kv).toEqual({ maxBytes: 4096, maxKeyBytes: 100, maxValueBytes: 8, file });
  // A path in the file starts at the file, one in a flag where it was typed.
  expect(load({ kv, routes: [route()] }, { kvFile: 'other.db' }).kv.file).toBe(resolve('other.db'));
  const bare = loadConfig(join(folder, 'b.wasm'), { kvFile: 'b.db', maxHeapMbPerWorker: 65 });
  expect([bare.kv, bare.maxHeapMbPerWorker]).toEqual([{ file: resolve('b.db') }, 65]);
});

describe('the size of a module', () => {
  const binary = (more: object = {}): object => ({ route: '/b', module: 'b.wasm', ...more });

  it('is_checked_with_the_file_and_its_place', () => {
    expect(problems({ routes: [route(), binary({ maxModuleBytes: 7 })] })).toEqual([
      'routes[1].module: b.wasm: has 8 bytes; the limit is 7 (maxModuleBytes)',
    ]);
    expect(problems({ routes: [binary({ maxModuleBytes: 8 })] })).toEqual([]);
  });

  it('is_limited_by_the_defaults_unless_the_route_says_otherwise', () => {
    const defaults = { maxModuleBytes: 7 };
    expect(problems({ defaults, routes: [binary()] })).toEqual([
      'routes[0].module: b.wasm: has 8 bytes; the limit is 7 (maxModuleBytes)',
    ]);
    expect(problems({ defaults, routes: [binary({ maxModuleBytes: 9 })] })).toEqual([]);
  });

  it('of_a_text_is_not_that_of_its_file', () => {
    expect(problems({ routes: [route({ maxModuleBytes: 7 })] })).toEqual([]);
  });
});
