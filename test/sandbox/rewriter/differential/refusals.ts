/**
 * What the rewriter may refuse of modules that V8 accepts, by the words of its error. The aim is an empty list: whoever makes
 * the rewriter take one of these strikes it out here, and the comparison then holds that it is taken.
 */
export const ALLOWED_REFUSALS: readonly RegExp[] = [
  /^a 64-bit memory at offset/,
  /^a 64-bit table at offset/,
  /^the imported table /,
  /^the mutable imported global /,
];
