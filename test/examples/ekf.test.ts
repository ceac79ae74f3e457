import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { drive, errorM } from '../../examples/data/drive.ts';
import { EXAMPLES, run } from './host.ts';

const CSV = readFileSync(join(EXAMPLES, 'data/gps.csv'), 'utf8');

interface Row {
  time: string;
  lat: number;
  lon: number;
  speed: number;
  heading: number;
  sigma: number;
}

function filter(body: string, readBytesMax?: number): Row[] {
  const answer = run('ekf', { method: 'POST', body, ...(readBytesMax && { readBytesMax }) });
  expect(answer).toMatchObject({ status: 200, error: undefined, pages: 1 });
  expect(answer.headers.get('content-type')).toBe('text/csv; charset=utf-8');
  const [names, ...lines] = answer.text.trimEnd().split('\n');
  expect(names).toBe('time_s,lat_deg,lon_deg,speed_mps,heading_deg,sigma_m');
  return lines.map((line) => {
    const [time, lat, lon, speed, heading, sigma] = line.split(',');
    return {
      ...{ time: time!, lat: Number(lat), lon: Number(lon) },
      ...{ speed: Number(speed), heading: Number(heading), sigma: Number(sigma) },
    };
  });
}

function refusal(body: string): string {
  const { status, text, error } = run('ekf', { method: 'POST', body });
  expect({ status, error }).toEqual({ status: 400, error: undefined });
  return text;
}

const rms = (values: number[]): number =>
  Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);

/** A straight drive north at 0.0001 degrees, 11.1 m, a second. */
function straight(fixes: number, lon = 10): string {
  return Array.from(
    { length: fixes },
    (_, i) => `${i},${(45 + i * 1e-4).toFixed(6)},${lon},3\n`,
  ).join('');
}

test('ekf_is_nearer_to_the_truth_than_the_fixes', () => {
  const truth = drive();
  const rows = filter(CSV);
  expect(rows.length).toBe(truth.length);
  const raw = truth.map((fix) => errorM(fix, fix.latDeg, fix.lonDeg));
  const errors = rows.map(({ lat, lon }, i) => errorM(truth[i]!, lat, lon));
  expect(rms(raw)).toBeGreaterThan(7);
  expect(rms(errors)).toBeLessThan(0.75 * rms(raw));
  // Two axes: the error is about sigma x sqrt(2), if the filter knows how good it is.
  const relative = rms(rows.map(({ sigma }, i) => errors[i]! / (sigma * Math.SQRT2)));
  expect(relative).toBeGreaterThan(0.85);
  expect(relative).toBeLessThan(1.15);
});

test('ekf_finds_speed_and_heading', () => {
  const last = filter(straight(40)).at(-1)!;
  expect(last.speed).toBeCloseTo(11.11, 0);
  expect(Math.min(last.heading, 360 - last.heading)).toBeLessThan(1);
  expect(last.sigma).toBeLessThan(3);
  const east = Array.from({ length: 40 }, (_, i) => `${i},0,${(i * 1e-4).toFixed(6)}`).join('\n');
  expect(filter(east).at(-1)!.heading).toBeCloseTo(90, 0);
});

test('ekf_follows_a_turn', () => {
  // A circle of 50 m at 10 m/s, without noise: the model holds exactly, so the filter must settle on it.
  const points = Array.from({ length: 60 }, (_, i) => {
    const angle = (i * 10) / 50;
    return { lat: (50 * Math.sin(angle)) / 110_574, lon: (50 * Math.cos(angle)) / 111_320 };
  });
  const rows = filter(points.map(({ lat, lon }, i) => `${i},${lat},${lon},1`).join('\n'));
  rows.slice(20).forEach((row, i) => {
    const { lat, lon } = points[i + 20]!;
    expect(Math.hypot((row.lat - lat) * 110_574, (row.lon - lon) * 111_320)).toBeLessThan(0.5);
    expect(row.speed).toBeCloseTo(10, 0);
  });
});

test('ekf_gives_the_time_as_it_was_written', () => {
  const rows = filter('1607342400.250,1,1\n1607342401.5e0,1,1\n');
  expect(rows.map(({ time }) => time)).toEqual(['1607342400.250', '1607342401.5e0']);
});

test('ekf_weighs_by_accuracy_and_distrusts_a_jump', () => {
  const jump = (accuracy: number): number => {
    const body = `${straight(20)}20,45.0020,10.0004,${accuracy}\n`;
    return filter(body).at(-1)!.lon - 10;
  };
  expect(jump(30)).toBeLessThan(jump(3));
  // 31 m to the side within a second is not believed at once, not even at 3 m.
  expect(jump(3)).toBeLessThan(0.0002);
});

test('ekf_starts_anew_after_a_gap', () => {
  const rows = filter(`${straight(20)}200,46,11,4\n`);
  expect(rows.at(-1)).toMatchObject({ lat: 46, lon: 11, speed: 0, sigma: 4 });
});

test('ekf_crosses_the_date_line', () => {
  const body = Array.from({ length: 30 }, (_, i) => {
    const lon = 179.9985 + i * 1e-4;
    return `${i},10,${(lon > 180 ? lon - 360 : lon).toFixed(6)},2`;
  }).join('\n');
  const rows = filter(body);
  expect(rows.at(-1)!.lon).toBeCloseTo(-179.9986, 4);
  expect(Math.max(...rows.map(({ speed }) => speed))).toBeLessThan(14);
});

test('ekf_reads_other_ends_of_lines_and_short_reads', () => {
  const text = filter(CSV);
  expect(filter(CSV.replaceAll('\n', '\r\n').trimEnd())).toEqual(text);
  expect(filter(`\n${CSV.replace(/^time.*\n/, '')}\n\n`)).toEqual(text);
  expect(filter(CSV, 7)).toEqual(text);
});

test('ekf_keeps_a_long_drive_in_one_page', () => {
  expect(filter(straight(20_000)).at(-1)!.lat).toBeCloseTo(45 + 1.9999, 4);
});

test('ekf_names_the_line_that_is_wrong', () => {
  const good = '0,1,1,5\n1,1,1,5\n';
  const lines: [string, string][] = [
    ['2,1,x', 'lon_deg is not a number'],
    ['2,1', 'lon_deg is missing'],
    ['2', 'lat_deg is missing'],
    [',1,1', 'time_s is missing'],
    ['2,,1', 'lat_deg is missing'],
    ['2,1,1,', 'accuracy_m is missing'],
    ['2,1,1,5,6', 'more than 4 fields'],
    ['2,91,1', 'lat_deg is not in -89.9 .. 89.9'],
    ['2,1,-180.5', 'lon_deg is not in -180 .. 180'],
    ['2,1,1,0', 'accuracy_m is not in 0.01 .. 100000'],
    ['1,1,1', 'time_s is not after that of the fix before'],
    ['1e16,1,1', 'time_s is too large'],
    ['2e,1,1', 'time_s is not a number'],
    ['nan,1,1', 'time_s is not a number'],
    ['2.5.5,1,1', 'time_s is not a number'],
    [`2,1,${'1'.repeat(300)}`, 'longer than 256 bytes'],
    ['time_s,lat_deg,lon_deg', 'time_s is not a number'],
  ];
  for (const [line, reason] of lines) {
    expect(refusal(`${good}${line}\n3,1,1\n`)).toBe(`ekf: line 3: ${reason}\n`);
  }
});

test('ekf_says_nothing_before_the_last_line_is_checked', () => {
  expect(refusal(`${CSV}bad\n`)).toBe('ekf: line 211: time_s is not a number\n');
});

test('ekf_wants_a_fix', () => {
  for (const body of ['', '\n\n', 'time_s,lat_deg,lon_deg\n']) {
    expect(refusal(body)).toBe(
      'ekf: no fix; expected lines of time_s,lat_deg,lon_deg[,accuracy_m]\n',
    );
  }
});
