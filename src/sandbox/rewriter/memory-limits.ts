/** Pages of 64 KiB that 32-bit addresses reach. */
export const PAGES_MAX = 65_536;
/** With 64-bit addresses: 16 GiB, V8 14.6 has no larger memory. */
export const PAGES_MAX_64 = 262_144;
