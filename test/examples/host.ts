// A small host for the "luge" imports, independent of the runtime: it runs an example module in a
// plain WebAssembly instance and answers what the module answered.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export const EXAMPLES: string = join(import.meta.dirname, '../../examples');

const EINVAL = 28;
const modules = new Map<string, WebAssembly.Module>();

export interface GuestRequest {
  method?: string;
  path?: string;
  query?: string;
  headers?: Record<string, string>;
  body?: Uint8Array | string;
  /** Nanoseconds that the clock moves with each look at it. */
  clockStepNs?: bigint;
  /** The most that one body_read copies: a host may copy less than it was asked for. */
  readBytesMax?: number;
}

export interface GuestResponse {
  status: number;
  headers: Map<string, string>;
  body: Buffer;
  text: string;
  log: string[];
  clockReads: number;
  /** Pages of the guest's memory at the end; 0 if it has none. */
  pages: number;
  error: unknown;
}

export function exampleModule(name: string): WebAssembly.Module {
  let module = modules.get(name);
  if (!module) {
    module = new WebAssembly.Module(readFileSync(join(EXAMPLES, 'build', `${name}.wasm`)));
    modules.set(name, module);
  }
  return module;
}

function bytesOf(value: Uint8Array | string): Uint8Array {
  return typeof value === 'string' ? new TextEncoder().encode(value) : value;
}

/** Runs `handle` once in a fresh instance. A trap is in `error`, nothing is thrown. */
export function run(name: string, request: GuestRequest = {}): GuestResponse {
  const body = bytesOf(request.body ?? '');
  const headers = new Map<string, string>();
  for (const [key, value] of Object.entries(request.headers ?? {})) {
    headers.set(key.toLowerCase(), value);
  }
  const out: Buffer[] = [];
  const response: GuestResponse = {
    ...{ status: 200, headers: new Map(), body: Buffer.alloc(0), text: '', log: [] },
    ...{ clockReads: 0, pages: 0, error: undefined },
  };
  let memory: WebAssembly.Memory | undefined;
  // Out of bounds is the guest's fault and throws, as a host would answer with EFAULT or a trap.
  const at = (pointer: number, bytes: number): Uint8Array =>
    new Uint8Array(memory!.buffer, pointer >>> 0, bytes);
  const text = (pointer: number, bytes: number): string =>
    Buffer.from(at(pointer, bytes)).toString();
  const give = (value: Uint8Array | string, pointer: number, capacity: number): number => {
    const bytes = bytesOf(value);
    at(pointer, capacity).set(bytes.subarray(0, capacity));
    return bytes.length;
  };
  let nowNs = 1_000_000_000n;
  const luge = {
    method: (p: number, n: number) => give(request.method ?? 'GET', p, n),
    path: (p: number, n: number) => give(request.path ?? `/${name}`, p, n),
    query: (p: number, n: number) => give(request.query ?? '', p, n),
    header: (name: number, nameBytes: number, p: number, n: number) => {
      const value = headers.get(text(name, nameBytes).toLowerCase());
      return value === undefined ? -1 : give(value, p, n);
    },
    body_size: () => body.length,
    body_read: (offset: number, p: number, n: number) => {
      const end = offset + Math.min(n, request.readBytesMax ?? n);
      const part = body.subarray(offset, end);
      at(p, n).set(part);
      return part.length;
    },
    status: (code: number) => {
      response.status = code;
    },
    set_header: (name: number, nameBytes: number, value: number, valueBytes: number) => {
      const line = text(value, valueBytes);
      if (/[\r\n\0]/.test(line)) return EINVAL;
      response.headers.set(text(name, nameBytes).toLowerCase(), line);
      return 0;
    },
    write: (p: number, n: number) => {
      out.push(Buffer.from(at(p, n)));
      return n;
    },
    log: (p: number, n: number) => {
      response.log.push(text(p, n));
    },
    clock_ns: () => {
      response.clockReads++;
      nowNs += request.clockStepNs ?? 1_000_000n;
      return nowNs;
    },
  };
  const instance = new WebAssembly.Instance(exampleModule(name), { luge });
  memory = instance.exports.memory as WebAssembly.Memory | undefined;
  try {
    (instance.exports.handle as () => void)();
  } catch (error) {
    response.error = error;
  }
  response.body = Buffer.concat(out);
  response.text = response.body.toString();
  response.pages = (memory?.buffer.byteLength ?? 0) / 65_536;
  return response;
}
