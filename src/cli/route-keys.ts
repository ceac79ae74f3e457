/**
 * The keys of a route, and of `defaults`, that say what it adds to requests and answers, and its `hosts`. What they do stands in docs/HTTP.md; what cannot be is
 * said by the front end's own checks, so that a file and `listen` refuse the same.
 */
import { z } from 'zod';
import {
  type CorsSettings,
  corsProblem,
  normalHost,
  originProblem,
  type RequestIdSettings,
  type RouteFieldSettings,
  routeHeaderProblem,
} from '../http/index.ts';
import { HEADER_NAME, listField, mustBe, numberField, textField } from './config-schema.ts';
import { whole } from './defaults.ts';
import { suggest } from './settings.ts';

/** Browsers keep a preflight's answer for a day at the most. */
const MAX_AGE_SECONDS = whole(0, 86_400);
/** Out of thin air: a list that a person writes. */
const LISTED_MAX = 64;

const truth = z.boolean({ error: mustBe('true or false') });

const hostField = z.string({ error: mustBe('a host') }).superRefine((text, context) => {
  try {
    normalHost(text);
  } catch (error) {
    context.addIssue({ code: 'custom', message: (error as Error).message });
  }
});

/** Of a route, and of a tenant for its routes. */
export const hostsField: z.ZodOptional<z.ZodArray<z.ZodString>> = listField(
  hostField,
  'hosts',
  1,
  LISTED_MAX,
).optional();

const headersField = z
  .record(z.string(), z.string({ error: mustBe('a string') }), {
    error: mustBe('an object of strings'),
  })
  .superRefine((headers, context) => {
    const seen = new Set<string>();
    for (const [name, value] of Object.entries(headers)) {
      const isTwice = seen.has(name.toLowerCase());
      const problem = isTwice ? 'is there twice' : routeHeaderProblem(name, value);
      seen.add(name.toLowerCase());
      if (problem === undefined) continue;
      context.addIssue({ code: 'custom', path: [name], message: `the header ${problem}` });
    }
  });

const ORIGINS = '"*", or a non-empty array of origins';
const originField = z.string({ error: mustBe('an origin') }).superRefine((text, context) => {
  const problem = originProblem(text);
  if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
});
const names = (what: string): z.ZodOptional<z.ZodArray<z.ZodString>> =>
  listField(textField(`a name of ${what}`, HEADER_NAME), what, 1, LISTED_MAX).optional();

const corsObject = z
  .strictObject({
    origins: z.union([z.literal('*'), listField(originField, 'origins', 1, LISTED_MAX)], {
      error: mustBe(ORIGINS),
    }),
    methods: names('methods'),
    headers: names('header fields'),
    exposeHeaders: names('header fields'),
    credentials: truth.optional(),
    maxAgeSeconds: numberField(MAX_AGE_SECONDS).optional(),
  })
  .superRefine((cors, context) => {
    const problem = corsProblem(corsOf(cors));
    if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
  });

const requestIdObject = z.strictObject({
  header: textField('the name of a header field', HEADER_NAME)
    .refine((name) => routeHeaderProblem(name, 'x') === undefined, {
      error: 'is a field that the front end sets itself',
    })
    .optional(),
  trust: truth.optional(),
});

interface CorsKeys {
  readonly origins: '*' | readonly string[];
  readonly methods?: readonly string[] | undefined;
  readonly headers?: readonly string[] | undefined;
  readonly exposeHeaders?: readonly string[] | undefined;
  readonly credentials?: boolean | undefined;
  readonly maxAgeSeconds?: number | undefined;
}

interface RequestIdKeys {
  readonly header?: string | undefined;
  readonly trust?: boolean | undefined;
}

/** true, false or an object. Not a union of zod's, which would not say where in the object a fault is. */
function switchOr<S extends z.ZodObject>(object: S, what: string): z.ZodType<boolean | z.infer<S>> {
  return z.custom<boolean | z.infer<S>>().superRefine((value: unknown, context) => {
    if (typeof value === 'boolean') return;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      context.addIssue({ code: 'custom', message: mustBe(what)({ input: value }) });
      return;
    }
    for (const issue of object.safeParse(value).error?.issues ?? []) {
      const path = issue.path as (string | number)[];
      if (issue.code !== 'unrecognized_keys') {
        context.addIssue({ code: 'custom', path, message: issue.message });
        continue;
      }
      for (const key of issue.keys) {
        const hint = suggest(key, Object.keys(object.shape));
        context.addIssue({ code: 'custom', path: [...path, key], message: `unknown key${hint}` });
      }
    }
  });
}

export interface RouteKeys {
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly cors?: boolean | CorsKeys | undefined;
  readonly serverTiming?: boolean | undefined;
  readonly requestId?: boolean | RequestIdKeys | undefined;
  readonly traceContext?: boolean | undefined;
}

export const routeKeys: {
  readonly [K in keyof Required<RouteKeys>]: z.ZodOptional<z.ZodType<NonNullable<RouteKeys[K]>>>;
} = {
  headers: headersField.optional(),
  cors: switchOr(corsObject, 'true, false or { "origins": … }').optional(),
  serverTiming: truth.optional(),
  requestId: switchOr(requestIdObject, 'true, false or { "header": …, "trust": … }').optional(),
  traceContext: truth.optional(),
};

/** The route's over those of `defaults`; headers one by one. */
export function addsOf(route: RouteKeys, defaults: RouteKeys): RouteFieldSettings {
  const cors = route.cors ?? defaults.cors ?? false;
  const requestId = route.requestId ?? defaults.requestId ?? false;
  return {
    headers: mergedHeaders(route.headers ?? {}, defaults.headers ?? {}),
    ...(cors !== false && { cors: corsOf(cors === true ? { origins: '*' } : cors) }),
    serverTiming: route.serverTiming ?? defaults.serverTiming ?? false,
    ...(requestId !== false && {
      requestId: (requestId === true ? {} : requestId) as RequestIdSettings,
    }),
    traceContext: route.traceContext ?? defaults.traceContext ?? false,
  };
}

function corsOf({ origins, ...rest }: CorsKeys): CorsSettings {
  return { ...(rest as Omit<CorsSettings, 'origins'>), origins: [origins].flat() };
}

function mergedHeaders(
  own: Readonly<Record<string, string>>,
  defaults: Readonly<Record<string, string>>,
): Record<string, string> {
  const names = new Set(Object.keys(own).map((name) => name.toLowerCase()));
  const rest = Object.entries(defaults).filter(([name]) => !names.has(name.toLowerCase()));
  return { ...Object.fromEntries(rest), ...own };
}
