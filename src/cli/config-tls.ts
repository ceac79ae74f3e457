/** Certificates of a configuration: `tls` of the file or of a tenant, and --tls-cert and --tls-key, which are laid over it. */
import { resolve } from 'node:path';
import { z } from 'zod';
import { readTls, type TlsOptions } from '../http/index.ts';
import {
  type ConfigDocument,
  ConfigError,
  choiceField,
  type JsonPath,
  mustBe,
  rawField,
  textField,
} from './config-schema.ts';
import type { ServeOverrides } from './settings.ts';

type TextField = z.ZodOptional<z.ZodString>;

const path: z.ZodString = textField('the path of a PEM file', /^[^\0]+$/);
const passphrase: TextField = z.string({ error: mustBe('a string') }).optional();
const pairFields: { cert: z.ZodString; key: z.ZodString; passphrase: TextField } = {
  cert: path,
  key: path,
  passphrase,
};
const pair: z.ZodObject<typeof pairFields, z.core.$strict> = z.strictObject(pairFields, {
  error: mustBe('an object of cert and key'),
});

export const tlsField: z.ZodOptional<
  z.ZodObject<
    {
      cert: z.ZodString;
      key: z.ZodString;
      passphrase: TextField;
      ca: TextField;
      minVersion: z.ZodOptional<z.ZodEnum<{ 'TLSv1.2': 'TLSv1.2'; 'TLSv1.3': 'TLSv1.3' }>>;
      ciphers: TextField;
      sni: z.ZodOptional<z.ZodRecord<z.ZodString, typeof pair>>;
    },
    z.core.$strict
  >
> = z
  .strictObject(
    {
      ...pairFields,
      ca: path.optional(),
      minVersion: choiceField(['TLSv1.2', 'TLSv1.3']).optional(),
      ciphers: textField('a list of ciphers as OpenSSL has it', /^[\x21-\x7e]+$/).optional(),
      sni: z.record(z.string(), pair, { error: mustBe('an object of names') }).optional(),
    },
    { error: mustBe('an object of cert and key') },
  )
  .optional();

type TlsKeys = NonNullable<z.infer<typeof tlsField>>;

/** Paths start at `folder`, those of flags where they are typed. Undefined: plain HTTP. */
export function tlsOptions(
  source: string,
  keys: TlsKeys | undefined,
  folder: string,
  { tlsCert, tlsKey }: ServeOverrides,
): TlsOptions | undefined {
  const own = keys && withPaths(keys, folder);
  if (tlsCert === undefined && tlsKey === undefined) return own;
  const cert = tlsCert === undefined ? own?.cert : resolve(tlsCert);
  const key = tlsKey === undefined ? own?.key : resolve(tlsKey);
  if (cert !== undefined && key !== undefined) return { ...own, cert, key };
  const missing = cert === undefined ? '--tls-cert' : '--tls-key';
  throw new ConfigError(source, [{ path: '', message: `${missing} is missing: TLS needs both` }]);
}

function withPaths(keys: TlsKeys, folder: string): TlsOptions {
  const own = <T extends { readonly cert: string; readonly key: string }>(given: T): T => ({
    ...given,
    cert: resolve(folder, given.cert),
    key: resolve(folder, given.key),
  });
  const { ca, sni = {} } = keys;
  return {
    ...own(keys),
    ca: ca && resolve(folder, ca),
    sni: Object.fromEntries(Object.entries(sni).map(([name, given]) => [name, own(given)])),
  };
}

/** On the raw tree, as checkSpan's others: what the server would meet when it starts. */
export function checkTls(
  document: ConfigDocument,
  at: JsonPath,
  owner: unknown,
  folder: string,
): void {
  const { success, data } = tlsField.safeParse(rawField(owner, 'tls'));
  if (!success || data === undefined) return;
  try {
    readTls(withPaths(data, folder));
  } catch (error) {
    document.report([...at, 'tls'], (error as Error).message);
  }
}
