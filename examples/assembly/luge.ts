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
@external("luge", "log")
declare function hostLog(data: usize, bytes: i32): void;
@external("luge", "clock_ns")
declare function hostClockNs(): i64;
@external("luge", "sleep")
declare function hostSleep(ns: i64): void;

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

/** The value of a request header (upper and lower case are alike), or null if it is absent. */
export function header(name: string): string | null {
  const key = String.UTF8.encode(name);
  const keyBytes = key.byteLength;
  const bytes = hostHeader(changetype<usize>(key), keyBytes, scratch, SCRATCH_BYTES);
  if (bytes < 0) return null;
  if (bytes <= SCRATCH_BYTES) return String.UTF8.decodeUnsafe(scratch, bytes);
  const buffer = heap.alloc(bytes);
  hostHeader(changetype<usize>(key), keyBytes, buffer, bytes);
  return String.UTF8.decodeUnsafe(buffer, bytes);
}

/** Bytes in the request body. */
export function bodySize(): i32 {
  return hostBodySize();
}

/** Copies up to `bytes` of the body, from `offset` on, to `buffer`; answers how many, 0 at the end. */
export function readBody(offset: i32, buffer: usize, bytes: i32): i32 {
  return hostBodyRead(offset, buffer, bytes);
}

/** The first `maxBytes` of the body as text. The bound is the caller's: memory here is one page. */
export function bodyText(maxBytes: i32): string {
  const bytes = min(hostBodySize(), maxBytes);
  const buffer = heap.alloc(bytes);
  return String.UTF8.decodeUnsafe(buffer, hostBodyRead(0, buffer, bytes));
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
