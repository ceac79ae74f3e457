// Seeded random numbers, so that the samples can be made again, bit for bit.

export interface Random {
  /** Evenly in 0 .. 1. */
  uniform(): number;
  /** Normal, mean 0 and deviation 1. */
  normal(): number;
}

/** A counter through the finalizer of MurmurHash3: full period, and good enough for samples. */
export function seeded(seed: number): Random {
  let counter = seed >>> 0;
  const uniform = (): number => {
    counter = (counter + 0x9e3779b9) >>> 0;
    let h = counter;
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    return ((h ^ (h >>> 16)) >>> 0) / 2 ** 32;
  };
  // Box and Muller; the sine half is not kept, so that each call takes two numbers.
  const normal = (): number =>
    Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  return { uniform, normal };
}
