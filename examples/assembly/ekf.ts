// /ekf smooths a drive: GPS fixes go in as CSV (time_s,lat_deg,lon_deg[,accuracy_m], a line of names
// is optional), and for each fix position, speed, heading and their certainty come out.
//
// The body is read twice. The first pass only checks, so that a bad last line is a clean 400 and not
// half an answer; nothing of the drive is kept, so a drive of any length fits in one page of memory.

import { complaint, Fix, isEmpty, isHeader } from './ekf/fix';
import { Filter } from './ekf/filter';
import { Lines } from './ekf/lines';
import { byte, bytes, fixed, flush } from './ekf/output';
import { TangentPlane } from './ekf/plane';
import { respond, setHeader, status, write } from './luge';

/** Distance from the origin of the plane at which the origin is moved. */
const REANCHOR_M: f64 = 10000.0;
/** After so long without a fix, nothing is known of the speed any more: start anew. */
const MAX_GAP_S: f64 = 60.0;

/** Moves to the next line that holds a fix; false at the end of the body. */
function nextFixLine(lines: Lines): bool {
  while (lines.next()) {
    if (isEmpty(lines) || (lines.number == 1 && isHeader(lines))) continue;
    return true;
  }
  return false;
}

/** What is wrong with the body, with the number of the line; empty if nothing is. */
function check(): string {
  const lines = new Lines();
  const fix = new Fix();
  let fixes = 0;
  let lastS: f64 = 0;
  while (nextFixLine(lines)) {
    if (!fix.parse(lines)) return 'line ' + lines.number.toString() + ': ' + complaint;
    if (fixes > 0 && fix.timeS <= lastS) {
      return 'line ' + lines.number.toString() + ': time_s is not after that of the fix before';
    }
    lastS = fix.timeS;
    fixes++;
  }
  return fixes > 0 ? '' : 'no fix; expected lines of time_s,lat_deg,lon_deg[,accuracy_m]';
}

function row(fix: Fix, filter: Filter, plane: TangentPlane): void {
  bytes(fix.timeStart, fix.timeBytes);
  byte(0x2c);
  fixed(plane.lat(filter.x[1]), 7);
  byte(0x2c);
  fixed(plane.lon(filter.x[0]), 7);
  byte(0x2c);
  fixed(filter.speed, 2);
  byte(0x2c);
  const heading = filter.heading;
  fixed(heading < 359.95 ? heading : 0, 1); // 360.0 is 0.0
  byte(0x2c);
  fixed(filter.sigmaM, 2);
  byte(0x0a);
}

function smooth(): void {
  const lines = new Lines();
  const fix = new Fix();
  const filter = new Filter();
  const plane = new TangentPlane();
  let started = false;
  let lastS: f64 = 0;
  while (nextFixLine(lines)) {
    fix.parse(lines);
    const gapS = fix.timeS - lastS;
    lastS = fix.timeS;
    if (!started || gapS > MAX_GAP_S) {
      plane.setOrigin(fix.latDeg, fix.lonDeg);
      filter.start(0, 0, fix.accuracyM);
      started = true;
    } else {
      filter.predict(gapS);
      filter.update(plane.east(fix.lonDeg), plane.north(fix.latDeg), fix.accuracyM);
    }
    row(fix, filter, plane);
    if (Math.abs(filter.x[0]) + Math.abs(filter.x[1]) > REANCHOR_M) {
      const east = filter.x[0];
      const north = filter.x[1];
      plane.setOrigin(plane.lat(north), plane.lon(east));
      filter.shift(east, north);
    }
  }
  flush();
}

export function handle(): void {
  const wrong = check();
  if (wrong.length > 0) {
    respond(400, 'ekf: ' + wrong + '\n');
    return;
  }
  status(200);
  setHeader('content-type', 'text/csv; charset=utf-8');
  write('time_s,lat_deg,lon_deg,speed_mps,heading_deg,sigma_m\n');
  smooth();
}
