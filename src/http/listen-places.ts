/** Which addresses are opened for which sites. */
import { LugeError } from '../core/index.ts';
import type { HttpSite, ListenPlace } from './api.ts';
import { addressText, type ListenAddress, parseAddress } from './listen-address.ts';
import { readTls } from './tls-options.ts';

type Place = Omit<ListenPlace, 'tls'>;

/** With certificates as they are now. Throws ERR_TLS. */
export function readPlaces(sites: readonly HttpSite[], places: readonly Place[]): ListenPlace[] {
  return places.map(({ address, sites: own }) => {
    const tls = sites[own[0] as number]?.tls;
    return { address, sites: own, tls: tls && readTls(tls) };
  });
}

/**
 * In the order of the sites: those with the same address share it. A port that the system is to choose is a site's own. Throws
 * ERR_INVALID_ARGUMENT.
 */
export function listenPlaces(sites: readonly HttpSite[]): Place[] {
  const places = new Map<string, { address: ListenAddress; sites: number[]; tls: string }>();
  for (const [index, site] of sites.entries()) {
    const tls = JSON.stringify(site.tls ?? null);
    for (const [at, address] of addressesOf(site, index).entries()) {
      const isAny = address.kind === 'tcp' && address.port === 0;
      const key = isAny ? `${index} ${at}` : addressText(address);
      const place = places.get(key);
      if (place === undefined) places.set(key, { address, sites: [index], tls });
      else if (place.tls !== tls) {
        const text = `sites[${place.sites[0]}] and sites[${index}] share ${key}`;
        throw invalid(`${text}, and have not the same tls`);
      } else if (!place.sites.includes(index)) place.sites.push(index);
    }
  }
  return [...places.values()];
}

function addressesOf({ host, port, listen }: HttpSite, index: number): ListenAddress[] {
  if (listen === undefined) {
    return [{ kind: 'tcp', host: host ?? '127.0.0.1', port: port ?? 0, ipv6Only: false }];
  }
  if (host !== undefined || port !== undefined) {
    throw invalid(`sites[${index}] has either host and port, or listen`);
  }
  const listed = Array.isArray(listen) ? listen : [listen];
  if (listed.length === 0) throw invalid(`sites[${index}].listen has no address`);
  return listed.map((given: string | ListenAddress) => {
    const address = typeof given === 'string' ? parseAddress(given) : given;
    if (typeof address !== 'string') return address;
    throw invalid(`sites[${index}].listen: "${given}": ${address}`);
  });
}

function invalid(text: string): LugeError {
  return new LugeError('ERR_INVALID_ARGUMENT', 500, `listen: ${text}`);
}

/**
 * By listener: the numbers of the places that it opens. Those of TCP all of them do; a Unix socket, or one that somebody else has bound, is one's, in turn. Nobody
 * is left without one, so that there may be fewer than `listeners`.
 */
export function dealPlaces(
  places: readonly { readonly address: ListenAddress }[],
  listeners: number,
): number[][] {
  const dealt = Array.from({ length: listeners }, (): number[] => []);
  let next = 0;
  for (const [i, { address }] of places.entries()) {
    if (address.kind === 'tcp') for (const own of dealt) own.push(i);
    else dealt[next++ % listeners]?.push(i);
  }
  return dealt.filter((own) => own.length > 0);
}
