// The guest's side of the "luge" interface, as AssemblyScript likes to see it: import what you need
// from here, export a function named `handle`, and the module is a Luge function.
//
//   import { query, write } from './luge';
//   export function handle(): void {
//     write('hello ' + query() + '\n');
//   }
//
// Build it with `--runtime stub --use abort=assembly/luge/onAbort` (see scripts/build-examples.ts):
//  - the stub runtime only ever moves a pointer upward. Luge puts memory back to its first image
//    before each request, so what a request allocates need not be freed, only be bounded;
//  - `onAbort` takes the place of the import `env.abort`, which a Luge host does not have.
//
// The host copies into memory that the guest names (pointer, capacity) and answers the full length;
// when that is more than the capacity, the guest asks again with enough room.

@external("luge", "method")
declare function hostMethod(buffer: usize, capacity: i32): i32;
@external("luge", "path")
declare function hostPath(buffer: usize, capacity: i32): i32;
@external("luge", "query")
declare function hostQuery(buffer: usize, capacity: i32): i32;
@external("luge", "param")
declare function hostParam(name: usize, nameBytes: i32, buffer: usize, capacity: i32): i32;
@external("luge", "header")
declare function hostHeader(name: usize, nameBytes: i32, buffer: usize, capacity: i32): i32;
@external("luge", "body_size")
declare function hostBodySize(): i32;
@external("luge", "body_read")
declare function hostBodyRead(offset: i32, buffer: usize, capacity: i32): i32;
@external("luge", "status")
declare function hostStatus(code: i32): void;
@external("luge", "set_header")
declare function hostSetHeader(name: usize, nameBytes: i32, value: usize, valueBytes: i32): i32;
@external("luge", "write")
declare function hostWrite(data: usize, bytes: i32): i32;
@external("luge", "flush")
declare function hostFlush(): i32;
@external("luge", "log")
declare function hostLog(data: usize, bytes: i32): void;
@external("luge", "clock_ns")
declare function hostClockNs(): i64;
@external("luge", "sleep")
declare function hostSleep(ns: i64): void;
@external("luge", "kv_get")
declare function hostKvGet(key: usize, keyBytes: i32, buffer: usize, capacity: i32): i32;
@external("luge", "kv_set")
declare function hostKvSet(
  key: usize,
  keyBytes: i32,
  value: usize,
  valueBytes: i32,
  ttlNs: i64,
): i32;
@external("luge", "kv_insert")
declare function hostKvInsert(
  key: usize,
  keyBytes: i32,
  value: usize,
  valueBytes: i32,
  ttlNs: i64,
): i32;
@external("luge", "kv_swap")
declare function hostKvSwap(
  key: usize,
  keyBytes: i32,
  expected: usize,
  expectedBytes: i32,
  value: usize,
  valueBytes: i32,
  ttlNs: i64,
): i32;
@external("luge", "kv_increment")
declare function hostKvIncrement(key: usize, keyBytes: i32, delta: i64, result: usize): i32;
@external("luge", "kv_delete")
declare function hostKvDelete(key: usize, keyBytes: i32): i32;

@external("luge", "call")
declare function hostCall(
  name: usize,
  nameBytes: i32,
  head: usize,
  headBytes: i32,
  body: usize,
  bodyBytes: i32,
): i32;
@external("luge", "call_size")
declare function hostCallSize(): i32;
@external("luge", "call_read")
declare function hostCallRead(offset: i32, buffer: usize, bytes: i32): i32;
@external("luge", "call_header")
declare function hostCallHeader(name: usize, nameBytes: i32, buffer: usize, capacity: i32): i32;

/** Most heads fit in this; longer ones cost a second host call and an allocation. */
const SCRATCH_BYTES: i32 = 256;
const scratch: usize = memory.data(256);

/** Reads a text of the request head; `read` is one of the host's (buffer, capacity) -> length. */
function headText(read: (buffer: usize, capacity: i32) => i32): string {
  const bytes = read(scratch, SCRATCH_BYTES);
  if (bytes <= SCRATCH_BYTES) return String.UTF8.decodeUnsafe(scratch, bytes);
  const buffer = heap.alloc(bytes);
  read(buffer, bytes);
  return String.UTF8.decodeUnsafe(buffer, bytes);
}

/** `GET`, `POST`, … as the client sent it. */
export function method(): string {
  return headText(hostMethod);
}

/** The path as it came: not decoded, without the query. */
export function path(): string {
  return headText(hostPath);
}

/** What follows the first `?`, as it came; empty when there is none. */
export function query(): string {
  return headText(hostQuery);
}

/** Reads a text by its name, or null if it is absent. */
function namedText(
  read: (name: usize, nameBytes: i32, buffer: usize, capacity: i32) => i32,
  name: string,
): string | null {
  const key = String.UTF8.encode(name);
  const keyBytes = key.byteLength;
  const bytes = read(changetype<usize>(key), keyBytes, scratch, SCRATCH_BYTES);
  if (bytes < 0) return null;
  if (bytes <= SCRATCH_BYTES) return String.UTF8.decodeUnsafe(scratch, bytes);
  const buffer = heap.alloc(bytes);
  read(changetype<usize>(key), keyBytes, buffer, bytes);
  return String.UTF8.decodeUnsafe(buffer, bytes);
}

/** What `:name` of the route's pattern, or "*", its wildcard, stands for, as it came: not decoded. Null if the route has none of that name. */
export function param(name: string): string | null {
  return namedText(hostParam, name);
}

/** The value of a request header (upper and lower case are alike), or null if it is absent. */
export function header(name: string): string | null {
  return namedText(hostHeader, name);
}

/** Bytes in the request body; -1 = not known yet, of one that streams (`requestBody`). */
export function bodySize(): i32 {
  return hostBodySize();
}

/**
 * Copies up to `bytes` of the body, from `offset` on, to `buffer`; answers how many, 0 at the end. A body that streams is waited for, and
 * can be read forward only: what lies behind is -70.
 */
export function readBody(offset: i32, buffer: usize, bytes: i32): i32 {
  return hostBodyRead(offset, buffer, bytes);
}

/** The first `maxBytes` of the body as text. The bound is the caller's: memory here is one page. */
export function bodyText(maxBytes: i32): string {
  const size = hostBodySize();
  const most = size < 0 ? maxBytes : min(size, maxBytes);
  const buffer = heap.alloc(most);
  let bytes = 0;
  // A body that streams comes in pieces.
  while (bytes < most) {
    const count = hostBodyRead(bytes, buffer + bytes, most - bytes);
    if (count <= 0) break;
    bytes += count;
  }
  return String.UTF8.decodeUnsafe(buffer, bytes);
}

/** Sets the status; 200 if it is never called. */
export function status(code: i32): void {
  hostStatus(code);
}

/** Sets a response header. False if the host refuses the name or the value. */
export function setHeader(name: string, value: string): bool {
  const key = String.UTF8.encode(name);
  const text = String.UTF8.encode(value);
  return (
    hostSetHeader(
      changetype<usize>(key),
      key.byteLength,
      changetype<usize>(text),
      text.byteLength,
    ) == 0
  );
}

/** Appends text to the response body. */
export function write(text: string): void {
  const data = String.UTF8.encode(text);
  hostWrite(changetype<usize>(data), data.byteLength);
}

/** Appends bytes to the response body. */
export function writeBytes(data: usize, bytes: i32): void {
  hostWrite(data, bytes);
}

/**
 * What was written so far goes out now, the head first: status and headers are fixed then. False where the head is not complete yet. Who
 * never calls it is answered in one piece, or in parts once the answer is long.
 */
export function flush(): bool {
  return hostFlush() == 0;
}

/** Answers with plain text. */
export function respond(code: i32, text: string): void {
  hostStatus(code);
  setHeader('content-type', 'text/plain; charset=utf-8');
  write(text);
}

/** Writes a line to the log of the server. */
export function log(text: string): void {
  const data = String.UTF8.encode(text);
  hostLog(changetype<usize>(data), data.byteLength);
}

/** Nanoseconds of a clock that only goes forward; only differences mean anything. */
export function clockNs(): i64 {
  return hostClockNs();
}

/** Sleeps for at least so many nanoseconds; the worker runs others meanwhile. */
export function sleep(ns: i64): void {
  hostSleep(ns);
}

// The key-value store of the tenant. Functions that answer an i32 answer 0, or an errno of docs/ABI.md.

/** The value of a key as text, or null if it is absent. */
export function kvGet(key: string): string | null {
  const name = String.UTF8.encode(key);
  const at = changetype<usize>(name);
  let capacity = SCRATCH_BYTES;
  let buffer = scratch;
  // Another request may change the value between two calls: ask until it fits.
  while (true) {
    const bytes = hostKvGet(at, name.byteLength, buffer, capacity);
    if (bytes < 0) return null;
    if (bytes <= capacity) return String.UTF8.decodeUnsafe(buffer, bytes);
    capacity = bytes;
    buffer = heap.alloc(bytes);
  }
}

/** Sets a value, for `ttlNs` nanoseconds (0 = for ever). */
export function kvSet(key: string, value: string, ttlNs: i64 = 0): i32 {
  const name = String.UTF8.encode(key);
  const text = String.UTF8.encode(value);
  const at = changetype<usize>(text);
  return hostKvSet(changetype<usize>(name), name.byteLength, at, text.byteLength, ttlNs);
}

/** Sets a value unless the key is there (20). */
export function kvInsert(key: string, value: string, ttlNs: i64 = 0): i32 {
  const name = String.UTF8.encode(key);
  const text = String.UTF8.encode(value);
  const at = changetype<usize>(text);
  return hostKvInsert(changetype<usize>(name), name.byteLength, at, text.byteLength, ttlNs);
}

/** Sets a value if it is `expected`; otherwise 6, or 44 where there is none. */
export function kvSwap(key: string, expected: string, value: string, ttlNs: i64 = 0): i32 {
  const name = String.UTF8.encode(key);
  const old = String.UTF8.encode(expected);
  const text = String.UTF8.encode(value);
  return hostKvSwap(
    changetype<usize>(name),
    name.byteLength,
    changetype<usize>(old),
    old.byteLength,
    changetype<usize>(text),
    text.byteLength,
    ttlNs,
  );
}

/** Adds to a number that only this function writes, and answers the sum; traps where that cannot be. */
export function kvIncrement(key: string, delta: i64): i64 {
  const name = String.UTF8.encode(key);
  const errno = hostKvIncrement(changetype<usize>(name), name.byteLength, delta, scratch);
  assert(errno == 0, 'kv_increment');
  return load<i64>(scratch);
}

/** Deletes a key; 44 where it is not there. */
export function kvDelete(key: string): i32 {
  const name = String.UTF8.encode(key);
  return hostKvDelete(changetype<usize>(name), name.byteLength);
}

/**
 * Runs another function of the tenant and sleeps until it has answered: its status, or a negative number (docs/ABI.md). `head` is
 * a request line such as `GET /path?query`; empty: POST on the function's route.
 */
export function call(name: string, head: string, body: string): i32 {
  const callee = String.UTF8.encode(name);
  const line = String.UTF8.encode(head);
  const data = String.UTF8.encode(body);
  return hostCall(
    changetype<usize>(callee),
    callee.byteLength,
    changetype<usize>(line),
    line.byteLength,
    changetype<usize>(data),
    data.byteLength,
  );
}

/** The first `maxBytes` of the last call's answer as text; empty where there is none. */
export function callText(maxBytes: i32): string {
  const bytes = min(max(0, hostCallSize()), maxBytes);
  const buffer = heap.alloc(bytes);
  return String.UTF8.decodeUnsafe(buffer, hostCallRead(0, buffer, bytes));
}

/** A header of the last call's answer, or null if it is absent. */
export function callHeader(name: string): string | null {
  const key = String.UTF8.encode(name);
  const at = changetype<usize>(key);
  const bytes = hostCallHeader(at, key.byteLength, scratch, SCRATCH_BYTES);
  if (bytes < 0) return null;
  if (bytes <= SCRATCH_BYTES) return String.UTF8.decodeUnsafe(scratch, bytes);
  const buffer = heap.alloc(bytes);
  hostCallHeader(at, key.byteLength, buffer, bytes);
  return String.UTF8.decodeUnsafe(buffer, bytes);
}

/**
 * Where AssemblyScript goes when something is thrown or an assertion fails: the message to the log,
 * then a trap, which the host answers with 500. Nothing is allocated here, since a full memory may
 * be what brought us.
 */
export function onAbort(message: string | null, file: string | null, line: u32, column: u32): void {
  if (message !== null) {
    // Three bytes of UTF-8 for a UTF-16 unit at the most.
    const units = min(message.length, SCRATCH_BYTES / 3);
    hostLog(scratch, <i32>String.UTF8.encodeUnsafe(changetype<usize>(message), units, scratch));
  }
  unreachable();
}
