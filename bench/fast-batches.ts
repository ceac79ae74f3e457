/** fastbench as a clock: how long a number of its steps takes. */
import fastbench from 'fastbench';

/** Milliseconds that `count` steps take. fastbench prints its own line by console.time; the figures are ours to print. */
export function fastBatches(candidate: (done: () => void) => void, count: number): Promise<number> {
  const printer = console as unknown as Record<'time' | 'timeEnd', () => void>;
  const { time: begin, timeEnd: finish } = printer;
  printer.time = () => {};
  printer.timeEnd = () => {};
  const start = performance.now();
  return new Promise((resolve) => {
    fastbench([candidate], { max: count, color: false })(() => {
      printer.time = begin;
      printer.timeEnd = finish;
      resolve(performance.now() - start);
    });
  });
}
