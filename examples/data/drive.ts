// A made-up drive through a town: what a receiver in the car would have reported, and where the car
// really was. /ekf gets the former (gps.csv); its test compares the answer with the latter.

import { seeded } from './random.ts';

const SEED = 20_201_207;
const STEP_S = 0.01;
const START_LAT_DEG = 48.13743;
const START_LON_DEG = 11.57549;
/** Metres to a degree near the start: WGS 84 series for 48.14 degrees north. */
const NORTH_M_PER_DEG = 111_205.6;
const EAST_M_PER_DEG = 74_411.9;

export interface Fix {
  timeS: number;
  accuracyM: number;
  /** What the receiver reported, and the truth. */
  latDeg: number;
  lonDeg: number;
  trueLatDeg: number;
  trueLonDeg: number;
}

/** A stretch of the drive: for so long toward this speed, turning at this rate (clockwise). */
interface Leg {
  seconds: number;
  speedMps: number;
  turnDegPerS?: number;
  /** Between high houses a receiver is less sure. */
  accuracyM?: number;
  /** No reception. */
  tunnel?: boolean;
}

const LEGS: readonly Leg[] = [
  { seconds: 6, speedMps: 0 },
  { seconds: 16, speedMps: 13 },
  { seconds: 4, speedMps: 6 },
  { seconds: 6, speedMps: 6, turnDegPerS: 15 },
  { seconds: 18, speedMps: 14, accuracyM: 7 },
  { seconds: 5, speedMps: 0, accuracyM: 7 },
  { seconds: 9, speedMps: 0, accuracyM: 6 },
  { seconds: 8, speedMps: 10, accuracyM: 6 },
  { seconds: 9, speedMps: 7, turnDegPerS: -20 },
  { seconds: 15, speedMps: 15 },
  { seconds: 20, speedMps: 22, turnDegPerS: 2 },
  { seconds: 7, speedMps: 22, tunnel: true },
  { seconds: 25, speedMps: 22, turnDegPerS: -3 },
  { seconds: 8, speedMps: 8 },
  { seconds: 13, speedMps: 8, turnDegPerS: 27 },
  { seconds: 14, speedMps: 13, accuracyM: 6 },
  { seconds: 4, speedMps: 6 },
  { seconds: 6, speedMps: 6, turnDegPerS: -15 },
  { seconds: 14, speedMps: 12 },
  { seconds: 8, speedMps: 0 },
];

export function drive(): Fix[] {
  const { uniform, normal } = seeded(SEED);
  const fixes: Fix[] = [];
  let east = 0;
  let north = 0;
  let speed = 0;
  let headingDeg = 62;
  let turnDegPerS = 0;
  let timeS = 0;
  let nextFixS = 0;
  for (const leg of LEGS) {
    for (let left = leg.seconds; left > 0; left -= STEP_S) {
      // A car brakes harder than it speeds up, and a wheel takes its time to turn.
      speed += Math.max(-3 * STEP_S, Math.min(1.8 * STEP_S, leg.speedMps - speed));
      turnDegPerS += ((leg.turnDegPerS ?? 0) - turnDegPerS) * 2 * STEP_S;
      if (speed > 0) headingDeg += turnDegPerS * STEP_S;
      east += Math.sin((headingDeg * Math.PI) / 180) * speed * STEP_S;
      north += Math.cos((headingDeg * Math.PI) / 180) * speed * STEP_S;
      timeS += STEP_S;
      if (timeS < nextFixS) continue;
      nextFixS += 1 + (uniform() - 0.5) * 0.2;
      if (leg.tunnel) continue;
      const accuracyM = (leg.accuracyM ?? 4) * (0.8 + 0.4 * uniform());
      // Now and then a reflected signal: much further off than the receiver believes.
      const reflection = uniform() < 0.015 ? 4 : 1;
      const trueLatDeg = START_LAT_DEG + north / NORTH_M_PER_DEG;
      const trueLonDeg = START_LON_DEG + east / EAST_M_PER_DEG;
      fixes.push({
        ...{ timeS, accuracyM, trueLatDeg, trueLonDeg },
        latDeg: trueLatDeg + (normal() * accuracyM * reflection) / NORTH_M_PER_DEG,
        lonDeg: trueLonDeg + (normal() * accuracyM * reflection) / EAST_M_PER_DEG,
      });
    }
  }
  return fixes;
}

export function driveCsv(): string {
  const lines = drive().map((fix) =>
    [
      fix.timeS.toFixed(2),
      fix.latDeg.toFixed(7),
      fix.lonDeg.toFixed(7),
      fix.accuracyM.toFixed(1),
    ].join(','),
  );
  return `time_s,lat_deg,lon_deg,accuracy_m\n${lines.join('\n')}\n`;
}

/** Metres between a position and the truth of a fix. */
export function errorM(fix: Fix, latDeg: number, lonDeg: number): number {
  return Math.hypot(
    (latDeg - fix.trueLatDeg) * NORTH_M_PER_DEG,
    (lonDeg - fix.trueLonDeg) * EAST_M_PER_DEG,
  );
}
