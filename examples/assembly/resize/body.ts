import { bodySize, readBody } from '../luge';

export const size: i32 = bodySize();

/** Copies exactly `bytes` of the body; false if it does not have them. */
export function read(offset: i32, target: usize, bytes: i32): bool {
  let done = 0;
  while (done < bytes) {
    const part = readBody(offset + done, target + done, bytes - done);
    if (part <= 0) return false;
    done += part;
  }
  return true;
}
