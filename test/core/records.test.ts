import fc from 'fast-check';
import { expect, it } from 'vitest';
import { decodeSpec, encodeSpec } from '../../src/core/records.ts';
import type { FunctionSpec } from '../../src/sandbox/index.ts';

const text = fc.string({ unit: 'grapheme', maxLength: 30 }).filter((s) => !s.includes('\0'));
const double = fc.oneof(
  fc.double({ noNaN: true }),
  fc.constantFrom(Number.POSITIVE_INFINITY, 0, 2 ** 53),
);
const u32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });

const spec: fc.Arbitrary<FunctionSpec> = fc.record({
  id: u32,
  name: text,
  tenant: text,
  tenantId: u32,
  route: text,
  iface: fc.constantFrom('wasi', 'luge'),
  memories: fc.array(fc.record({ name: text, minPages: u32, maxPages: u32, wide: fc.boolean() }), {
    maxLength: 3,
  }),
  hasWideCalls: fc.boolean(),
  contentType: text,
  response: fc.constantFrom('raw', 'cgi'),
  failsOnExit: fc.boolean(),
  maxConcurrency: double,
  prewarm: u32,
  admissionPercentile: u32,
  expectedNs: double,
  model: fc.option(
    fc.record({
      fits: fc.boolean(),
      biasNs: double,
      byteNs: double,
      parameterNs: double,
      parameter: text,
    }),
    { nil: undefined },
  ),
  deadlineNs: double,
  cpuLimitNs: double,
  queueTimeoutNs: double,
  maxOutputBytes: double,
  maxLogBytes: double,
  streamHighWaterBytes: double,
  requestBody: fc.constantFrom('whole', 'stream'),
  requestHighWaterBytes: double,
  maxCallDepth: u32,
  args: fc.array(text, { maxLength: 4 }),
  hasCgiVariables: fc.boolean(),
  env: fc.array(text, { maxLength: 4 }),
  folders: fc.array(fc.record({ guestPath: text, hostPath: text }), { maxLength: 3 }),
  scratch: fc.option(fc.record({ guestPath: text, hostPath: text, maxBytes: u32, maxFiles: u32 }), {
    nil: undefined,
  }),
  maxOpenFiles: u32,
  clockResolutionNs: u32,
});

it('a_spec_survives_the_way_to_a_worker', () => {
  fc.assert(
    fc.property(spec, (original) => {
      expect(decodeSpec(encodeSpec(original))).toEqual(original);
    }),
    { numRuns: 150 },
  );
});

it('non_ascii_names_and_infinity_survive', () => {
  const original: FunctionSpec = {
    id: 2 ** 32 - 1,
    name: 'größe-функция-関数-🛷',
    tenant: 'Käufer',
    tenantId: 1024,
    route: '/größe/*',
    iface: 'wasi',
    memories: [{ name: 'memory', minPages: 0, maxPages: 65536, wide: true }],
    hasWideCalls: true,
    contentType: 'text/plain; charset=utf-8',
    response: 'cgi',
    failsOnExit: false,
    maxConcurrency: Number.POSITIVE_INFINITY,
    prewarm: 3,
    admissionPercentile: 99,
    expectedNs: 0.5,
    model: { fits: false, biasNs: -1, byteNs: 2.5, parameterNs: 1e9, parameter: 'query:größe' },
    deadlineNs: Number.POSITIVE_INFINITY,
    cpuLimitNs: 1.5e9,
    queueTimeoutNs: Number.POSITIVE_INFINITY,
    maxOutputBytes: 2 ** 40,
    maxLogBytes: 65_536,
    streamHighWaterBytes: Number.POSITIVE_INFINITY,
    requestBody: 'stream',
    requestHighWaterBytes: 2 ** 40,
    maxCallDepth: 8,
    args: ['', 'ä'],
    hasCgiVariables: false,
    env: ['LANG=de_CH.UTF-8', 'EMPTY='],
    folders: [{ guestPath: '/größe', hostPath: '/srv/größe 関数' }],
    scratch: { guestPath: '/tmp', hostPath: '/srv/größe', maxBytes: 2 ** 28, maxFiles: 65_536 },
    maxOpenFiles: 1024,
    clockResolutionNs: 1e9,
  };
  expect(decodeSpec(encodeSpec(original))).toEqual(original);
});
