// What a format has to offer to be resized: rows of 8-bit samples, one after the other.

export abstract class RowSource {
  width: i32 = 0;
  height: i32 = 0;
  /** 1 gray, 2 gray and alpha, 3 RGB, 4 RGBA. */
  channels: i32 = 0;

  /** Writes the next row, `width * channels` bytes. False if the picture is refused. */
  abstract next(row: usize): bool;

  /** Checks what is left behind the last row. */
  abstract finish(): bool;
}

export abstract class RowSink {
  abstract write(row: usize): void;

  /** Sends the response. Nothing is sent before it, so that a bad last row is still a clean 400. */
  abstract finish(): void;
}
