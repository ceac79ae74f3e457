// /echo answers the body as it came, under the content type that it came with. The body may be far
// larger than the guest's memory: it passes through one buffer, part by part.

import { header, readBody, setHeader, writeBytes } from './luge';

/** Half of the one page that this module has: fewer host calls than with less, no second page. */
const BUFFER_BYTES: i32 = 0x8000;
const buffer: usize = memory.data(0x8000);

export function handle(): void {
  const type = header('content-type');
  if (type === null || !setHeader('content-type', type)) {
    setHeader('content-type', 'application/octet-stream');
  }
  let offset = 0;
  for (;;) {
    const bytes = readBody(offset, buffer, BUFFER_BYTES);
    if (bytes <= 0) return;
    writeBytes(buffer, bytes);
    offset += bytes;
  }
}
