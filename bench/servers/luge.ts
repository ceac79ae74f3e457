/**
 * A Luge server in a process of its own: a route for each example that is named (`empty` without any), each request in a sandbox that is like new, on
 * another thread.
 */
import { readFileSync } from 'node:fs';
import { createRuntime } from '../../src/core/index.ts';
import { listen } from '../../src/http/index.ts';
import { serveBench } from './report.ts';

const names = process.argv.length > 2 ? process.argv.slice(2) : ['empty'];
const runtime = await createRuntime();
const routes = await Promise.all(
  names.map(async (name) => {
    const wasm = readFileSync(new URL(`../../examples/build/${name}.wasm`, import.meta.url));
    const { spec } = await runtime.load(name, { wasm });
    return {
      pattern: `/${name}`,
      methods: undefined,
      fn: spec.id,
      contentType: 'text/plain',
      deadlineNs: spec.deadlineNs,
      maxBodyBytes: 2 ** 21,
    };
  }),
);
const server = await listen(runtime, {
  sites: [{ host: '127.0.0.1', port: 0, mode: 'luge', routes }],
});
serveBench(server.ports[0] as number);
