/** Errors of this layer: a wrong argument or a memory that is not what the caller takes it for. Hot paths answer by numbers instead. */

export type RingErrorCode =
  /** The memory is not shared. */
  | 'ERR_RING_MEMORY'
  /** The address is not aligned, or the structure does not fit behind it. */
  | 'ERR_RING_ADDRESS'
  /** There is nothing of Luge at the address. */
  | 'ERR_RING_FOREIGN'
  /** There is another structure. */
  | 'ERR_RING_KIND'
  /** It was made by a version with another layout. */
  | 'ERR_RING_VERSION'
  /** A capacity or a count out of range. */
  | 'ERR_RING_CAPACITY';

export class RingError extends RangeError {
  readonly code: RingErrorCode;

  constructor(code: RingErrorCode, message: string) {
    super(message);
    this.name = 'RingError';
    this.code = code;
  }
}
