/**
 * Least squares with forgetting, one run at a time: running time over two features of a request, body size and a parameter. Pure: the state is an
 * array of doubles (fit-cells.ts shares it between threads).
 *
 *   y ~ bias + x * slopeX + z * slopeZ;  a run's weight falls to 1/e behind 256 more
 *
 * Kept as weighted means and central moments, from which the two slopes are solved anew each time. The textbook's recursion over the inverse matrix
 * was rejected: where a feature stands still for long that matrix grows without bound, and rounding makes it indefinite; moments only decay.
 * Q1  Every cell stays finite for features up to 1e12 and times up to 1e13 ns; others are not taken.
 * Q2  A feature that never varied has slope 0, and two that vary alike share theirs: the ridge keeps the determinant above 0.
 * Q3  One wild run moves little: with more than 16 runs a feature counts as at most 8 deviations from its mean, a time as at most 8 mean errors
 *     from its prediction. A change that stays is followed all the same, as the mean error grows with each run that was cut.
 * Q4  To be compared with a percentile, and used like one, the line is lifted by OFFSET: the same percentile of its own errors. Both are judged by the
 *     quantile loss, which the true percentile minimizes; the line is used once its loss is the smaller one.
 */

const COUNT = 0;
const WEIGHT = 1;
const MEAN_X = 2;
const MEAN_Z = 3;
const MEAN_Y = 4;
const VAR_X = 5;
const VAR_Z = 6;
const COV_XZ = 7;
const COV_XY = 8;
const COV_ZY = 9;
const ERROR = 10;
const OFFSET = 11;
const LOSS_LINE = 12;
const LOSS_PERCENTILE = 13;
const BIAS = 14;
const SLOPE_X = 15;
const SLOPE_Z = 16;
/** Of the state. All 0: nothing is known. */
export const REGRESSION_CELLS = 17;

const FORGET: number = 1 - 1 / 256;
/** Of the means of errors: they tell what the line is worth now. */
const ERROR_RATE = 1 / 64;
/** Steps of OFFSET, in mean errors: it wanders by about as much. */
const OFFSET_STEP = 1 / 32;
const RIDGE = 1e-3;
/** Runs before predictions are judged, before wild runs are cut, and before the line may be used. */
const JUDGE_FROM = 4;
const CUT_FROM = 16;
const USE_FROM = 32;
const CUT = 8;
/** A mean error below a hundredth of the mean time is taken for that: else nothing could ever leave a line that fitted exactly. */
const ERROR_MIN_PART = 0.01;
/** Below this part of a mean's square a variance is rounding: the feature stands still, and may move at once. */
const STILL_PART = 1e-18;
const FEATURE_MAX = 1e12;
const NS_MAX = 1e13;

/** What the state says a request will take. */
export interface Line {
  readonly biasNs: number;
  readonly slopeX: number;
  readonly slopeZ: number;
  /** It is better than the percentile. */
  readonly isBetter: boolean;
}

function cell(state: Float64Array, at: number): number {
  return state[at] as number;
}

export function lineOf(state: Float64Array): Line {
  const isJudged = cell(state, COUNT) >= USE_FROM;
  return {
    biasNs: cell(state, BIAS) + cell(state, OFFSET),
    slopeX: cell(state, SLOPE_X),
    slopeZ: cell(state, SLOPE_Z),
    isBetter: isJudged && cell(state, LOSS_LINE) < cell(state, LOSS_PERCENTILE),
  };
}

/** A run: its features, its time, and what the percentile (`quantile` of 1) said then. False when it cannot be taken (Q1). */
export function learn(
  state: Float64Array,
  x: number,
  z: number,
  ns: number,
  percentileNs: number,
  quantile: number,
): boolean {
  if (!(Math.abs(x) <= FEATURE_MAX && Math.abs(z) <= FEATURE_MAX)) return false;
  if (!(ns >= 0 && ns <= NS_MAX)) return false;
  const count = cell(state, COUNT);
  const takenX = count < CUT_FROM ? x : near(x, cell(state, MEAN_X), cell(state, VAR_X));
  const takenZ = count < CUT_FROM ? z : near(z, cell(state, MEAN_Z), cell(state, VAR_Z));
  const y = count < JUDGE_FROM ? ns : judge(state, takenX, takenZ, ns, percentileNs, quantile);
  absorb(state, takenX, takenZ, y);
  solve(state);
  state[COUNT] = count + 1;
  return true;
}

function near(value: number, mean: number, variance: number): number {
  if (variance <= STILL_PART * mean * mean) return value;
  const most = CUT * Math.sqrt(variance);
  return Math.min(Math.max(value, mean - most), mean + most);
}

/** Moves the errors and OFFSET by one run; its time, cut if it is a wild one. */
function judge(
  state: Float64Array,
  x: number,
  z: number,
  ns: number,
  percentileNs: number,
  quantile: number,
): number {
  const count = cell(state, COUNT);
  const line = cell(state, BIAS) + cell(state, SLOPE_X) * x + cell(state, SLOPE_Z) * z;
  const error = cell(state, ERROR);
  const usual = Math.max(error, ERROR_MIN_PART * cell(state, MEAN_Y), 1);
  const most = count < CUT_FROM ? Number.POSITIVE_INFINITY : CUT * usual;
  const residual = Math.min(Math.max(ns - line, -most), most);
  const y = line + residual;
  const offset = cell(state, OFFSET);
  const rate = Math.max(ERROR_RATE, 1 / (count - JUDGE_FROM + 1));
  const lossLine = loss(y - Math.max(0, line + offset), quantile);
  const lossPercentile = loss(y - percentileNs, quantile);
  state[ERROR] = error + (Math.abs(residual) - error) * rate;
  state[LOSS_LINE] = cell(state, LOSS_LINE) * (1 - rate) + lossLine * rate;
  state[LOSS_PERCENTILE] = cell(state, LOSS_PERCENTILE) * (1 - rate) + lossPercentile * rate;
  state[OFFSET] = offset + OFFSET_STEP * error * (residual > offset ? quantile : quantile - 1);
  return y;
}

/** Least on average for the value that `quantile` of all do not exceed. */
function loss(excess: number, quantile: number): number {
  return excess > 0 ? excess * quantile : excess * (quantile - 1);
}

function absorb(state: Float64Array, x: number, z: number, y: number): void {
  const weight = cell(state, WEIGHT) * FORGET + 1;
  const part = 1 / weight;
  const dx = x - cell(state, MEAN_X);
  const dz = z - cell(state, MEAN_Z);
  const dy = y - cell(state, MEAN_Y);
  state[WEIGHT] = weight;
  state[MEAN_X] = cell(state, MEAN_X) + part * dx;
  state[MEAN_Z] = cell(state, MEAN_Z) + part * dz;
  state[MEAN_Y] = cell(state, MEAN_Y) + part * dy;
  const rest = 1 - part;
  state[VAR_X] = rest * (cell(state, VAR_X) + part * dx * dx);
  state[VAR_Z] = rest * (cell(state, VAR_Z) + part * dz * dz);
  state[COV_XZ] = rest * (cell(state, COV_XZ) + part * dx * dz);
  state[COV_XY] = rest * (cell(state, COV_XY) + part * dx * dy);
  state[COV_ZY] = rest * (cell(state, COV_ZY) + part * dz * dy);
}

/** In units of the features' deviations, so that the ridge means the same for bytes and for a parameter of any size. */
function solve(state: Float64Array): void {
  const meanX = cell(state, MEAN_X);
  const meanZ = cell(state, MEAN_Z);
  const deviationX = deviation(cell(state, VAR_X), meanX);
  const deviationZ = deviation(cell(state, VAR_Z), meanZ);
  const gainX = deviationX === 0 ? 0 : cell(state, COV_XY) / deviationX;
  const gainZ = deviationZ === 0 ? 0 : cell(state, COV_ZY) / deviationZ;
  const both = deviationX === 0 || deviationZ === 0 ? 0 : cell(state, COV_XZ) / deviationX;
  const correlation = both === 0 ? 0 : Math.min(Math.max(both / deviationZ, -1), 1);
  // Few runs prove little: the ridge is wide until there are some.
  const ridge = RIDGE + 1 / cell(state, WEIGHT) ** 2;
  const diagonal = 1 + ridge;
  const determinant = diagonal * diagonal - correlation * correlation;
  const slopeX =
    deviationX === 0 ? 0 : (diagonal * gainX - correlation * gainZ) / determinant / deviationX;
  const slopeZ =
    deviationZ === 0 ? 0 : (diagonal * gainZ - correlation * gainX) / determinant / deviationZ;
  state[SLOPE_X] = slopeX;
  state[SLOPE_Z] = slopeZ;
  state[BIAS] = cell(state, MEAN_Y) - slopeX * meanX - slopeZ * meanZ;
}

function deviation(variance: number, mean: number): number {
  return variance <= STILL_PART * mean * mean ? 0 : Math.sqrt(variance);
}
