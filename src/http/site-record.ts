/** The route tables on their way to the listener thread, as bytes. */
import bin from 'typed-binary';
import type { SiteTable } from './api.ts';
import type { RouteFieldSettings } from './route-fields.ts';

const routeRecord = bin.object({
  pattern: bin.string,
  hosts: bin.dynamicArrayOf(bin.string),
  anyMethod: bin.bool,
  methods: bin.dynamicArrayOf(bin.string),
  fn: bin.u32,
  contentType: bin.string,
  /** JSON: it is settings of settings. */
  adds: bin.string,
  /** deadlineNs, maxBodyBytes: typed-binary has f64 only in arrays. */
  doubles: bin.f64Array(2),
});

const siteRecord = bin.object({
  mode: bin.string,
  routes: bin.dynamicArrayOf(routeRecord),
});

const sitesRecord = bin.dynamicArrayOf(siteRecord);

export function encodeSites(sites: readonly SiteTable[]): Uint8Array<ArrayBuffer> {
  const records = sites.map(({ mode, routes }) => ({
    mode,
    routes: routes.map((route) => ({
      ...route,
      hosts: [...(route.hosts ?? [])],
      adds: JSON.stringify(route.adds ?? {}),
      anyMethod: route.methods === undefined,
      methods: [...(route.methods ?? [])],
      doubles: Float64Array.of(route.deadlineNs, route.maxBodyBytes),
    })),
  }));
  const buffer = new ArrayBuffer(sitesRecord.measure(records).size);
  sitesRecord.write(new bin.BufferWriter(buffer), records);
  return new Uint8Array(buffer);
}

export function decodeSites(bytes: Uint8Array<ArrayBuffer>): SiteTable[] {
  return sitesRecord.read(new bin.BufferReader(bytes.buffer)).map(({ routes, mode }) => ({
    mode: mode === 'sledge' ? 'sledge' : 'luge',
    routes: routes.map(({ anyMethod, methods, doubles, adds, ...route }) => ({
      ...route,
      adds: JSON.parse(adds) as RouteFieldSettings,
      methods: anyMethod ? undefined : methods,
      deadlineNs: doubles[0] as number,
      maxBodyBytes: doubles[1] as number,
    })),
  }));
}
