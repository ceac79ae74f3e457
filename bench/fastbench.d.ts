declare module 'fastbench' {
  type Candidate = (done: () => void) => void;
  export default function build(
    functions: readonly Candidate[],
    options: { max: number; color: boolean },
  ): (done: () => void) => void;
}
