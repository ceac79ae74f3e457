// Resizes row by row: each input row is resized across, then taken in by the output rows that it is part
// of. What is kept is two output rows when making smaller and four input rows when making larger.
// Colours are averaged as they are stored (gamma-encoded), as common tools do, but weighted by alpha:
// what is transparent has no colour to give.

import { Kernel } from './kernel';
import { RowSink, RowSource } from './rows';

/** Rows that a cubic needs. */
const RING: i32 = 4;

export class Resampler {
  private channels: i32;
  private across: Kernel;
  private down: Kernel;
  private outRow: usize;
  private samples: usize;
  /** Rows resized across, if the picture gets taller. */
  private ring: usize = 0;
  /** Sums of the output row in work and of the next one, if it does not. */
  private sum: usize;
  private nextSum: usize = 0;
  private sumBytes: i32;
  private output: i32 = 0;

  constructor(
    private source: RowSource,
    private sink: RowSink,
    outWidth: i32,
    outHeight: i32,
  ) {
    const channels = source.channels;
    this.channels = channels;
    this.across = new Kernel(source.width, outWidth);
    this.down = new Kernel(source.height, outHeight);
    this.outRow = heap.alloc(outWidth * channels);
    this.samples = heap.alloc(source.width * channels * 4);
    this.sumBytes = outWidth * channels * 4;
    this.sum = this.zeroed();
    if (this.down.enlarges) this.ring = heap.alloc(RING * this.sumBytes);
    else this.nextSum = this.zeroed();
  }

  private zeroed(): usize {
    const row = heap.alloc(this.sumBytes);
    memory.fill(row, 0, this.sumBytes);
    return row;
  }

  /** Passes the whole picture from the source to the sink. False if the source refuses it. */
  run(): bool {
    const height = this.source.height;
    const input = heap.alloc(this.source.width * this.channels);
    const line = heap.alloc(this.sumBytes);
    for (let y = 0; y < height; y++) {
      if (!this.source.next(input)) return false;
      this.premultiply(input);
      if (this.down.enlarges) {
        this.resizeAcross(this.ring + <usize>((y % RING) * this.sumBytes));
        this.emitFromRing(y);
      } else {
        this.resizeAcross(line);
        this.addToSums(line, y);
      }
    }
    return true;
  }

  private premultiply(row: usize): void {
    const channels = this.channels;
    const total = this.source.width * channels;
    const samples = this.samples;
    if ((channels & 1) == 1) {
      for (let i = 0; i < total; i++) store<f32>(samples + (i << 2), <f32>load<u8>(row + i));
      return;
    }
    for (let i = 0; i < total; i += channels) {
      const alpha = <f32>load<u8>(row + i + channels - 1);
      const scale = alpha / 255;
      for (let c = 0; c < channels - 1; c++) {
        store<f32>(samples + ((i + c) << 2), <f32>load<u8>(row + i + c) * scale);
      }
      store<f32>(samples + ((i + channels - 1) << 2), alpha);
    }
  }

  private resizeAcross(target: usize): void {
    const kernel = this.across;
    const channels = this.channels;
    const stride = <usize>channels << 2;
    for (let x = 0; x < kernel.outputs; x++) {
      const first = this.samples + <usize>unchecked(kernel.first[x]) * stride;
      const count = unchecked(kernel.count[x]);
      const start = unchecked(kernel.start[x]);
      for (let c = 0; c < channels; c++) {
        let sum: f32 = 0;
        let sample = first + (c << 2);
        for (let k = 0; k < count; k++) {
          sum += load<f32>(sample) * unchecked(kernel.weights[start + k]);
          sample += stride;
        }
        store<f32>(target, sum);
        target += 4;
      }
    }
  }

  private accumulate(sum: usize, line: usize, weight: f32): void {
    for (const end = line + this.sumBytes; line < end; line += 4, sum += 4) {
      store<f32>(sum, load<f32>(sum) + load<f32>(line) * weight);
    }
  }

  /** A row reaches into two output rows at the most, since these are at least as tall. */
  private addToSums(line: usize, y: i32): void {
    const kernel = this.down;
    const o = this.output;
    this.accumulate(this.sum, line, kernel.weights[kernel.start[o] + y - kernel.first[o]]);
    if (kernel.last(o) > y) return;
    if (o + 1 < kernel.outputs && kernel.first[o + 1] == y) {
      this.accumulate(this.nextSum, line, kernel.weights[kernel.start[o + 1]]);
    }
    this.emit();
    const done = this.sum;
    memory.fill(done, 0, this.sumBytes);
    this.sum = this.nextSum;
    this.nextSum = done;
  }

  /** Makes all output rows whose last input row is `y`. */
  private emitFromRing(y: i32): void {
    const kernel = this.down;
    while (this.output < kernel.outputs && kernel.last(this.output) <= y) {
      const o = this.output;
      memory.fill(this.sum, 0, this.sumBytes);
      for (let k = 0; k < kernel.count[o]; k++) {
        const line = this.ring + <usize>(((kernel.first[o] + k) % RING) * this.sumBytes);
        this.accumulate(this.sum, line, kernel.weights[kernel.start[o] + k]);
      }
      this.emit();
    }
  }

  private emit(): void {
    const channels = this.channels;
    const total = this.sumBytes >> 2;
    const sum = this.sum;
    const row = this.outRow;
    if ((channels & 1) == 1) {
      for (let i = 0; i < total; i++) store<u8>(row + i, rounded(load<f32>(sum + (i << 2))));
    } else {
      for (let i = 0; i < total; i += channels) {
        const alpha = load<f32>(sum + ((i + channels - 1) << 2));
        const visible = rounded(alpha);
        const scale: f32 = visible > 0 ? 255 / alpha : 0;
        for (let c = 0; c < channels - 1; c++) {
          store<u8>(row + i + c, rounded(load<f32>(sum + ((i + c) << 2)) * scale));
        }
        store<u8>(row + i + channels - 1, visible);
      }
    }
    this.sink.write(row);
    this.output++;
  }
}

/** Cubic weights are partly negative: a sum may lie outside of what a byte holds. */
@inline
function rounded(value: f32): i32 {
  return <i32>(max<f32>(0, min<f32>(value, 255)) + 0.5);
}
