/** node:http that makes an instance of fib.wasm for each request: isolation by request without Luge, on one thread. */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { runFib } from '../peers/fib.js';
import { serveBench } from './report.ts';

const wasm = readFileSync(new URL('../../examples/build/fib.wasm', import.meta.url));
const module = new WebAssembly.Module(wasm);
const server = createServer((request, response) => {
  response.end(runFib(module, (request.url ?? '').split('?')[1] ?? ''));
});
server.listen(0, '127.0.0.1', () => serveBench((server.address() as AddressInfo).port));
