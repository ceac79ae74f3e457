/** A Luge server in a process of its own: `/empty`, each request in a sandbox that is like new, on another thread. */
import { readFileSync } from 'node:fs';
import { createRuntime } from '../../src/core/index.ts';
import { listen } from '../../src/http/index.ts';
import { serveBench } from './report.ts';

const runtime = await createRuntime();
const wasm = readFileSync(new URL('../../examples/build/empty.wasm', import.meta.url));
const { spec } = await runtime.load('empty', { wasm });
const route = { pattern: '/empty', methods: undefined, fn: spec.id, contentType: 'text/plain' };
const server = await listen(runtime, {
  sites: [
    {
      host: '127.0.0.1',
      port: 0,
      mode: 'luge',
      routes: [{ ...route, deadlineNs: spec.deadlineNs, maxBodyBytes: 65536 }],
    },
  ],
});
serveBench(server.ports[0] as number);
