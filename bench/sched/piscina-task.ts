/** The task of piscina-child.ts: steps.wat in JavaScript. */
interface Task {
  readonly seed: number;
  readonly steps: number;
}

export default function steps({ seed, steps: count }: Task): number {
  let state = seed;
  for (let i = 0; i < count; i++) state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
  return state >>> 0;
}
