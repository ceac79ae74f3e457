/** The HTTP front end. */
export { DEFAULT_HTTP_LIMITS, type HttpLimits, type HttpRoute, type HttpSite } from './api.ts';
export { type CorsSettings, corsProblem, originProblem } from './cors.ts';
export { normalHost } from './host-pattern.ts';
export { errorBody, HTTP_ERRORS, type HttpErrorKind } from './http-error.ts';
export {
  ADDRESS_FORMS,
  type AddressDefaults,
  addressesMeet,
  addressText,
  type ListenAddress,
  parseAddress,
} from './listen-address.ts';
export { ListenError } from './listen-error.ts';
export { LISTENERS_MAX, type ListenersOption, listenerCount } from './listener-count.ts';
export { RouteError } from './pattern.ts';
export { PortRoutes } from './port-routes.ts';
export {
  REQUEST_ID_HEADER,
  type RequestIdSettings,
  type RouteFieldSettings,
  routeHeaderProblem,
} from './route-fields.ts';
export { Router } from './router.ts';
export { type HttpServer, type HttpServerOptions, listen } from './server.ts';
export { activatedFds } from './socket-activation.ts';
export { readTls, type TlsOptions, type TlsPair, type TlsVersion } from './tls-options.ts';
