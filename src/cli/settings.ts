/**
 * What can be set, in which range, and by which flag or variable.
 *
 * Precedence: flag > LUGE_* (then PORT) > SLEdge's SLEDGE_* > configuration file > default. A source that loses is not
 * even parsed: `SLEDGE_SCHEDULER=EDF` in an old env file must not stop `--scheduler rr`.
 *
 * `SERVE_SETTINGS` is the one table: commander's options, the reading of variables and the reference in the docs are all
 * made from it. commander's own `argParser` and `env` were rejected: it stops at the first bad value, and it cannot tell
 * a flag from a variable when it does.
 */
import type { Command } from 'commander';
import { SCHEDULERS, type SchedulerName } from '../core/index.ts';
import type { HttpLimits } from '../http/index.ts';
import { DEFAULTS, LIMITS, type NumberRange, whole } from './defaults.ts';
import { isListenText, LISTEN_FORMS } from './listen-entry.ts';

export { DEFAULTS, LIMITS, type NumberRange } from './defaults.ts';

/** A name, or the path of a module with a policy of one's own: absolute, or beginning with './' or '../'. */
export type Scheduler = SchedulerName | (string & {});
export const SCHEDULER_ACCEPTS: string = `one of ${SCHEDULERS.map((name) => `"${name}"`).join(', ')}, or the path of a module that begins with ./, ../ or /`;

export function isScheduler(text: string): boolean {
  return SCHEDULERS.includes(text as SchedulerName) || /^\.{0,2}\/./.test(text);
}

export const NATIVES: readonly ['auto', 'off'] = ['auto', 'off'];
export type Native = (typeof NATIVES)[number];
export const TIMERS: readonly ['auto', 'js', 'native'] = ['auto', 'js', 'native'];
export type Timer = (typeof TIMERS)[number];

export type Http2 = HttpLimits['http2'];
export const HTTP2: ReadonlyMap<string, Http2> = new Map<string, Http2>([
  ['on', true],
  ['off', false],
  ['h2c', 'h2c'],
]);
export type Pin = boolean | readonly number[];

/** What flags and variables lay over the file. Keys that nobody set are absent. */
export interface ServeOverrides {
  port?: number;
  /** Where the port came from: PORT is meant for whatever runs in the container, and yields where it cannot apply. */
  portSource?: string;
  host?: string;
  /** Texts of addresses, in place of host and port. */
  listen?: readonly string[];
  ipv6Only?: boolean;
  socketMode?: number;
  /** As they were given: paths from the working directory on. */
  tlsCert?: string;
  tlsKey?: string;
  workers?: number | 'auto';
  listeners?: number | 'auto';
  scheduler?: Scheduler;
  native?: Native;
  timer?: Timer;
  pin?: Pin;
  http2?: Http2;
  quantumNs?: number;
  maxQueue?: number;
  spinNs?: number;
  maxSandboxesPerWorker?: number;
  maxHeapMbPerWorker?: number;
  kvMaxBytes?: number;
  kvMaxTenantBytes?: number;
  kvMaxKeyBytes?: number;
  kvMaxValueBytes?: number;
  /** As it was given: a path from the working directory on. */
  kvFile?: string;
  deadlineNs?: number;
  cpuLimitNs?: number;
  maxPages?: number;
  maxConcurrency?: number;
  prewarm?: number;
  drainTimeoutMs?: number;
  admission?: boolean;
  /** Cycles of a microsecond on SLEdge's machine: what its models count in. */
  procMhz?: number;
  logRequests?: boolean;
}

export interface ServeSettings {
  readonly overrides: ServeOverrides;
  /** Check the configuration, print it, serve nothing. */
  readonly check: boolean;
  /** Print errors only. */
  readonly quiet: boolean;
  readonly warnings: readonly string[];
}

export interface SettingProblem {
  /** The flag or variable: `--port`, `LUGE_PORT`. */
  readonly source: string;
  readonly message: string;
}

/** Every bad flag and variable, one line each. */
export class SettingsError extends Error {
  readonly code: 'ERR_SETTING' = 'ERR_SETTING';
  readonly problems: readonly SettingProblem[];

  constructor(problems: readonly SettingProblem[]) {
    super(problems.map(({ source, message }) => `${source}: ${message}`).join('\n'));
    this.name = 'SettingsError';
    this.problems = problems;
  }
}

type SettingValue = number | string | boolean | readonly (number | string)[];
export type SettingName = Exclude<keyof ServeOverrides, 'portSource'> | 'check' | 'quiet';

export interface ServeSetting {
  /** The key in the result; its unit is the result's. */
  readonly name: SettingName;
  readonly flag: string;
  /** Variables, the strongest first. */
  readonly env: readonly string[];
  /** Undefined: a switch without a value. */
  readonly metavar: string | undefined;
  readonly help: string;
  /** The range or the choices, as a bad value's message names them. */
  readonly accepts: string;
  /** Undefined: not acceptable. */
  readonly parse: (text: string) => SettingValue | undefined;
}

export function describeRange(range: NumberRange): string {
  return `a ${range.whole ? 'whole ' : ''}number from ${range.min} to ${range.max}`;
}

/** Decimal digits only: `0x10`, `1e3` and `8080 ` in a flag are more often slips than meant. */
export function parseNumber(text: string, range: NumberRange): number | undefined {
  if (!/^\d{1,15}(\.\d{1,9})?$/.test(text)) return undefined;
  const value = Number(text);
  if (range.whole && !Number.isInteger(value)) return undefined;
  return value >= range.min && value <= range.max ? value : undefined;
}

function numberSetting(
  name: SettingName,
  flag: string,
  metavar: string,
  help: string,
  range: NumberRange,
  scale = 1,
): ServeSetting {
  const parse = (text: string): number | undefined => {
    const value = parseNumber(text, range);
    return value === undefined ? undefined : Math.round(value * scale);
  };
  return { name, flag, env: [variable(flag)], metavar, help, accepts: describeRange(range), parse };
}

function pathSetting(name: SettingName, flag: string, help: string): ServeSetting {
  const parse = (text: string): string | undefined => (/^[^\0]+$/.test(text) ? text : undefined);
  const accepts = 'the path of a file';
  return { name, flag, env: [variable(flag)], metavar: '<path>', help, accepts, parse };
}

function switchSetting(name: SettingName, flag: string, help: string): ServeSetting {
  const words: Record<string, boolean> = { '1': true, true: true, yes: true, on: true };
  for (const word of ['0', 'false', 'no', 'off']) words[word] = false;
  const parse = (text: string): boolean | undefined =>
    Object.hasOwn(words, text.toLowerCase()) ? words[text.toLowerCase()] : undefined;
  const accepts = '1, true, yes, on, 0, false, no or off';
  return { name, flag, env: [variable(flag)], metavar: undefined, help, accepts, parse };
}

/** `--quantum-us` -> `LUGE_QUANTUM_US`. */
function variable(flag: string): string {
  return `LUGE_${flag.slice(2).toUpperCase().replaceAll('-', '_')}`;
}

function parseListen(text: string): readonly string[] | undefined {
  const texts = text.split(',').map((part) => part.trim());
  const isKnown = texts.length <= LIMITS.addressesMax && texts.every(isListenText);
  return isKnown ? texts : undefined;
}

function parsePin(text: string): Pin | undefined {
  if (text === 'on' || text === 'off') return text === 'on';
  const cores = text.split(',').map((core) => parseNumber(core.trim(), LIMITS.core));
  return cores.every((core) => core !== undefined) ? cores : undefined;
}

const NS_PER_US = 1e3;
const NS_PER_MS = 1e6;
const ROUTE_DEFAULTS = DEFAULTS.route;

export const SERVE_SETTINGS: readonly ServeSetting[] = [
  {
    ...numberSetting(
      'port',
      '--port',
      '<n>',
      `port to listen on, 0 for any free one; for a file with one tenant (default ${DEFAULTS.port})`,
      LIMITS.port,
    ),
    env: ['LUGE_PORT', 'PORT'],
  },
  {
    name: 'host',
    flag: '--host',
    env: ['LUGE_HOST'],
    metavar: '<address>',
    help: `address to listen on, for every tenant without "listen" (default ${DEFAULTS.host})`,
    accepts: 'a host name or an IP address',
    parse: (text) => (isHost(text) ? text : undefined),
  },
  {
    name: 'listen',
    flag: '--listen',
    env: ['LUGE_LISTEN'],
    metavar: '<addresses>',
    help: 'where to listen, instead of host and port; several with commas between: [::1]:8080, *:80, unix:/run/luge.sock, fd:3, systemd; for a file with one tenant',
    accepts: LISTEN_FORMS,
    parse: parseListen,
  },
  switchSetting('ipv6Only', '--ipv6-only', 'no IPv4 at addresses such as [::]:8080'),
  {
    name: 'socketMode',
    flag: '--socket-mode',
    env: ['LUGE_SOCKET_MODE'],
    metavar: '<octal>',
    help: 'mode of the files of Unix sockets, such as 0660 (default: by the umask)',
    accepts: 'an octal mode of three or four digits, such as 0660',
    parse: (text) => (/^0?[0-7]{3}$/.test(text) ? Number.parseInt(text, 8) : undefined),
  },
  pathSetting('tlsCert', '--tls-cert', 'PEM file of a certificate: speak TLS, for every tenant'),
  pathSetting('tlsKey', '--tls-key', 'PEM file of its key'),
  {
    name: 'workers',
    flag: '--workers',
    env: ['LUGE_WORKERS'],
    metavar: '<n|auto>',
    help: 'worker threads; auto leaves a core to the listener (default auto)',
    accepts: `"auto" or ${describeRange(LIMITS.workers)}`,
    parse: (text) => (text === 'auto' ? text : parseNumber(text, LIMITS.workers)),
  },
  {
    name: 'listeners',
    flag: '--listeners',
    env: ['LUGE_LISTENERS'],
    metavar: '<n|auto>',
    help: `threads that accept, read and write; auto is one below eight cores, else two (default ${DEFAULTS.listeners})`,
    accepts: `"auto" or ${describeRange(LIMITS.listeners)}`,
    parse: (text) => (text === 'auto' ? text : parseNumber(text, LIMITS.listeners)),
  },
  {
    name: 'scheduler',
    flag: '--scheduler',
    env: ['LUGE_SCHEDULER'],
    metavar: '<name|module>',
    help: `who runs next: edf the earliest deadline, rr turns, sjf the shortest, mtds tenants' budgets, fifo to the end; or a module's path (default ${DEFAULTS.scheduler})`,
    accepts: SCHEDULER_ACCEPTS,
    parse: (text) => (isScheduler(text) ? text : undefined),
  },
  {
    name: 'native',
    flag: '--native',
    env: ['LUGE_NATIVE'],
    metavar: '<auto|off>',
    help: `auto uses the native addon where it was built, off does not (default ${DEFAULTS.native})`,
    accepts: '"auto" or "off"',
    parse: (text) => NATIVES.find((name) => name === text),
  },
  {
    name: 'timer',
    flag: '--timer',
    env: ['LUGE_TIMER'],
    metavar: '<auto|js|native>',
    help: `what measures the quantum: a JavaScript thread, or the addon's, which is less late (default ${DEFAULTS.timer})`,
    accepts: '"auto", "js" or "native"',
    parse: (text) => TIMERS.find((name) => name === text),
  },
  {
    name: 'pin',
    flag: '--pin',
    env: ['LUGE_PIN'],
    metavar: '<on|off|cores>',
    help: 'cores of their own for worker and listener threads: the last and the first, or those named, workers first (default off)',
    accepts: `"on", "off" or cores such as 2,3 (${describeRange(LIMITS.core)})`,
    parse: parsePin,
  },
  {
    name: 'http2',
    flag: '--http2',
    env: ['LUGE_HTTP2'],
    metavar: '<on|off|h2c>',
    help: 'HTTP/2 over TLS; h2c: also without, for clients that begin with it (default on)',
    accepts: '"on", "off" or "h2c"',
    parse: (text) => HTTP2.get(text),
  },
  numberSetting(
    'quantumNs',
    '--quantum-us',
    '<us>',
    `time slice in microseconds, 0 switches preemption off (default ${DEFAULTS.quantumUs})`,
    LIMITS.quantumUs,
    NS_PER_US,
  ),
  numberSetting(
    'maxQueue',
    '--max-queue',
    '<n>',
    `requests that may wait or run; more get 503 (default ${DEFAULTS.maxQueue})`,
    LIMITS.maxQueue,
  ),
  numberSetting(
    'spinNs',
    '--spin-us',
    '<us>',
    'how long a thread polls for a single next request before it sleeps (default: 100 where a core is spare, else 0)',
    LIMITS.spinUs,
    NS_PER_US,
  ),
  numberSetting(
    'maxSandboxesPerWorker',
    '--max-sandboxes-per-worker',
    '<n>',
    'sandboxes that a worker may have, in use and ready (default: a quarter of what the address space holds)',
    LIMITS.sandboxes,
  ),
  numberSetting(
    'maxHeapMbPerWorker',
    '--max-heap-mb-per-worker',
    '<n>',
    `megabytes of garbage-collected objects of a worker's guests; beyond, the worker is replaced (default ${DEFAULTS.maxHeapMbPerWorker})`,
    LIMITS.heapMb,
  ),
  numberSetting(
    'kvMaxBytes',
    '--kv-max-bytes',
    '<n>',
    'key-value store of all tenants together, 0 for none (default 16777216)',
    LIMITS.kvBytes,
  ),
  numberSetting(
    'kvMaxTenantBytes',
    '--kv-max-tenant-bytes',
    '<n>',
    'of a tenant that has no limit of its own (default: all of it)',
    LIMITS.kvBytes,
  ),
  numberSetting(
    'kvMaxKeyBytes',
    '--kv-max-key-bytes',
    '<n>',
    `longest key (default ${LIMITS.kvKeyBytes.max})`,
    LIMITS.kvKeyBytes,
  ),
  numberSetting(
    'kvMaxValueBytes',
    '--kv-max-value-bytes',
    '<n>',
    'longest value (default 65536)',
    LIMITS.kvValueBytes,
  ),
  pathSetting(
    'kvFile',
    '--kv-file',
    'SQLite database that the key-value store is loaded from and saved to (default: in memory only)',
  ),
  numberSetting(
    'deadlineNs',
    '--deadline-ms',
    '<ms>',
    `from arrival to answer, for every route; then 504 (default ${ROUTE_DEFAULTS.deadlineMs})`,
    LIMITS.durationMs,
    NS_PER_MS,
  ),
  numberSetting(
    'cpuLimitNs',
    '--cpu-limit-ms',
    '<ms>',
    `running time of a request, for every route; then 504 (default ${ROUTE_DEFAULTS.cpuLimitMs})`,
    LIMITS.durationMs,
    NS_PER_MS,
  ),
  numberSetting(
    'maxPages',
    '--max-pages',
    '<n>',
    `memory of an instance in pages of 64 KiB, for every route (default ${ROUTE_DEFAULTS.maxPages})`,
    LIMITS.maxPages,
  ),
  numberSetting(
    'maxConcurrency',
    '--max-concurrency',
    '<n>',
    'sandboxes in use at once, for every route; more get 503 (default: no limit)',
    LIMITS.concurrency,
  ),
  numberSetting(
    'prewarm',
    '--prewarm',
    '<n>',
    `sandboxes that each worker keeps ready from the start, for every route (default ${ROUTE_DEFAULTS.prewarm})`,
    LIMITS.prewarm,
  ),
  numberSetting(
    'drainTimeoutMs',
    '--drain-ms',
    '<ms>',
    `how long a shutdown waits for open requests (default ${DEFAULTS.http.drainTimeoutMs})`,
    LIMITS.drainMs,
  ),
  switchSetting(
    'admission',
    '--admission',
    'refuse requests that would not meet their deadlines, with 429 (default off)',
  ),
  switchSetting('logRequests', '--log-requests', 'print a line for each request'),
  switchSetting('check', '--check', 'check the configuration and exit'),
  switchSetting('quiet', '--quiet', 'print errors only'),
];

/** Whether `listen` could take it; that it can be resolved and bound is found out there. */
export function isHost(text: string): boolean {
  return /^[A-Za-z0-9._-]{1,253}$/.test(text) || /^[0-9A-Fa-f:.]{2,45}(%[\w.-]{1,16})?$/.test(text);
}

/** Adds an option for each setting. Values stay text: `resolveSettings` reads flags and variables alike. */
export function buildServeOptions(command: Command): Command {
  for (const { flag, metavar, help, env } of SERVE_SETTINGS) {
    const usage = metavar === undefined ? flag : `${flag} ${metavar}`;
    command.option(usage, `${help} [${env.join(', ')}]`);
  }
  return command;
}

/** `flags` is commander's `opts()`. Throws SettingsError that names every bad flag and variable. */
export function resolveSettings(
  flags: Readonly<Record<string, unknown>>,
  env: Readonly<Record<string, string | undefined>>,
): ServeSettings {
  const problems: SettingProblem[] = [];
  const warnings: string[] = [];
  const values: Record<string, SettingValue> = {};
  for (const setting of SERVE_SETTINGS) {
    const given = firstGiven(setting, flags, env);
    if (given === undefined) continue;
    const value = given.text === true ? true : setting.parse(given.text);
    if (value !== undefined) values[setting.name] = value;
    else
      problems.push({
        source: given.source,
        message: `must be ${setting.accepts}, found ${JSON.stringify(given.text)}`,
      });
    if (setting.name === 'port') values.portSource = given.source;
  }
  readSledgeVariables(env, values, problems, warnings);
  warnAboutUnknown(env, warnings);
  if (problems.length > 0) throw new SettingsError(problems);

  const { check = false, quiet = false, ...overrides } = values;
  if (quiet === true) overrides.logRequests = false;
  return {
    overrides: overrides as ServeOverrides,
    check: check === true,
    quiet: quiet === true,
    warnings,
  };
}

/** commander's name of the option: `--quantum-us` -> `quantumUs`. */
function attribute(flag: string): string {
  return flag.slice(2).replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
}

function firstGiven(
  setting: ServeSetting,
  flags: Readonly<Record<string, unknown>>,
  env: Readonly<Record<string, string | undefined>>,
): { source: string; text: string | true } | undefined {
  const flag = flags[attribute(setting.flag)];
  if (flag === true) return { source: setting.flag, text: true };
  if (flag !== undefined && flag !== false) return { source: setting.flag, text: String(flag) };
  for (const source of setting.env) {
    // An empty variable is how shells and compose files spell "not set".
    const text = env[source];
    if (text !== undefined && text !== '') return { source, text };
  }
  return undefined;
}

/** SLEdge's variables that Luge has something for (SLEDGE.md 1.3). Null: accepted there, said to be without effect here. */
const SLEDGE_VARIABLES: Readonly<Record<string, { name: SettingName; flag: string } | null>> = {
  SLEDGE_NWORKERS: { name: 'workers', flag: '--workers' },
  SLEDGE_SCHEDULER: { name: 'scheduler', flag: '--scheduler' },
  // Before the quantum: a disabled preemption makes its length void, as in SLEdge.
  SLEDGE_DISABLE_PREEMPTION: { name: 'quantumNs', flag: '--quantum-us' },
  SLEDGE_QUANTUM_US: { name: 'quantumNs', flag: '--quantum-us' },
  SLEDGE_SIGALRM_HANDLER: null,
  SLEDGE_PROC_MHZ: { name: 'procMhz', flag: 'the clock of its models,' },
  SLEDGE_SPINLOOP_PAUSE_ENABLED: null,
  SLEDGE_SANDBOX_PERF_LOG: null,
  SLEDGE_HTTP_SESSION_PERF_LOG: null,
};

function readSledgeVariables(
  env: Readonly<Record<string, string | undefined>>,
  values: Record<string, SettingValue>,
  problems: SettingProblem[],
  warnings: string[],
): void {
  for (const [source, target] of Object.entries(SLEDGE_VARIABLES)) {
    const text = env[source];
    if (text === undefined || text === '') continue;
    if (target === null) {
      warnings.push(`${source} has no effect in this version`);
      continue;
    }
    if (values[target.name] !== undefined) {
      warnings.push(`${source} is overruled by another setting of ${target.flag}`);
      continue;
    }
    const read = readSledgeVariable(source, text);
    if (read.problem !== undefined) problems.push({ source, message: read.problem });
    else if (read.value !== undefined) {
      values[target.name] = read.value;
      warnings.push(`${source}=${text} is taken as ${target.flag} ${read.shown}`);
    }
  }
}

function readSledgeVariable(
  source: string,
  text: string,
): { value?: SettingValue; shown?: string; problem?: string } {
  const found = `found ${JSON.stringify(text)}`;
  switch (source) {
    case 'SLEDGE_NWORKERS': {
      const value = parseNumber(text, LIMITS.workers);
      if (value === undefined)
        return { problem: `must be ${describeRange(LIMITS.workers)}, ${found}` };
      return { value, shown: text };
    }
    case 'SLEDGE_QUANTUM_US': {
      const range = whole(1, LIMITS.quantumUs.max);
      const value = parseNumber(text, range);
      if (value === undefined) return { problem: `must be ${describeRange(range)}, ${found}` };
      return { value: value * NS_PER_US, shown: text };
    }
    case 'SLEDGE_PROC_MHZ': {
      const range = whole(1, 100_000);
      const value = parseNumber(text, range);
      if (value === undefined) return { problem: `must be ${describeRange(range)}, ${found}` };
      return { value, shown: `${text} MHz` };
    }
    case 'SLEDGE_DISABLE_PREEMPTION':
      // SLEdge's own reading: any word but this one disables.
      return text === 'false' ? {} : { value: 0, shown: '0' };
    default:
      if (/^(FIFO|EDF|SJF|MTDS)$/.test(text)) {
        return { value: text.toLowerCase(), shown: text.toLowerCase() };
      }
      return {
        problem: `must be FIFO, EDF, SJF or MTDS${text === 'MTDBF' ? ' (MTDBF is not public in SLEdge, either)' : ''}, ${found}`,
      };
  }
}

/** A misspelt variable is silent by nature. Only near misses are named: the prefix may serve other tools too. */
function warnAboutUnknown(
  env: Readonly<Record<string, string | undefined>>,
  warnings: string[],
): void {
  const families: [string, string[]][] = [
    ['LUGE_', SERVE_SETTINGS.flatMap((setting) => setting.env).filter((name) => name !== 'PORT')],
    ['SLEDGE_', Object.keys(SLEDGE_VARIABLES)],
  ];
  for (const [prefix, known] of families) {
    const bare = known.map((name) => name.slice(prefix.length));
    for (const name of Object.keys(env).sort()) {
      if (!name.startsWith(prefix) || known.includes(name)) continue;
      const nearest = nearestWord(name.slice(prefix.length), bare);
      if (nearest !== undefined)
        warnings.push(`${name} is unknown; did you mean ${prefix}${nearest}?`);
    }
  }
}

/** `; did you mean "x"?` for the nearest of the known words, or nothing. */
export function suggest(word: string, known: readonly string[]): string {
  const nearest = nearestWord(word, known);
  return nearest === undefined ? '' : `; did you mean "${nearest}"?`;
}

function nearestWord(word: string, known: readonly string[]): string | undefined {
  const plain = (text: string): string => text.toLowerCase().replace(/[-_]/g, '');
  const wanted = plain(word);
  let best: string | undefined;
  // One slip in three letters: more would guess rather than correct.
  let bestDistance = Math.max(1, Math.floor(wanted.length / 3)) + 1;
  for (const candidate of known) {
    const other = plain(candidate);
    const isPrefix = wanted.length >= 4 && (other.startsWith(wanted) || wanted.startsWith(other));
    const distance = isPrefix
      ? Math.min(1, editDistance(wanted, other))
      : editDistance(wanted, other);
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/** Levenshtein's distance, one row at a time. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}
