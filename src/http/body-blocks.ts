/**
 * Buffers of one size in which large bodies are collected, used again and again. One for a listener thread.
 *
 * A Buffer of its own for each read is memory outside of the heap. V8 cannot see when such memory is dead, only that it is much, and marks the whole heap each
 * time: fifteen times a second at 300 bodies of 1 MB, which cost more than all copies of the bodies. Blocks that do not come back, since their connection ended, are
 * collected as any Buffer is.
 */

/** What one read brings at the most. */
export const BLOCK_BYTES = 65536;
/** 8 MiB that a listener may keep: eight bodies of 1 MB at a time, and what is idle of them between two turns. Out of thin air. */
const IDLE_MAX = 128;

export class BodyBlocks {
  readonly #idle: Buffer[] = [];

  /** With what somebody else left in it. */
  take(): Buffer {
    return this.#idle.pop() ?? Buffer.allocUnsafeSlow(BLOCK_BYTES);
  }

  /** Nobody may look at it any more. */
  give(block: Buffer): void {
    if (this.#idle.length < IDLE_MAX) this.#idle.push(block);
  }
}
