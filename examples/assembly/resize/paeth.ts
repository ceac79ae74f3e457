/** PNG 9.4: of left, up and upper left, the one nearest to left + up - upper left; ties in this order. */
@inline
export function paeth(left: u32, up: u32, upperLeft: u32): u32 {
  const toLeft = abs<i32>(up - upperLeft);
  const toUp = abs<i32>(left - upperLeft);
  const toUpperLeft = abs<i32>(left + up - 2 * upperLeft);
  if (toLeft <= toUp && toLeft <= toUpperLeft) return left;
  return toUp <= toUpperLeft ? up : upperLeft;
}
