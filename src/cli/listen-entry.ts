/** One place to listen, as a flag or a file has it: an address (http/listen-address.ts), or sockets that systemd hands over. */
import { resolve } from 'node:path';
import {
  ADDRESS_FORMS,
  type AddressDefaults,
  activatedFds,
  addressesMeet,
  addressText,
  type ListenAddress,
  parseAddress,
} from '../http/index.ts';

/** Which sockets systemd hands over is found out at start: of a name, or all. */
export type ListenEntry =
  | ListenAddress
  | { readonly kind: 'systemd'; readonly name: string | undefined };

export const LISTEN_FORMS: string = `${ADDRESS_FORMS}, "systemd" or "systemd:name"`;

/** Paths of sockets start at `folder`. */
export function parseEntry(
  text: string,
  folder: string,
  defaults: AddressDefaults = {},
): ListenEntry | string {
  const systemd = /^systemd(?::([^:]+))?$/.exec(text);
  if (systemd !== null) return { kind: 'systemd', name: systemd[1] };
  const [, path] = /^unix:([^@].*)$/s.exec(text) ?? [];
  return parseAddress(path === undefined ? text : `unix:${resolve(folder, path)}`, defaults);
}

export function isListenText(text: string): boolean {
  return typeof parseEntry(text, '.') !== 'string';
}

export function entryText(entry: ListenEntry): string {
  if (entry.kind !== 'systemd') return addressText(entry);
  return entry.name === undefined ? 'systemd' : `systemd:${entry.name}`;
}

/** By which several tenants may have the address; undefined where each gets one of its own. */
export function sharedName(entry: ListenEntry): string | undefined {
  return entry.kind === 'tcp' && entry.port === 0 ? undefined : entryText(entry);
}

/** What can be bound: systemd's sockets by their numbers. Throws an Error that says which are not there. */
export function boundEntries(
  entries: readonly ListenEntry[],
  env: Readonly<Record<string, string | undefined>>,
): ListenAddress[] {
  return entries.flatMap((entry): ListenAddress | ListenAddress[] => {
    if (entry.kind !== 'systemd') return entry;
    const fds = activatedFds(env, process.pid, entry.name);
    if (typeof fds === 'string') throw new Error(`${entryText(entry)}: ${fds}`);
    return fds.map((fd) => ({ kind: 'fd', fd }));
  });
}

/** Whether the second of them could not be bound beside the first. */
export function entriesMeet(a: ListenEntry, b: ListenEntry): boolean {
  if (a.kind !== 'systemd' && b.kind !== 'systemd') return addressesMeet(a, b);
  if (a.kind !== 'systemd' || b.kind !== 'systemd') return false;
  return a.name === undefined || b.name === undefined || a.name === b.name;
}
