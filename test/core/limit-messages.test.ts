/** Whoever meets a limit is told which one, its value, and the option that sets it. */
import binaryen from 'binaryen';
import { expect, it } from 'vitest';
import type { LoadOptions, Runtime, RuntimeOptions } from '../../src/core/index.ts';
import { allFree, ECHO, luge, SLEEP, SPIN, small, until, wat } from './guests.ts';

const WIDE = luge(`(func (export "handle")
  (loop $l (drop (call $write (i32.const 0) (i32.const 60000))) (br $l)))`);

function gc(body: string): Uint8Array {
  const module = binaryen.parseText(`(module ${body} (func (export "handle")))`);
  try {
    module.setFeatures(binaryen.Features.All);
    return module.emitBinary();
  } finally {
    module.dispose();
  }
}

interface Case {
  readonly code: string;
  readonly message: string;
  readonly wasm: Uint8Array;
  readonly options?: Partial<LoadOptions>;
  readonly runtime?: RuntimeOptions;
  readonly body?: string;
  readonly deadlineMs?: number;
  /** What has to be there before: so many guests, and requests in the queue. */
  readonly asleep?: number;
  readonly queued?: number;
  readonly tenantMost?: number;
}

const CALLS: Readonly<Record<string, Case>> = {
  maxOutputBytes: {
    code: 'ERR_GUEST_OUTPUT_LIMIT',
    message: 'the response is longer than 100000 bytes (maxOutputBytes)',
    wasm: WIDE,
    options: { maxOutputBytes: 100_000 },
  },
  'bodyMemoryBytes, of a response': {
    code: 'ERR_BODY_MEMORY',
    message:
      'no memory left for the response: all 131072 bytes for bodies are in use (bodyMemoryBytes)',
    wasm: WIDE,
    runtime: { bodyMemoryBytes: 131_072 },
  },
  'bodyMemoryBytes, of a request': {
    code: 'ERR_BODY_MEMORY',
    message:
      'no memory left for the request: all 131072 bytes for bodies are in use (bodyMemoryBytes)',
    wasm: ECHO,
    runtime: { bodyMemoryBytes: 131_072 },
    body: 'x'.repeat(200_000),
  },
  maxQueue: {
    code: 'ERR_QUEUE_FULL',
    message: 'all 2 requests that may be in the system are (maxQueue)',
    wasm: SLEEP,
    runtime: { maxQueue: 2 },
    asleep: 2,
  },
  deadlineMs: {
    code: 'ERR_DEADLINE',
    message: 'the function did not end within the deadline of 20.5 ms (deadlineMs)',
    wasm: SLEEP,
    options: { deadlineMs: 20.5 },
  },
  'deadlineMs, of a call': {
    code: 'ERR_DEADLINE',
    message: 'the function did not end within the deadline of 15 ms (deadlineMs)',
    wasm: SLEEP,
    deadlineMs: 15,
  },
  'deadlineMs, in the queue': {
    code: 'ERR_DEADLINE',
    message: 'the deadline of 20 ms (deadlineMs) passed in the queue',
    wasm: ECHO,
    runtime: { scheduler: 'fifo' },
    options: { deadlineMs: 20 },
    queued: 1,
  },
  queueTimeoutMs: {
    code: 'ERR_QUEUE_TIMEOUT',
    message: 'it waited in the queue for longer than 20 ms (queueTimeoutMs)',
    wasm: ECHO,
    runtime: { scheduler: 'fifo' },
    options: { queueTimeoutMs: 20 },
    queued: 1,
  },
  cpuLimitMs: {
    code: 'ERR_CPU_LIMIT',
    message: 'the function used up its CPU limit of 7.5 ms (cpuLimitMs)',
    wasm: SPIN,
    options: { cpuLimitMs: 7.5 },
  },
  maxConcurrency: {
    code: 'ERR_FUNCTION_BUSY',
    message: 'all 2 sandboxes that /f may have are in use (maxConcurrency)',
    wasm: SLEEP,
    options: { maxConcurrency: 2 },
    asleep: 2,
  },
  'limits.maxConcurrency': {
    code: 'ERR_TENANT_BUSY',
    message: 'all 2 sandboxes that the tenant one may have are in use (limits.maxConcurrency)',
    wasm: SLEEP,
    options: { tenant: 'one' },
    tenantMost: 2,
    asleep: 2,
  },
};

/** A guest beside that holds the worker until the limit is certainly passed. */
async function runAhead(runtime: Runtime, { queued = 0, asleep = 0 }: Case): Promise<() => void> {
  const controller = new AbortController();
  const { signal } = controller;
  if (queued > 0) {
    await runtime.load('ahead', { wasm: SPIN, cpuLimitMs: 60 });
    void runtime.invoke('ahead', { signal }).catch(() => {});
    await until(() => runtime.stats().workers[0]?.held === 1, 'the worker is busy');
  }
  for (let i = 0; i < asleep; i++) void runtime.invoke('f', { signal }).catch(() => {});
  if (asleep > 0) await until(() => runtime.stats().workers[0]?.held === asleep, 'they sleep');
  return () => controller.abort(new RangeError('enough'));
}

it.each(Object.entries(CALLS))('%s', async (_, limit) => {
  await using runtime = await small(limit.runtime);
  if (limit.tenantMost !== undefined) {
    runtime.setTenantLimits('one', { maxConcurrency: limit.tenantMost });
  }
  await runtime.load('f', { wasm: limit.wasm, ...limit.options });
  const end = await runAhead(runtime, limit);
  const { code, message, body = '', deadlineMs } = limit;
  const call = runtime.invoke('f', {
    body,
    ...(deadlineMs === undefined ? {} : { deadlineMs }),
  });
  await expect(call).rejects.toMatchObject({ code, message });
  end();
  await allFree(runtime);
});

it('maxHeapMbPerWorker', async () => {
  await using runtime = await small({ maxHeapMbPerWorker: 64 });
  const text = `(module (type $s (struct (field (ref null $s))))
    (global $all (mut (ref null $s)) (ref.null $s))
    (func (export "handle") (loop $l
      (global.set $all (struct.new $s (global.get $all))) (br $l))))`;
  const module = binaryen.parseText(text);
  module.setFeatures(binaryen.Features.All);
  await runtime.load('f', { wasm: module.emitBinary() });
  module.dispose();
  await expect(runtime.invoke('f')).rejects.toMatchObject({
    code: 'ERR_WORKER_LOST',
    message:
      'the worker thread that ran the function died: its heap of 64 MB was full (maxHeapMbPerWorker)',
  });
  await allFree(runtime);
});

const HANDLE = '(func (export "handle"))';
const LOADS: [option: string, wasm: Uint8Array, options: Partial<LoadOptions>, message: RegExp][] =
  [
    ['maxPages', luge(HANDLE, '5'), { memory: { maxPages: 4 } }, /5 pages .* 4 \(maxPages\)/],
    [
      'maxTableElements',
      wat(`(module (table 90 funcref) ${HANDLE})`),
      { maxTableElements: 97 },
      /98 elements .* 97 \(maxTableElements\)/,
    ],
    [
      'maxArrayBytes',
      gc(`(type $a (array i8)) (global (ref $a) (array.new_default $a (i32.const 100)))`),
      { maxArrayBytes: 99 },
      /100 bytes; the limit is 99 \(maxArrayBytes\)/,
    ],
    ['maxModuleBytes', ECHO, { maxModuleBytes: 9 }, / 9 \(maxModuleBytes\)/],
    [
      'maxOpenFiles',
      ECHO,
      { maxOpenFiles: 3, scratch: {} },
      /^maxOpenFiles: 3 is too few .* at least 4/,
    ],
  ];

it.each(LOADS)('%s', async (_, wasm, options, message) => {
  await using runtime = await small();
  await expect(runtime.load('f', { wasm, ...options })).rejects.toThrow(message);
});

it('maxProducers', async () => {
  await using runtime = await small({ maxProducers: 1 });
  runtime.takeSeat();
  expect(() => runtime.takeSeat()).toThrow('all 1 producers are taken (maxProducers)');
});
