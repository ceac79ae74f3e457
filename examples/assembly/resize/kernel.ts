// Which input samples make up each output sample along one axis, and with what weights.
//   down (or the same size): the mean of the area that the output pixel covers, so that every input
//     pixel counts alike and nothing is skipped;
//   up: cubic convolution after Catmull and Rom (a = -1/2), which passes through the input samples.

/** The part of an input pixel at a distance from the place that is asked for. */
function cubic(distance: f64): f64 {
  const d = Math.abs(distance);
  if (d < 1.0) return (1.5 * d - 2.5) * d * d + 1.0;
  return d < 2.0 ? ((-0.5 * d + 2.5) * d - 4.0) * d + 2.0 : 0.0;
}

export class Kernel {
  /** Of each output sample: the first input, how many, and where their weights begin. */
  readonly first: StaticArray<i32>;
  readonly count: StaticArray<i32>;
  readonly start: StaticArray<i32>;
  readonly weights: StaticArray<f32>;

  constructor(
    readonly inputs: i32,
    readonly outputs: i32,
  ) {
    this.first = new StaticArray<i32>(outputs);
    this.count = new StaticArray<i32>(outputs);
    this.start = new StaticArray<i32>(outputs);
    this.weights = new StaticArray<f32>(outputs > inputs ? 4 * outputs : inputs + outputs);
    if (this.enlarges) this.fillCubic();
    else this.fillArea();
  }

  get enlarges(): bool {
    return this.outputs > this.inputs;
  }

  last(output: i32): i32 {
    return this.first[output] + this.count[output] - 1;
  }

  /** In units of 1 / (inputs x outputs) of the picture all borders are integers: no rounding drifts. */
  private fillArea(): void {
    const inputs = this.inputs;
    const outputs = this.outputs;
    let used = 0;
    for (let o = 0; o < outputs; o++) {
      const from = o * inputs;
      const to = from + inputs;
      const first = from / outputs;
      const last = (to - 1) / outputs;
      this.first[o] = first;
      this.count[o] = last - first + 1;
      this.start[o] = used;
      for (let i = first; i <= last; i++) {
        const overlap = min(to, (i + 1) * outputs) - max(from, i * outputs);
        this.weights[used++] = <f32>(<f64>overlap / <f64>inputs);
      }
    }
  }

  private fillCubic(): void {
    const inputs = this.inputs;
    const outputs = this.outputs;
    for (let o = 0; o < outputs; o++) {
      const centre = ((<f64>o + 0.5) * <f64>inputs) / <f64>outputs - 0.5;
      const left = <i32>Math.floor(centre) - 1;
      // Beyond the border the outermost pixel goes on: its weight takes in theirs.
      const first = max(left, 0);
      const last = min(left + 3, inputs - 1);
      this.first[o] = first;
      this.count[o] = last - first + 1;
      this.start[o] = 4 * o;
      for (let k = 0; k < 4; k++) {
        const i = min(max(left + k, first), last);
        this.weights[4 * o + i - first] += <f32>cubic(centre - <f64>(left + k));
      }
    }
  }
}
