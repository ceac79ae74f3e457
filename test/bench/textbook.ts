/**
 * What the kernels of bench/poll compute, the plain way: products of whole matrices, elimination, recursion, fixed points. The data
 * and the checksum are those of kernels/shared; the order of operations is not the kernels', so that sums differ in their last bits.
 */

type Matrix = readonly (readonly number[])[];

/** kernels/shared/mix.ts */
export function mix(counter: number): number {
  let x = Math.imul(counter, 0x9e3779b1);
  x ^= x >>> 15;
  x = Math.imul(x, 0x85157af5);
  return (x ^ (x >>> 13)) >>> 0;
}

/** As kernels/shared/array.ts weighs values by their place. */
export function weighed(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]! * (1 + (i & 15));
  return sum;
}

/** The integer kernels weigh by the place modulo 4. */
function weighedBy4(values: readonly number[]): number {
  return values.reduce((sum, value, i) => sum + value * (1 + (i & 3)), 0);
}

function matrix(rows: number, columns: number, at: (i: number, j: number) => number): number[][] {
  return Array.from({ length: rows }, (_, i) =>
    Array.from({ length: columns }, (_, j) => at(i, j)),
  );
}

/** `fill` of kernels/shared/array.ts */
const data = (rows: number, columns: number, salt: number): number[][] =>
  matrix(rows, columns, (i, j) => ((i * 7 + j * 13 + salt) % 97) / 97);
const square = (n: number, salt: number): number[][] => data(n, n, salt);
const vector = (n: number, salt: number): Matrix => transposed(data(1, n, salt));

const transposed = (a: Matrix): Matrix => a[0]!.map((_, j) => a.map((row) => row[j]!));
const scaled = (factor: number, a: Matrix): Matrix => a.map((row) => row.map((x) => factor * x));
const added = (a: Matrix, b: Matrix): Matrix => a.map((row, i) => row.map((x, j) => x + b[i]![j]!));
const product = (a: Matrix, b: Matrix): Matrix =>
  a.map((row) => b[0]!.map((_, j) => row.reduce((sum, x, k) => sum + x * b[k]![j]!, 0)));
const sumOf = (a: Matrix): number => weighed(a.flat());

/** Gaussian elimination below the diagonal; keeps the factors where the zeros would be. */
function eliminated(from: Matrix): number[][] {
  const a = from.map((row) => [...row]);
  for (const [k, pivot] of a.entries()) {
    for (const row of a.slice(k + 1)) {
      const factor = row[k]! / pivot[k]!;
      for (let j = k; j < row.length; j++) row[j]! -= factor * pivot[j]!;
      row[k] = factor;
    }
  }
  return a;
}

function cholesky(n: number): number {
  const a = matrix(n, n, (i, j) => (i === j ? 2 : 1 / (1 + Math.abs(i - j))));
  const lu = eliminated(a);
  // L of A = L L^T is the unit triangle, its columns times the roots of the pivots.
  const root = (j: number): number => Math.sqrt(lu[j]![j]!);
  return sumOf(
    matrix(n, n, (i, j) => {
      if (j > i) return a[i]![j]!;
      return i === j ? root(j) : lu[i]![j]! * root(j);
    }),
  );
}

/** The Toeplitz system that Durbin's recursion solves, by elimination with a right-hand side. */
function durbin(n: number): number {
  const lu = eliminated(
    matrix(n, n + 1, (i, j) => (j === n ? -1 / (i + 2) : 1 / (1 + Math.abs(i - j)))),
  );
  const y = new Float64Array(n);
  for (let i = n - 1; i >= 0; i--) {
    let rest = lu[i]![n]!;
    for (let j = i + 1; j < n; j++) rest -= lu[i]![j]! * y[j]!;
    y[i] = rest / lu[i]![i]!;
  }
  return weighed(y);
}

/** Ways are shortened by a place between until nothing changes. */
function floydWarshall(n: number): number {
  const ways = matrix(n, n, (i, j) => {
    const value = mix(i * n + j);
    if (i === j) return 0;
    return value & 7 ? 2 ** 28 : 1 + ((value >>> 8) % 1000);
  });
  for (let before = -1, now = 0; before !== now; now = weighedBy4(ways.flat())) {
    before = weighedBy4(ways.flat());
    for (const from of ways) {
      for (let to = 0; to < n; to++) {
        from[to] = Math.min(...from.map((length, via) => length + ways[via]![to]!));
      }
    }
  }
  return weighedBy4(ways.flat());
}

/** The first base of a part stays alone, or pairs with one that is not next to it and splits the rest in two. */
function nussinov(n: number): number {
  const bases = Array.from({ length: n }, (_, i) => mix(i) & 3);
  const known = new Map<number, number>();
  const pairs = (i: number, j: number): number => {
    if (j <= i) return 0;
    const found = known.get(i * n + j);
    if (found !== undefined) return found;
    let best = pairs(i + 1, j);
    for (let k = i + 2; k <= j; k++) {
      if (bases[i]! + bases[k]! !== 3) continue;
      best = Math.max(best, pairs(i + 1, k - 1) + 1 + pairs(k + 1, j));
    }
    known.set(i * n + j, best);
    return best;
  };
  return weighedBy4(matrix(n, n, pairs).flat());
}

/** Steps of a stencil on a flat grid: `next` of a cell inside, the border stays. Each step goes there and back. */
function stencil(
  sides: readonly number[],
  steps: number,
  grids: readonly [number[], number[]],
  next: (cells: number[], at: number) => number,
): number {
  const isInside = (at: number): boolean => {
    let rest = at;
    return sides.every((side) => {
      const place = rest % side;
      rest = Math.floor(rest / side);
      return place > 0 && place < side - 1;
    });
  };
  const sweep = (to: number[], from: number[]): number[] =>
    to.map((value, at) => (isInside(at) ? next(from, at) : value));
  let [a, b] = grids;
  for (let step = 0; step < steps; step++) {
    b = sweep(b, a);
    a = sweep(a, b);
  }
  return weighed(a);
}

function seidel(n: number): number {
  const a = square(n, 1).flat();
  const around = [-n - 1, -n, -n + 1, -1, 0, 1, n - 1, n, n + 1];
  for (let step = 0; step < 70; step++) {
    for (let i = 1; i < n - 1; i++) {
      for (let at = i * n + 1; at < i * n + n - 1; at++) {
        a[at] = around.reduce((sum, offset) => sum + a[at + offset]!, 0) / 9;
      }
    }
  }
  return weighed(a);
}

function fdtd(n: number): number {
  let [ex, ey, hz] = [square(n, 1), square(n, 2), square(n, 3)];
  for (let step = 0; step < 220; step++) {
    ey = matrix(n, n, (i, j) =>
      i === 0 ? step : ey[i]![j]! - 0.5 * (hz[i]![j]! - hz[i - 1]![j]!),
    );
    ex = matrix(n, n, (i, j) =>
      j === 0 ? ex[i]![j]! : ex[i]![j]! - 0.5 * (hz[i]![j]! - hz[i]![j - 1]!),
    );
    hz = matrix(n, n, (i, j) => {
      if (i === n - 1 || j === n - 1) return hz[i]![j]!;
      const turn = ex[i]![j + 1]! - ex[i]![j]! + ey[i + 1]![j]! - ey[i]![j]!;
      return hz[i]![j]! - 0.7 * turn;
    });
  }
  return sumOf(ex) + sumOf(ey) + sumOf(hz);
}

function covariance(n: number): number {
  const a = square(n, 1);
  const means = transposed(a).map((column) => column.reduce((sum, x) => sum + x, 0) / n);
  const deviations = a.map((row) => row.map((x, j) => x - means[j]!));
  return sumOf(scaled(1 / (n - 1), product(transposed(deviations), deviations)));
}

function hashMap(n: number): number {
  const keyOf = (i: number): number => 1 + (mix(i) % (2 * n));
  let sum = 0;
  for (let round = 0; round < 20; round++) {
    const map = new Map<number, number>();
    for (let i = 0; i < n; i++) {
      const key = keyOf(i + round);
      map.set(key, (map.get(key) ?? 0) + 1 + (i & 7));
    }
    for (let i = 0; i < 2 * n; i++) sum += map.get(keyOf(i)) ?? -1;
  }
  return sum;
}

/** The engine encodes the text; a broken byte is a fault of the sequence that it lies in. */
function utf8(n: number): number {
  const codes = Array.from({ length: n }, (_, i) => {
    const value = mix(i);
    const bits = value >>> 8;
    const rare = [
      0x1_0000 + (bits & 0xf_ffff),
      0xe000 + (bits & 0x1fff),
      0x800 + (bits & 0x7fff),
      0x80 + (bits % 0x780),
    ];
    return rare[value & 7] ?? bits & 0x7f;
  });
  const text = Buffer.from(String.fromCodePoint(...codes));
  let sum = n;
  for (let round = 1; round < 12; round++) {
    let start = text.length - 1 - ((round * 37) % text.length);
    while ((text[start]! & 0xc0) === 0x80) start -= 1;
    sum += (1 + start) * round;
  }
  return sum;
}

/** By the name of the kernel: the checksum for `n`. */
export const TEXTBOOK: Readonly<Record<string, (n: number) => number>> = {
  gemm: (n) =>
    sumOf(added(scaled(1.2, square(n, 3)), scaled(1.5, product(square(n, 1), square(n, 2))))),
  '2mm': (n) => {
    const abc = product(product(square(n, 1), square(n, 2)), square(n, 3));
    return sumOf(added(scaled(1.2, square(n, 4)), scaled(1.5, abc)));
  },
  '3mm': (n) =>
    sumOf(product(product(square(n, 1), square(n, 2)), product(square(n, 3), square(n, 4)))),
  atax: (n) => sumOf(product(transposed(square(n, 1)), product(square(n, 1), vector(n, 2)))),
  bicg: (n) =>
    sumOf(product(square(n, 1), vector(n, 2))) +
    sumOf(product(transposed(square(n, 1)), vector(n, 3))),
  mvt: (n) => {
    const a = square(n, 1);
    // What 300 rounds add is 300 times what one adds.
    const first = added(vector(n, 2), scaled(300, product(a, vector(n, 4))));
    const second = added(vector(n, 3), scaled(300, product(transposed(a), vector(n, 5))));
    return sumOf(first) + sumOf(second);
  },
  gesummv: (n) => {
    const both = added(scaled(1.5, square(n, 1)), scaled(1.2, square(n, 2)));
    return sumOf(product(both, vector(n, 3)));
  },
  syrk: (n) => {
    const [a, c] = [square(n, 1), square(n, 2)];
    const whole = added(scaled(1.2, c), scaled(1.5, product(a, transposed(a))));
    return sumOf(matrix(n, n, (i, j) => (j <= i ? whole : c)[i]![j]!));
  },
  trmm: (n) => {
    const a = square(n, 1);
    const lower = matrix(n, n, (i, j) => (i === j ? 1 : j < i ? a[i]![j]! : 0));
    return sumOf(scaled(1.5, product(transposed(lower), square(n, 2))));
  },
  cholesky,
  lu: (n) => {
    const a = square(n, 1);
    return sumOf(eliminated(matrix(n, n, (i, j) => a[i]![j]! + (i === j ? n : 0))));
  },
  durbin,
  'floyd-warshall': floydWarshall,
  'jacobi-1d': (n) =>
    stencil([n], 3000, [data(1, n, 1).flat(), data(1, n, 2).flat()], (cells, at) => {
      return 0.33333 * (cells[at - 1]! + cells[at]! + cells[at + 1]!);
    }),
  'jacobi-2d': (n) =>
    stencil([n, n], 220, [square(n, 1).flat(), square(n, 2).flat()], (cells, at) =>
      [0, -1, 1, -n, n].reduce((sum, offset) => sum + 0.2 * cells[at + offset]!, 0),
    ),
  'heat-3d': (n) => {
    const grids: [number[], number[]] = [data(n * n, n, 1).flat(), data(n * n, n, 2).flat()];
    return stencil([n, n, n], 110, grids, (cells, at) =>
      // An eighth of each of six neighbours, and what is left of the cell itself.
      [-1, 1, -n, n, -n * n, n * n].reduce(
        (sum, offset) => sum + 0.125 * cells[at + offset]!,
        0.25 * cells[at]!,
      ),
    );
  },
  'seidel-2d': seidel,
  'fdtd-2d': fdtd,
  nussinov,
  doitgen: (n) => sumOf(product(data(n * n, n, 1), square(n, 2))),
  covariance,
  'hash-map': hashMap,
  'utf8-validate': utf8,
};
