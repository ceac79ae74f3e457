/**
 * Everything that a module can be refused for. The code is stable and meant for programs; the message is meant for
 * the person who built the module and says where to look (byte offsets are those that `wasm-objdump -d` prints).
 */
export type RewriteErrorCode =
  | 'ERR_NOT_WASM'
  | 'ERR_WASM_TRUNCATED'
  | 'ERR_WASM_MALFORMED'
  | 'ERR_WASM_UNSUPPORTED'
  | 'ERR_WASM_NO_ENTRY'
  | 'ERR_WASM_ENTRY_TYPE'
  | 'ERR_WASM_RESERVED'
  | 'ERR_MEMORY_LIMIT'
  | 'ERR_TABLE_LIMIT'
  | 'ERR_ARRAY_LIMIT'
  | 'ERR_COMPILE_LIMIT'
  | 'ERR_ALREADY_REWRITTEN';

export class RewriteError extends Error {
  override readonly name: string = 'RewriteError';
  readonly code: RewriteErrorCode;
  /** Offset in the source file, in bytes, where it has one place. */
  readonly offset: number | undefined;

  constructor(code: RewriteErrorCode, message: string, offset?: number) {
    super(message);
    this.code = code;
    this.offset = offset;
  }
}

export function hex(value: number): string {
  return `0x${value.toString(16)}`;
}

export function malformed(what: string, offset: number): RewriteError {
  return new RewriteError('ERR_WASM_MALFORMED', `${what} at offset ${hex(offset)}`, offset);
}

export function unsupported(what: string, offset: number): RewriteError {
  return new RewriteError(
    'ERR_WASM_UNSUPPORTED',
    `${what} at offset ${hex(offset)} is not supported`,
    offset,
  );
}
