/** Where tenants are served, as a file or a flag says it: `host` and `port`, or `listen`, which has all the forms of http/listen-address.ts and sockets of systemd. */
import { z } from 'zod';
import {
  type ConfigDocument,
  ConfigError,
  formatPath,
  type JsonPath,
  listField,
  mustBe,
  rawField,
} from './config-schema.ts';
import {
  entriesMeet,
  LISTEN_FORMS,
  type ListenEntry,
  parseEntry,
  sharedName,
} from './listen-entry.ts';
import { DEFAULTS, describeRange, LIMITS, type ServeOverrides } from './settings.ts';

export interface ListenKeys {
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly listen?: string | readonly string[] | undefined;
  readonly ipv6Only?: boolean | undefined;
  readonly socketMode?: string | undefined;
}

const SOCKET_MODE = 'an octal mode of three or four digits in quotes, such as "0660"';

const entryField = z.string({ error: mustBe(LISTEN_FORMS) }).superRefine((text, context) => {
  const entry = parseEntry(text, '.');
  if (typeof entry !== 'string') return;
  context.addIssue({ code: 'custom', message: `${JSON.stringify(text)}: ${entry}` });
});

/** Fields of the file, and of a tenant. */
export const listenFields: {
  readonly listen: z.ZodOptional<z.ZodUnion<readonly [z.ZodString, z.ZodArray<z.ZodString>]>>;
  readonly ipv6Only: z.ZodOptional<z.ZodBoolean>;
  readonly socketMode: z.ZodOptional<z.ZodString>;
} = {
  listen: z
    .union([entryField, listField(entryField, 'addresses', 1, LIMITS.addressesMax)], {
      error: mustBe(`${LISTEN_FORMS}, or an array of them`),
    })
    .optional(),
  ipv6Only: z.boolean({ error: mustBe('true or false') }).optional(),
  socketMode: z
    .string({ error: mustBe(SOCKET_MODE) })
    .regex(/^0?[0-7]{3}$/, { error: mustBe(SOCKET_MODE) })
    .optional(),
};

/** Addresses of a tenant: its own keys, over those of the file. All texts have been checked. */
export function listenEntries(
  own: ListenKeys,
  file: ListenKeys,
  folder: string,
  overrides: ServeOverrides,
): ListenEntry[] {
  const host = overrides.host ?? own.host ?? file.host ?? DEFAULTS.host;
  const ipv6Only = overrides.ipv6Only ?? own.ipv6Only ?? file.ipv6Only ?? false;
  const { listen, port = DEFAULTS.port } = own;
  if (listen === undefined) return [{ kind: 'tcp', host, port, ipv6Only }];
  const octal = own.socketMode ?? file.socketMode;
  const socketMode = overrides.socketMode ?? (octal && Number.parseInt(octal, 8));
  const defaults = { host, ipv6Only, socketMode: socketMode || undefined };
  return [listen].flat().map((text) => parseEntry(text, folder, defaults) as ListenEntry);
}

/**
 * What flags and variables say of the places, laid over the file. One address cannot serve two tenants. A PORT in the environment is meant for whatever runs in the
 * container, and yields where it cannot apply; the others do not.
 */
export function placeTenants<T extends { readonly listen: readonly ListenEntry[] }>(
  file: string,
  tenants: readonly T[],
  overrides: ServeOverrides,
  warnings: string[],
): readonly T[] {
  const { listen, port, portSource = 'the port', host = DEFAULTS.host } = overrides;
  const source = listen === undefined ? portSource : '--listen';
  if (listen === undefined && port === undefined) return tenants;
  const hasPort = tenants.every(({ listen: [first, ...more] }) => {
    return first?.kind === 'tcp' && more.length === 0;
  });
  let problem: string | undefined;
  if (tenants.length > 1) {
    problem = `${source} is for one tenant, the file has ${tenants.length} with a port each`;
  } else if (source === 'PORT' && !hasPort) {
    problem = `${source} is for a port, the file has other addresses`;
  }
  if (problem === undefined) {
    const ipv6Only = overrides.ipv6Only ?? false;
    const texts = listen ?? [String(port)];
    // The file's own host stays, where it has one address with a host.
    const [first] = tenants[0]?.listen ?? [];
    const own =
      overrides.host === undefined && hasPort && first?.kind === 'tcp' ? first : undefined;
    const defaults = {
      host: own?.host ?? host,
      ipv6Only: own?.ipv6Only ?? ipv6Only,
      socketMode: overrides.socketMode,
    };
    const entries = texts.map((text) => parseEntry(text, '.', defaults) as ListenEntry);
    return tenants.map((tenant) => ({ ...tenant, listen: entries }));
  }
  if (source !== 'PORT') throw new ConfigError(file, [{ path: '', message: problem }]);
  warnings.push(`${file}: ${problem}; it is not used`);
  return tenants;
}

/**
 * What one key does not show; on the raw tree, as checkSpan's others. Two tenants share an address only where both name the same one, and `mayShare`: then their routes
 * must not collide (config-checks.ts). Nobody has one twice.
 */
export function checkAddresses(
  document: ConfigDocument,
  tenants: readonly { path: JsonPath; value: unknown }[],
  folder: string,
  defaultHost: string = DEFAULTS.host,
  mayShare: boolean = false,
): void {
  const fileHost = String(rawField(document.value, 'host') ?? defaultHost);
  const taken: { entry: ListenEntry; path: JsonPath; tls: string | undefined }[] = [];
  for (const { path, value } of tenants) {
    const listen = rawField(value, 'listen');
    const tls = JSON.stringify(rawField(value, 'tls') ?? rawField(document.value, 'tls'));
    if (listen !== undefined) {
      for (const key of ['port', 'host']) {
        if (rawField(value, key) === undefined) continue;
        document.report([...path, key], `either "${key}" or "listen", not both`, 'key');
      }
    } else if (rawField(value, 'port') === undefined && path.length > 0) {
      document.report([...path, 'port'], `missing: must be ${describeRange(LIMITS.port)}`);
    }
    for (const { entry, place, name } of rawEntries(value, folder, fileHost)) {
      const isShared = (known: { entry: ListenEntry; path: JsonPath }): boolean =>
        mayShare && known.path !== path && sharedName(known.entry) === sharedName(entry);
      const other = taken.find(isShared);
      if (other !== undefined && other.tls !== tls) {
        const whose = formatPath(other.path);
        document.report([...path, ...place], `${name} of ${whose}, which has another "tls"`);
        continue;
      }
      const first = taken.find((known) => entriesMeet(known.entry, entry) && !isShared(known));
      if (first === undefined) taken.push({ entry, path, tls });
      else {
        const whose = formatPath(first.path) || 'the file';
        document.report([...path, ...place], `${name} of ${whose}`);
      }
    }
  }
}

interface RawEntry {
  readonly entry: ListenEntry;
  readonly place: JsonPath;
  /** What to say when it is taken. */
  readonly name: string;
}

/** Of a tenant, as `sharedName` has them. */
export function sharedNames(
  tenant: unknown,
  folder: string,
  fileHost: string = DEFAULTS.host,
): string[] {
  const entries = rawEntries(tenant, folder, fileHost);
  return entries.map(({ entry }) => sharedName(entry)).filter((name) => name !== undefined);
}

/** Those that are right; what is wrong is told elsewhere. */
function rawEntries(tenant: unknown, folder: string, fileHost: string): RawEntry[] {
  const listen = rawField(tenant, 'listen');
  if (listen !== undefined) {
    const isList = Array.isArray(listen);
    return (isList ? listen : [listen]).flatMap((text: unknown, i) => {
      const entry = typeof text === 'string' ? parseEntry(text, folder) : '';
      if (typeof entry === 'string') return [];
      const place = isList ? ['listen', i] : ['listen'];
      return [{ entry, place, name: `"${String(text)}" is already an address` }];
    });
  }
  const port = rawField(tenant, 'port');
  if (typeof port !== 'number') return [];
  const host = String(rawField(tenant, 'host') ?? fileHost);
  const entry: ListenEntry = { kind: 'tcp', host, port, ipv6Only: false };
  return [{ entry, place: ['port'], name: `${port} is already the port` }];
}
