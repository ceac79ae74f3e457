/** What an embedder may forget. */
export const createPolicy = (): object => ({
  name: 'broken',
  add: () => {},
  next: () => undefined,
});
