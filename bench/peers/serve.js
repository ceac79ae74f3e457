/** The peer's server under Bun and Deno: `serve.js hello|fib PORT`. */
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { runFib } from './fib.js';

const [what, port] = process.argv.slice(2);
const wasm = readFileSync(new URL('../../examples/build/fib.wasm', import.meta.url));
const module = new WebAssembly.Module(wasm);
const fetch =
  what === 'fib'
    ? (request) => new Response(runFib(module, request.url.split('?')[1] ?? ''))
    : () => new Response('hello');
const options = { port: Number(port), hostname: '127.0.0.1' };
const { Bun, Deno } = globalThis;
if (Bun === undefined) Deno.serve(options, fetch);
else Bun.serve({ ...options, fetch });
