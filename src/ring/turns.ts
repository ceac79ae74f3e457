/** Cells of rings whose values carry a TURN (mpmc.wat, spsc.wat, completion.wat): as if the lap before `start` had been written and read. */
export function fillTurns(
  i32: Int32Array<SharedArrayBuffer>,
  cells: number,
  capacity: number,
  start: number,
): void {
  for (let ticket = start - capacity; ticket < start; ticket++) {
    const at = (cells >> 2) + 2 * (ticket & (capacity - 1));
    i32[at] = 0;
    i32[at + 1] = ticket + 1;
  }
}
