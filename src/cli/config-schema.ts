/**
 * What both forms of configuration file share: the reader that keeps positions, the error that lists every problem, the
 * checked result, the kinds of fields, and the checks that span several places.
 *
 * - `JSON.parse` was rejected: it keeps the last of two equal keys without a word and knows no line numbers for what
 *   it accepts, so a wrong *value* could be named by path only. The reader below keeps an offset for each node.
 * - zod reports wrong shapes; what spans several places (duplicates, files) is checked apart, on the raw tree,
 *   because zod skips an object's refinements once one of its fields is wrong, and one run must show all problems.
 */
import { z } from 'zod';
import type { ModelOptions } from '../core/index.ts';
import type { RouteFieldSettings, TlsOptions } from '../http/index.ts';
import type { ListenEntry } from './listen-entry.ts';
import { describeRange, type NumberRange, suggest } from './settings.ts';

// ---- problems --------------------------------------------------------------------------------------------------

export type JsonPath = readonly (string | number)[];

export interface ConfigProblem {
  /** Where in the document: `routes[2].deadlineMs`; empty for the file as a whole. */
  readonly path: string;
  readonly message: string;
  /** 1-based; absent where the file itself could not be read. Columns count UTF-16 units. */
  readonly line?: number;
  readonly column?: number;
}

/** Every problem of one configuration file, in the order of the file; the message has one line for each. */
export class ConfigError extends Error {
  readonly code: 'ERR_CONFIG' = 'ERR_CONFIG';
  readonly file: string;
  readonly problems: readonly ConfigProblem[];

  constructor(file: string, problems: readonly ConfigProblem[]) {
    super(problems.map((problem) => problemLine(file, problem)).join('\n'));
    this.name = 'ConfigError';
    this.file = file;
    this.problems = problems;
  }
}

function problemLine(file: string, problem: ConfigProblem): string {
  const place = problem.line === undefined ? file : `${file}:${problem.line}:${problem.column}`;
  return `${place}: ${problem.path === '' ? '' : `${problem.path}: `}${problem.message}`;
}

/** `['routes', 2, 'deadlineMs']` -> `routes[2].deadlineMs`. Kebab-case keys stay readable, others are quoted. */
export function formatPath(path: JsonPath): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else if (!/^[A-Za-z_$][\w$-]*$/.test(step)) text += `[${JSON.stringify(step)}]`;
    else text += text === '' ? step : `.${step}`;
  }
  return text;
}

// ---- the reader ------------------------------------------------------------------------------------------------

interface JsonNode {
  readonly startOffset: number;
  readonly value: unknown;
  /** Key -> where the key stands, and its value. Only for objects. */
  readonly members?: ReadonlyMap<string, { keyOffset: number; node: JsonNode }>;
  readonly items?: readonly JsonNode[];
}

/** Deeper than any configuration and far from the engine's stack limit. */
const DEPTH_MAX = 64;

/** Raised inside the reader only; becomes a ConfigError with line and column. */
class JsonSyntax extends Error {
  readonly offset: number;
  constructor(offset: number, message: string) {
    super(message);
    this.offset = offset;
  }
}

/** RFC 8259, strictly: no comments, no trailing commas, no duplicate keys (those are collected, not thrown). */
class JsonReader {
  readonly duplicates: { path: JsonPath; offset: number; firstOffset: number }[] = [];
  readonly #text: string;
  readonly #path: (string | number)[] = [];
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  document(): JsonNode {
    this.#space();
    const root = this.#value();
    this.#space();
    if (this.#at < this.#text.length) this.#fail('expected the end of the file');
    return root;
  }

  #value(): JsonNode {
    if (this.#path.length > DEPTH_MAX) {
      throw new JsonSyntax(this.#at, `nested deeper than ${DEPTH_MAX} levels`);
    }
    const startOffset = this.#at;
    switch (this.#text[startOffset]) {
      case '{':
        return this.#object(startOffset);
      case '[':
        return this.#array(startOffset);
      case '"':
        return { startOffset, value: this.#string() };
      default:
        return { startOffset, value: this.#scalar() };
    }
  }

  #object(startOffset: number): JsonNode {
    // No prototype: a key such as "constructor" must not be found where the file does not have it.
    const value: Record<string, unknown> = Object.create(null);
    const members = new Map<string, { keyOffset: number; node: JsonNode }>();
    this.#at++;
    this.#space();
    if (this.#take('}')) return { startOffset, value, members };
    for (;;) {
      const keyOffset = this.#at;
      if (this.#text[keyOffset] !== '"') this.#fail('expected a key in double quotes');
      const key = this.#string();
      if (key === '__proto__') throw new JsonSyntax(keyOffset, '"__proto__" is not a key');
      this.#space();
      if (!this.#take(':')) this.#fail(`expected ":" after the key ${JSON.stringify(key)}`);
      this.#space();
      this.#path.push(key);
      const first = members.get(key);
      if (first !== undefined) {
        this.duplicates.push({
          path: [...this.#path],
          offset: keyOffset,
          firstOffset: first.keyOffset,
        });
      }
      const node = this.#value();
      this.#path.pop();
      if (first === undefined) {
        members.set(key, { keyOffset, node });
        value[key] = node.value;
      }
      this.#space();
      if (this.#take('}')) return { startOffset, value, members };
      this.#comma('}');
    }
  }

  #array(startOffset: number): JsonNode {
    const value: unknown[] = [];
    const items: JsonNode[] = [];
    this.#at++;
    this.#space();
    if (this.#take(']')) return { startOffset, value, items };
    for (;;) {
      this.#path.push(items.length);
      const node = this.#value();
      this.#path.pop();
      items.push(node);
      value.push(node.value);
      this.#space();
      if (this.#take(']')) return { startOffset, value, items };
      this.#comma(']');
    }
  }

  #comma(close: string): void {
    const commaOffset = this.#at;
    if (!this.#take(',')) this.#fail(`expected "," or "${close}"`);
    this.#space();
    if (this.#text[this.#at] === close) {
      throw new JsonSyntax(commaOffset, `a comma before "${close}" is not JSON`);
    }
  }

  #string(): string {
    const startOffset = this.#at;
    for (let at = startOffset + 1; at < this.#text.length; at++) {
      const char = this.#text[at]!;
      if (char === '\\') at++;
      else if (char === '"') {
        this.#at = at + 1;
        try {
          // The token's bounds are known; escapes are the engine's business.
          return JSON.parse(this.#text.slice(startOffset, this.#at)) as string;
        } catch {
          throw new JsonSyntax(startOffset, 'a string with an escape that JSON does not know');
        }
      } else if (char < ' ') throw new JsonSyntax(at, 'a control character inside a string');
    }
    throw new JsonSyntax(startOffset, 'a string without its closing quote');
  }

  #scalar(): unknown {
    const token = /[^\s,:[\]{}"]*/y;
    token.lastIndex = this.#at;
    const text = token.exec(this.#text)![0];
    const literals: Record<string, unknown> = { true: true, false: false, null: null };
    if (Object.hasOwn(literals, text)) {
      this.#at += text.length;
      return literals[text];
    }
    if (!/^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(text)) this.#fail('expected a value');
    const value = Number(text);
    if (!Number.isFinite(value)) throw new JsonSyntax(this.#at, `${text} is too large a number`);
    this.#at += text.length;
    return value;
  }

  #space(): void {
    while (' \t\n\r'.includes(this.#text[this.#at] ?? 'x')) this.#at++;
  }

  #take(char: string): boolean {
    if (this.#text[this.#at] !== char) return false;
    this.#at++;
    return true;
  }

  #fail(expected: string): never {
    if (this.#at >= this.#text.length) {
      throw new JsonSyntax(this.#at, `${expected}, but the file ends`);
    }
    const found = /^(?:[\w.+-]+|.?)/su.exec(this.#text.slice(this.#at, this.#at + 24))![0];
    const hint = /^(?:\/\/|\/\*|#)/.test(this.#text.slice(this.#at, this.#at + 2))
      ? ' (JSON has no comments)'
      : '';
    throw new JsonSyntax(this.#at, `${expected}, found ${JSON.stringify(found)}${hint}`);
  }
}

/** One JSON file and the problems found in it so far. */
export class ConfigDocument {
  readonly file: string;
  readonly value: unknown;
  readonly #text: string;
  readonly #root: JsonNode;
  readonly #problems = new Map<string, ConfigProblem & { offset: number }>();

  /** Throws ConfigError for text that is not JSON; duplicate keys are kept as problems. */
  constructor(file: string, text: string) {
    this.file = file;
    this.#text = text;
    const reader = new JsonReader(text);
    try {
      this.#root = reader.document();
    } catch (error) {
      if (!(error instanceof JsonSyntax)) throw error;
      throw new ConfigError(file, [
        { path: '', message: `not JSON: ${error.message}`, ...this.#lineColumn(error.offset) },
      ]);
    }
    this.value = this.#root.value;
    for (const { path, offset, firstOffset } of reader.duplicates) {
      const first = this.#lineColumn(firstOffset);
      this.#add(path, offset, `duplicate key (first at ${first.line}:${first.column})`);
    }
  }

  /** `at: 'key'` points at the key and not at its value. A path that leads nowhere points at its nearest ancestor. */
  report(path: JsonPath, message: string, at: 'value' | 'key' = 'value'): void {
    let node = this.#root;
    let offset = node.startOffset;
    for (const [depth, step] of path.entries()) {
      const member = node.members?.get(String(step));
      const next = member?.node ?? node.items?.[step as number];
      if (next === undefined) break;
      node = next;
      offset = node.startOffset;
      if (at === 'key' && depth === path.length - 1 && member !== undefined)
        offset = member.keyOffset;
    }
    this.#add(path, offset, message);
  }

  /** Runs the schema over the whole document and keeps what it finds. Undefined when the shape is wrong. */
  read<S extends z.ZodType>(
    schema: S,
    aliases: Readonly<Record<string, string>>,
  ): z.infer<S> | undefined {
    const result = schema.safeParse(this.value);
    if (result.success) return result.data;
    for (const issue of result.error.issues) {
      const path = issue.path as (string | number)[];
      if (issue.code !== 'unrecognized_keys') this.report(path, issue.message);
      else {
        const known = knownKeys(schema, path);
        for (const key of issue.keys) {
          const alias = aliases[key];
          const hint = suggest(alias !== undefined && known.includes(alias) ? alias : key, known);
          this.report([...path, key], `unknown key${hint}`, 'key');
        }
      }
    }
    return undefined;
  }

  /** Throws when anything was reported. */
  settle(): void {
    if (this.#problems.size === 0) return;
    const sorted = [...this.#problems.values()].sort((a, b) => a.offset - b.offset);
    throw new ConfigError(
      this.file,
      sorted.map(({ offset: _, ...problem }) => problem),
    );
  }

  #add(path: JsonPath, offset: number, message: string): void {
    const where = formatPath(path);
    // Several checks of one field share their message (whole number, minimum, maximum): say it once.
    this.#problems.set(`${where}\n${message}`, {
      path: where,
      message,
      offset,
      ...this.#lineColumn(offset),
    });
  }

  #lineColumn(offset: number): { line: number; column: number } {
    const before = this.#text.slice(0, offset);
    const lineStart = before.lastIndexOf('\n') + 1;
    return { line: before.split('\n').length, column: offset - lineStart + 1 };
  }
}

function knownKeys(schema: z.ZodType, path: JsonPath): string[] {
  let at: unknown = schema;
  for (const step of [...path, undefined]) {
    while (at instanceof z.ZodOptional) at = at.unwrap();
    if (step === undefined) break;
    if (at instanceof z.ZodObject) at = at.shape[step];
    else if (at instanceof z.ZodArray) at = at.element;
    else return [];
  }
  return at instanceof z.ZodObject ? Object.keys(at.shape) : [];
}

// ---- the checked result ------------------------------------------------------------------------------------------

export interface ScratchConfig {
  readonly path: string;
  /** Of the host, absolute; undefined: it begins empty. */
  readonly from: string | undefined;
  readonly maxBytes: number;
  readonly maxFiles: number;
}

export interface RouteConfig {
  readonly route: string;
  /** `luge`: the router's patterns, the most specific wins. `prefix`: SLEdge's rule, the first in file order wins. */
  readonly match: 'luge' | 'prefix';
  /** Absolute path of a .wasm or .wat file. */
  readonly module: string;
  /** Undefined: any method. */
  readonly methods: readonly string[] | undefined;
  /** Empty: any host. */
  readonly hosts: readonly string[];
  /** To its requests and answers. */
  readonly adds: RouteFieldSettings;
  readonly contentType: string;
  readonly response: 'raw' | 'cgi';
  /** From the arrival of the request; past it the guest is killed and the client gets 504. */
  readonly deadlineNs: number;
  /** Of running time alone. */
  readonly cpuLimitNs: number;
  /** From arrival to the start of the guest. */
  readonly queueTimeoutNs: number;
  readonly maxPages: number;
  readonly growth: 'retire' | 'keep';
  readonly maxModuleBytes: number;
  readonly maxTableElements: number;
  readonly maxArrayBytes: number;
  readonly maxBodyBytes: number;
  readonly maxOutputBytes: number;
  /** On stderr, of one request. */
  readonly maxLogBytes: number;
  readonly streamHighWaterBytes: number;
  readonly requestBody: 'whole' | 'stream';
  readonly requestHighWaterBytes: number;
  /** Functions in a chain of calls; 0 = this one may call none. */
  readonly maxCallDepth: number;
  /** Sandboxes in use at once, of all workers; Infinity: no limit. */
  readonly maxConcurrency: number;
  /** Sandboxes that each worker keeps ready from the start. */
  readonly prewarm: number;
  readonly env: Readonly<Record<string, string>>;
  /** The request in the environment of a WASI guest. */
  readonly cgiVariables: boolean;
  readonly args: readonly string[];
  /** The guest's path of a folder to read -> the host's, absolute. */
  readonly folders: Readonly<Record<string, string>>;
  /** Undefined: no folder to write to. */
  readonly scratch: ScratchConfig | undefined;
  readonly maxOpenFiles: number;
  readonly clockResolutionNs: number;
  /** What to append to the route for a request to try, shown at start. */
  readonly tryArgs: string | undefined;
  /** Which percentile of its last runs a function is expected to take. */
  readonly admissionPercentile: number;
  /** Before the first run was measured; 0: half the deadline. */
  readonly expectedNs: number;
  readonly model: ModelOptions | undefined;
}

export interface TenantConfig {
  readonly name: string;
  readonly listen: readonly ListenEntry[];
  /** Undefined: plain HTTP. */
  readonly tls: TlsOptions | undefined;
  /** 0: best effort, no budget. */
  readonly replenishmentPeriodNs: number;
  readonly maxBudgetNs: number;
  /** Its part of the key-value store; undefined: the file's `kv.maxTenantBytes`. */
  readonly kvMaxBytes: number | undefined;
  /** Sandboxes of all its routes in use at once; Infinity: no limit. */
  readonly maxConcurrency: number;
  /** Its share of the workers, where there is admission control; Infinity: no limit. */
  readonly utilization: number;
  /** Of those that are ready for the next request; Infinity: no limit. */
  readonly maxIdleSandboxes: number;
  readonly routes: readonly RouteConfig[];
}

// ---- fields --------------------------------------------------------------------------------------------------------

/** The part of zod's issue that a message needs. */
export interface FieldIssue {
  readonly input?: unknown;
}

/** "must be <what>, found <value>", or "missing: must be <what>". */
export function mustBe(what: string): (issue: FieldIssue) => string {
  return ({ input }) =>
    input === undefined ? `missing: must be ${what}` : `must be ${what}, found ${show(input)}`;
}

function show(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? 'an empty array' : 'an array';
  if (typeof value === 'object' && value !== null) return 'an object';
  const text = JSON.stringify(value);
  return text.length <= 60 ? text : `${text.slice(0, 56)}…"`;
}

/** `what` replaces the range in messages where the number is one choice of several. */
export function numberField(range: NumberRange, what: string = describeRange(range)): z.ZodNumber {
  const error = mustBe(what);
  const field = z.number({ error }).min(range.min, { error }).max(range.max, { error });
  return range.whole ? field.int({ error }) : field;
}

export function textField(what: string, pattern: RegExp): z.ZodString {
  const error = mustBe(what);
  return z.string({ error }).regex(pattern, { error });
}

export function choiceField<const T extends string>(
  choices: readonly T[],
): z.ZodEnum<{ [K in T]: K }> {
  const error = mustBe(`one of ${choices.map((choice) => `"${choice}"`).join(', ')}`);
  return z.enum(choices, { error }) as unknown as z.ZodEnum<{ [K in T]: K }>;
}

export function listField<T extends z.ZodType>(
  item: T,
  what: string,
  min: number,
  max: number,
): z.ZodArray<T> {
  const error = mustBe(`${min > 0 ? 'a non-empty array' : 'an array'} of ${what} (at most ${max})`);
  return z.array(item, { error }).min(min, { error }).max(max, { error });
}

/** Printable ASCII without blanks: what a request line can hold. */
export const ROUTE_TEXT: RegExp = /^\/[\x21-\x7e]*$/;
/** `type/subtype` and parameters on one line: a line break here would let a file write response headers. */
export const CONTENT_TYPE: RegExp = /^[\w!#$&^.+-]+\/[\w!#$&^.+*-]+[\t\x20-\x7e]{0,200}$/;
export const HEADER_NAME: RegExp = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,128}$/;
export const WITHOUT_NUL: RegExp = /^[^\0]*$/;

// ---- what spans several places -----------------------------------------------------------------------------------

/** A member of a raw value that may be anything. */
export function rawField(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)[key]
    : undefined;
}

/** The items of a raw value that may be anything, with their paths. */
export function rawItems(value: unknown, path: JsonPath): { path: JsonPath; value: unknown }[] {
  if (!Array.isArray(value)) return [];
  return value.map((item: unknown, index) => ({ path: [...path, index], value: item }));
}

/** Names of tenants must differ. Works on the raw tree, so that a wrong field elsewhere hides nothing. */
export function checkTenants(
  document: ConfigDocument,
  tenants: readonly { path: JsonPath; value: unknown }[],
): void {
  const names = new Map<string, JsonPath>();
  for (const { path, value } of tenants) {
    const name = rawField(value, 'name');
    if (typeof name !== 'string') continue;
    const first = names.get(name);
    if (first === undefined) names.set(name, path);
    else {
      document.report([...path, 'name'], `"${name}" is already the name of ${formatPath(first)}`);
    }
  }
}
