/**
 * Line and bar charts as SVG, enough for the experiments: no library, as those that draw SVG without a browser are several times as large as this
 * folder. No background, and greys and colours that can be read on a light one and on a dark one.
 */
export interface Axis {
  readonly label: string;
  /** Of powers of ten; values must be above 0. */
  readonly isLog?: boolean;
  readonly least?: number;
  readonly most?: number;
}

export interface Series {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
  /** What is compared with, rather than measured. */
  readonly isDashed?: boolean;
}

export interface LineChart {
  readonly title: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly series: readonly Series[];
}

export interface BarChart {
  readonly title: string;
  readonly y: Axis;
  /** What stands side by side in each group. */
  readonly bars: readonly string[];
  readonly groups: readonly {
    readonly name: string;
    /** By bar; NaN: none. */
    readonly values: readonly number[];
  }[];
}

const WIDTH = 760;
const HEIGHT = 420;
const LEFT = 70;
const RIGHT = 600;
const TOP = 44;
const BOTTOM = 360;
const INK = '#808080';
/** After Okabe and Ito: told apart by those who are colour-blind, too. */
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#8c6bb1'];
const TICKS = 6;

type Scale = (value: number) => number;

export function lineChart({ title, x, y, series }: LineChart): string {
  const points = series.flatMap((one) => one.points);
  const [xScale, xTicks] = scaleOf(x, LEFT, RIGHT, rangeOf(x, points.map(first), false));
  const [yScale, yTicks] = scaleOf(y, BOTTOM, TOP, rangeOf(y, points.map(second), true));
  const lines = series.map(({ points: own, isDashed = false }, i) => {
    const path = own.map((point) => `${at(xScale(point[0]))},${at(yScale(point[1]))}`).join(' ');
    const dash = isDashed ? ' stroke-dasharray="6 4"' : '';
    const colour = colourOf(i);
    const dots = own.length > 40 ? '' : own.map((p) => dot(xScale(p[0]), yScale(p[1]), colour));
    return `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2"${dash}/>${[...dots].join('')}`;
  });
  const marks = xTicks.map((tick) =>
    text(xScale(tick), BOTTOM + 18, shown(tick), 'text-anchor="middle"'),
  );
  const label = text((LEFT + RIGHT) / 2, BOTTOM + 42, x.label, 'text-anchor="middle"');
  const names = series.map(({ name, isDashed = false }) => ({ name, isDashed }));
  return svg(title, [...frame(y, yScale, yTicks), ...marks, label, ...lines, ...legend(names)]);
}

export function barChart({ title, y, bars, groups }: BarChart): string {
  const values = groups.flatMap((group) => group.values).filter((value) => !Number.isNaN(value));
  const [scale, ticks] = scaleOf(y, BOTTOM, TOP, rangeOf(y, values, true));
  const room = (RIGHT - LEFT) / groups.length;
  const width = Math.min(40, (room * 0.8) / bars.length);
  const drawn = groups.flatMap(({ name, values: own }, g) => {
    const middle = LEFT + room * (g + 0.5);
    const start = middle - (width * bars.length) / 2;
    const boxes = own.map((value, b) =>
      Number.isNaN(value) ? '' : box(start + b * width, width, scale(value), value, colourOf(b)),
    );
    return [...boxes, text(middle, BOTTOM + 18, name, 'text-anchor="middle"')];
  });
  const names = bars.length > 1 ? bars.map((name) => ({ name, isDashed: false })) : [];
  return svg(title, [...frame(y, scale, ticks), ...drawn, ...legend(names)]);
}

const first = ([x]: readonly [number, number]): number => x;
const second = ([, y]: readonly [number, number]): number => y;

function rangeOf(axis: Axis, values: readonly number[], fromZero: boolean): [number, number] {
  const low = Math.min(...values);
  const high = Math.max(...values);
  if (axis.isLog === true) {
    const power = Math.floor(Math.log10(low));
    return [10 ** power, 10 ** Math.max(power + 1, Math.ceil(Math.log10(high) - 1e-9))];
  }
  return [axis.least ?? (fromZero ? 0 : low), axis.most ?? (high > low ? high : low + 1)];
}

function scaleOf(
  { isLog = false }: Axis,
  from: number,
  to: number,
  [low, high]: [number, number],
): [Scale, number[]] {
  if (isLog) {
    const [a, b] = [Math.log10(low), Math.log10(high)];
    const ticks = Array.from({ length: Math.round(b - a) + 1 }, (_, i) => 10 ** Math.round(a + i));
    return [
      (value) => from + ((Math.log10(Math.max(value, low)) - a) / (b - a)) * (to - from),
      ticks,
    ];
  }
  const step = stepOf((high - low) / TICKS);
  const ticks: number[] = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++)
    ticks.push(i * step);
  return [(value) => from + ((value - low) / (high - low)) * (to - from), ticks];
}

/** 1, 2 or 5 times a power of ten, at least `least`. */
function stepOf(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  return ([1, 2, 5, 10].find((n) => n * power >= least * (1 - 1e-9)) ?? 10) * power;
}

function frame(y: Axis, scale: Scale, ticks: readonly number[]): string[] {
  const grid = ticks.map((tick) => {
    const line = `<line x1="${LEFT}" x2="${RIGHT}" y1="${at(scale(tick))}" y2="${at(scale(tick))}" stroke="${INK}" stroke-opacity="0.3"/>`;
    return line + text(LEFT - 8, scale(tick) + 4, shown(tick), 'text-anchor="end"');
  });
  const middle = (TOP + BOTTOM) / 2;
  const turned = `text-anchor="middle" transform="rotate(-90 16 ${middle})"`;
  const axes = `<path d="M${LEFT} ${TOP}V${BOTTOM}H${RIGHT}" fill="none" stroke="${INK}"/>`;
  return [...grid, axes, text(16, middle, y.label, turned)];
}

function legend(names: readonly { readonly name: string; readonly isDashed: boolean }[]): string[] {
  return names.map(({ name, isDashed }, i) => {
    const y = TOP + 10 + i * 20;
    const dash = isDashed ? ' stroke-dasharray="6 4"' : '';
    const line = `<line x1="${RIGHT + 14}" x2="${RIGHT + 38}" y1="${y}" y2="${y}" stroke="${colourOf(i)}" stroke-width="3"${dash}/>`;
    return line + text(RIGHT + 44, y + 4, name, '');
  });
}

function box(x: number, width: number, y: number, value: number, colour: string): string {
  const rectangle = `<rect x="${at(x + 1)}" y="${at(y)}" width="${at(width - 2)}" height="${at(BOTTOM - y)}" fill="${colour}"/>`;
  return (
    rectangle + text(x + width / 2, y - 5, shown(value), 'text-anchor="middle" font-size="11"')
  );
}

function dot(x: number, y: number, colour: string): string {
  return `<circle cx="${at(x)}" cy="${at(y)}" r="3" fill="${colour}"/>`;
}

function text(x: number, y: number, words: string, attributes: string): string {
  return `<text x="${at(x)}" y="${at(y)}" ${attributes}>${escaped(words)}</text>`;
}

function svg(title: string, parts: readonly string[]): string {
  const head = `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="13" fill="${INK}">`;
  const name = text(LEFT, 24, title, 'font-size="15" font-weight="bold"');
  return `${[head, `<title>${escaped(title)}</title>`, name, ...parts, '</svg>'].join('\n')}\n`;
}

function colourOf(i: number): string {
  return COLOURS[i % COLOURS.length] as string;
}

function at(value: number): string {
  return String(Math.round(value * 10) / 10);
}

function shown(value: number): string {
  return value >= 1e4 || (value > 0 && value < 1e-3)
    ? value.toExponential(1).replace('.0e', 'e').replace('e+', 'e')
    : String(Number(value.toPrecision(3)));
}

function escaped(words: string): string {
  return words.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
