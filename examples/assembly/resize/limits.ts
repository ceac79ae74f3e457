// What one request may cost. A picture passes row by row, so its size is a matter of time more than
// of memory; what does have to be held whole is the answer, and an interlaced picture.

export const MAX_SIDE: i32 = 16384;
export const MAX_PIXELS: i32 = 16 << 20;
/** Up to 4 bytes each, next to the answer, in the 64 MiB that examples/luge.json gives. */
export const MAX_INTERLACED_PIXELS: i32 = 6 << 20;
export const MAX_OUTPUT_PIXELS: i32 = 8 << 20;
