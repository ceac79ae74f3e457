// Extended Kalman filter with the "nearly coordinated turn" model (Bar-Shalom, Li, Kirubarajan,
// Estimation with Applications to Tracking and Navigation, 2001, section 11.7).
//
//   state  0 east m | 1 north m | 2 east speed m/s | 3 north speed m/s | 4 turn rate rad/s
//
// Between two fixes the vehicle keeps its speed and its turn rate, so the velocity rotates by
// turn rate x time: nonlinear in the state, hence the Jacobian. Velocity is kept in Cartesian form;
// with speed and heading (CTRV) the heading of a standing vehicle would be undefined, and a filter
// that starts at rest would have to guess it.

const N: i32 = 5;

/**
 * Spectral density of acceleration, (m/s^2)^2 s: a car in traffic. This and the next were chosen on
 * examples/data/gps.csv, where the error then agrees with the sigma that the filter reports.
 */
const ACCELERATION_NOISE: f64 = 3.0;
/** Spectral density of turn acceleration, (rad/s^2)^2 s. */
const TURN_NOISE: f64 = 0.003;
/** Standard deviations of what is unknown at the first fix. */
const FIRST_SPEED_MPS: f64 = 20.0;
const FIRST_TURN_RADPS: f64 = 0.2;
/**
 * Squared Mahalanobis distance that one honest fix in a hundred exceeds (chi-square, 2 degrees of
 * freedom). A fix beyond it is not thrown away, which would lose a vehicle that really moved, but
 * weighs as if its noise were that much larger.
 */
const GATE: f64 = 9.21;
/** Below this angle (rad) sine and cosine quotients lose digits, and their series are exact. */
const SMALL_ANGLE: f64 = 1e-3;

type Matrix = StaticArray<f64>;

function at(row: i32, column: i32): i32 {
  return row * N + column;
}

export class Filter {
  readonly x: StaticArray<f64> = new StaticArray<f64>(N);
  private p: Matrix = new StaticArray<f64>(N * N);
  // Kept for the life of the filter: nothing is allocated per fix.
  private jacobian: Matrix = new StaticArray<f64>(N * N);
  private product: Matrix = new StaticArray<f64>(N * N);
  private gain: StaticArray<f64> = new StaticArray<f64>(N);

  /** Starts at a fix: position as good as the fix, speed and turn unknown. */
  start(east: f64, north: f64, sigmaM: f64): void {
    this.x.fill(0);
    this.x[0] = east;
    this.x[1] = north;
    this.p.fill(0);
    this.p[at(0, 0)] = this.p[at(1, 1)] = sigmaM * sigmaM;
    this.p[at(2, 2)] = this.p[at(3, 3)] = FIRST_SPEED_MPS * FIRST_SPEED_MPS;
    this.p[at(4, 4)] = FIRST_TURN_RADPS * FIRST_TURN_RADPS;
  }

  /** Moves the origin of the plane under the state; speeds and covariance do not change. */
  shift(east: f64, north: f64): void {
    this.x[0] -= east;
    this.x[1] -= north;
  }

  predict(seconds: f64): void {
    const x = this.x;
    const turn = x[4];
    const angle = turn * seconds;
    const sin = Math.sin(angle);
    const cos = Math.cos(angle);
    // sin(wt)/w and (1 - cos(wt))/w with their derivatives by w.
    let along: f64, across: f64, alongByTurn: f64, acrossByTurn: f64;
    if (Math.abs(angle) < SMALL_ANGLE) {
      along = seconds * (1.0 - (angle * angle) / 6.0);
      across = seconds * angle * 0.5;
      alongByTurn = (-seconds * seconds * angle) / 3.0;
      acrossByTurn = seconds * seconds * 0.5;
    } else {
      along = sin / turn;
      across = (1.0 - cos) / turn;
      alongByTurn = (seconds * cos - along) / turn;
      acrossByTurn = (seconds * sin - across) / turn;
    }
    const ve = x[2];
    const vn = x[3];
    x[0] += along * ve - across * vn;
    x[1] += across * ve + along * vn;
    x[2] = cos * ve - sin * vn;
    x[3] = sin * ve + cos * vn;

    const f = this.jacobian;
    f.fill(0);
    for (let i = 0; i < N; i++) f[at(i, i)] = 1;
    f[at(0, 2)] = along;
    f[at(0, 3)] = -across;
    f[at(0, 4)] = alongByTurn * ve - acrossByTurn * vn;
    f[at(1, 2)] = across;
    f[at(1, 3)] = along;
    f[at(1, 4)] = acrossByTurn * ve + alongByTurn * vn;
    f[at(2, 2)] = cos;
    f[at(2, 3)] = -sin;
    f[at(2, 4)] = -seconds * x[3];
    f[at(3, 2)] = sin;
    f[at(3, 3)] = cos;
    f[at(3, 4)] = seconds * x[2];
    this.propagate(f);
    this.addProcessNoise(seconds);
  }

  /** P = F P F^T */
  private propagate(f: Matrix): void {
    const p = this.p;
    const fp = this.product;
    for (let i = 0; i < N; i++) {
      for (let j = 0; j < N; j++) {
        let sum: f64 = 0;
        for (let k = 0; k < N; k++) sum += f[at(i, k)] * p[at(k, j)];
        fp[at(i, j)] = sum;
      }
    }
    for (let i = 0; i < N; i++) {
      for (let j = i; j < N; j++) {
        let sum: f64 = 0;
        for (let k = 0; k < N; k++) sum += fp[at(i, k)] * f[at(j, k)];
        p[at(i, j)] = p[at(j, i)] = sum;
      }
    }
  }

  /** White acceleration, integrated over the step, so that one long step equals two short ones. */
  private addProcessNoise(seconds: f64): void {
    const p = this.p;
    const speed = ACCELERATION_NOISE * seconds;
    const mixed = (speed * seconds) / 2.0;
    const position = (speed * seconds * seconds) / 3.0;
    for (let axis = 0; axis < 2; axis++) {
      p[at(axis, axis)] += position;
      p[at(axis, axis + 2)] += mixed;
      p[at(axis + 2, axis)] += mixed;
      p[at(axis + 2, axis + 2)] += speed;
    }
    p[at(4, 4)] += TURN_NOISE * seconds;
  }

  /** Takes in a measured position with the same noise, `sigmaM`, on both axes. */
  update(east: f64, north: f64, sigmaM: f64): void {
    const variance = sigmaM * sigmaM * this.outlierWeight(east, north, sigmaM * sigmaM);
    // The noise of the axes is independent, so they may enter one after the other: no matrix to invert.
    this.updateAxis(0, east, variance);
    this.updateAxis(1, north, variance);
  }

  private outlierWeight(east: f64, north: f64, variance: f64): f64 {
    const p = this.p;
    const de = east - this.x[0];
    const dn = north - this.x[1];
    const see = p[at(0, 0)] + variance;
    const snn = p[at(1, 1)] + variance;
    const sen = p[at(0, 1)];
    const distance2 = (snn * de * de - 2.0 * sen * de * dn + see * dn * dn) / (see * snn - sen * sen);
    return Math.max(1.0, distance2 / GATE);
  }

  private updateAxis(axis: i32, measured: f64, variance: f64): void {
    const x = this.x;
    const p = this.p;
    const k = this.gain;
    const s = p[at(axis, axis)] + variance;
    const innovation = measured - x[axis];
    for (let i = 0; i < N; i++) k[i] = p[at(i, axis)] / s;
    for (let i = 0; i < N; i++) x[i] += k[i] * innovation;
    // P - K S K^T, each pair computed once: stays symmetric to the last bit.
    for (let i = 0; i < N; i++) {
      for (let j = i; j < N; j++) {
        p[at(i, j)] = p[at(j, i)] = p[at(i, j)] - k[i] * s * k[j];
      }
    }
  }

  get speed(): f64 {
    return Math.sqrt(this.x[2] * this.x[2] + this.x[3] * this.x[3]);
  }

  /** Degrees clockwise from north, 0 .. 360. */
  get heading(): f64 {
    const degrees = (Math.atan2(this.x[2], this.x[3]) * 180.0) / Math.PI;
    return degrees < 0 ? degrees + 360.0 : degrees;
  }

  /** Standard deviation of the position, the mean of both axes. */
  get sigmaM(): f64 {
    return Math.sqrt((this.p[at(0, 0)] + this.p[at(1, 1)]) / 2.0);
  }
}
