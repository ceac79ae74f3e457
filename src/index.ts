/** `luge-runtime`: the embedder's API. Its parts are `luge-runtime/http`, `/sandbox` and `/ring`. */
export * from './core/index.ts';
