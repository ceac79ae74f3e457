/** For `tsc`: fib.js has no types of its own, as workerd takes nothing but JavaScript. */
export function runFib(module: WebAssembly.Module, query: string): string;
