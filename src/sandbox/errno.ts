/** What host calls of the `luge` interface answer when they do not do what was asked: numbers of WASI preview 1. */
export const ERRNO = {
  OK: 0,
  AGAIN: 6,
  ALREADY: 7,
  BUSY: 10,
  DQUOT: 19,
  EXIST: 20,
  FBIG: 22,
  INVAL: 28,
  LOOP: 32,
  NAMETOOLONG: 37,
  NOENT: 44,
  NOMEM: 48,
  NOSPC: 51,
  NOTSUP: 58,
  OVERFLOW: 61,
  SPIPE: 70,
} as const;
