/** The peer's server under workerd: an instance for each request. */
import { runFib } from './fib.js';
import module from './fib.wasm';

export default {
  fetch: (request) => new Response(runFib(module, request.url.split('?')[1] ?? '')),
};
