/**
 * Certificates: how a site names them, and how they are read. Reading is done here, on the main thread, and each pair is tried before a listener gets it: what is
 * broken is told by its file at start, and on a reload nothing has changed then.
 *
 * A value is the path of a PEM file, or the PEM text itself.
 */
import { readFileSync } from 'node:fs';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { LugeError } from '../core/index.ts';
import { normalHost } from './host-pattern.ts';

export type TlsVersion = 'TLSv1.2' | 'TLSv1.3';

export interface TlsPair {
  /** The certificate, and behind it those that lead to an authority. */
  readonly cert: string;
  readonly key: string;
  /** Of the key. */
  readonly passphrase?: string | undefined;
}

export interface TlsOptions extends TlsPair {
  /** Authorities of clients: with it, a client without a certificate of theirs is refused. */
  readonly ca?: string | undefined;
  /** Default 'TLSv1.2'. */
  readonly minVersion?: TlsVersion | undefined;
  /** OpenSSL's list for TLS 1.2. Default: Node's. */
  readonly ciphers?: string | undefined;
  /** Pairs for names that clients ask for: 'a.example', or '*.example' for one label below; any other gets `cert`. */
  readonly sni?: Readonly<Record<string, TlsPair>> | undefined;
}

/** What a listener needs: all texts, no paths. */
export interface TlsMaterial {
  readonly main: SecureContextOptions;
  readonly asksClients: boolean;
  readonly names: readonly (readonly [name: string, pair: SecureContextOptions])[];
}

/** Throws ERR_TLS, which names the place and the file. */
export function readTls(options: TlsOptions): TlsMaterial {
  const { ca, minVersion = 'TLSv1.2', ciphers, sni = {} } = options;
  const common: SecureContextOptions = {
    minVersion,
    ...(ca !== undefined && { ca: pemOf(ca, 'tls.ca') }),
    ...(ciphers !== undefined && { ciphers }),
  };
  const main = readPair(options, 'tls', common);
  const names = Object.entries(sni).map(
    ([name, pair]) => [sniName(name), readPair(pair, `tls.sni["${name}"]`, common)] as const,
  );
  return { main, asksClients: ca !== undefined, names };
}

function readPair(
  { cert, key, passphrase }: TlsPair,
  place: string,
  common: SecureContextOptions,
): SecureContextOptions {
  const pair = {
    ...common,
    cert: pemOf(cert, `${place}.cert`),
    key: pemOf(key, `${place}.key`),
    ...(passphrase !== undefined && { passphrase }),
  };
  try {
    createSecureContext(pair);
  } catch (error) {
    throw failure(
      `${place}: ${meaning(error as NodeJS.ErrnoException)} (${nameOf(cert)}, ${nameOf(key)})`,
      error,
    );
  }
  return pair;
}

function isPem(value: string): boolean {
  return value.includes('-----BEGIN ');
}

/** Of a value, for messages: never the text of a key. */
function nameOf(value: string): string {
  return isPem(value) ? 'a PEM text' : value;
}

function pemOf(value: string, place: string): string {
  if (isPem(value)) return value;
  let text: string;
  try {
    text = readFileSync(value, 'latin1');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw failure(`${place}: ${value}: ${code === 'ENOENT' ? 'no such file' : code}`, error);
  }
  if (isPem(text)) return text;
  throw failure(`${place}: ${value}: is no PEM file`);
}

/** OpenSSL's words for the slips that happen are of no help. */
function meaning({ code = '', message }: NodeJS.ErrnoException): string {
  if (/KEY_VALUES_MISMATCH|KEY_TYPE_MISMATCH/.test(code))
    return 'cert and key do not belong together';
  if (/BAD_DECRYPT|PASSWORD|INTERRUPTED|BAD_PASS/.test(code))
    return 'the key needs another passphrase';
  return message;
}

function sniName(name: string): string {
  const host = normalHost(name);
  if (host.startsWith('[')) throw failure(`tls.sni["${name}"]: clients ask for names only`);
  return host;
}

function failure(text: string, cause?: unknown): LugeError {
  return new LugeError('ERR_TLS', 500, text, { cause });
}

/** The value of a name: its own, or that of the wildcard for its parent. Certificates' wildcards are for one label, so these are. */
export function findName<T>(names: ReadonlyMap<string, T>, asked: string): T | undefined {
  const name = asked.toLowerCase();
  const dot = name.indexOf('.');
  return names.get(name) ?? (dot < 0 ? undefined : names.get(`*${name.slice(dot)}`));
}
