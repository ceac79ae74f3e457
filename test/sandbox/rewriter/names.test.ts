import { describe, expect, it } from 'vitest';
import { rewrite } from '../../../src/sandbox/rewriter/index.ts';
import { assemble, Rewritten } from './harness.ts';

const HINTS = 'metadata.code.branch_hint';

/** [function, offset, value] of the module's hints, read by a second decoder. */
function hintsOf(bytes: Uint8Array<ArrayBuffer>): number[][] {
  const [section] = WebAssembly.Module.customSections(new WebAssembly.Module(bytes), HINTS);
  if (section === undefined) return [];
  const view = new Uint8Array(section);
  let at = 0;
  const next = (): number => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = view[at++]!;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  const found: number[][] = [];
  for (let functions = next(); functions > 0; functions -= 1) {
    const index = next();
    for (let count = next(); count > 0; count -= 1) {
      const offset = next();
      next();
      found.push([index, offset, next()]);
    }
  }
  expect(at).toBe(view.length);
  return found;
}

describe('branch hints', () => {
  it('each_poll_is_hinted_and_the_guests_own_move_with_their_branches', () => {
    const source = assemble(`(module (memory 1) (func $other) (func (export "handle") (local i32)
      (call $other)
      (loop $a local.get 0 (@metadata.code.branch_hint "\\01") if nop end (loop $b
        local.get 0 (@metadata.code.branch_hint "\\01") br_if $b
        local.get 0 (@metadata.code.branch_hint "\\00") if nop end))))`);
    expect(hintsOf(source).map(([, , value]) => value)).toEqual([1, 1, 0]);
    const { bytes, info } = rewrite(source, { maxPages: 1 });
    const hints = hintsOf(bytes);
    expect(info).toMatchObject({ loopPolls: 1, elidedLoopPolls: 1, callPolls: 0 });
    // The guest's first, which was read twice; then $b as a small loop: the poll by which it covers $a; ten rounds, each with the
    // guest's two, and the poll behind them; two rounds and their poll. Function 1 is function 2 behind the import.
    const rounds = (count: number): number[][] => [
      ...Array.from({ length: count }, () => [
        [2, 1],
        [2, 0],
      ]).flat(),
      [2, 1],
    ];
    const expected = [[2, 1], [2, 0], ...rounds(10), ...rounds(2)];
    expect(hints.map(([index, , value]) => [index, value])).toEqual(expected);
    // Where the body begins: the only one with one group of one local of i32 and then a call.
    const start = Buffer.from(bytes).indexOf(Buffer.from([1, 1, 0x7f, 0x10, 1, 0x03, 0x40]));
    expect(start).toBeGreaterThan(0);
    const opcodes = hints.map(([, offset]) => bytes[start + offset!]);
    const copied = (count: number): number[] => [
      ...Array.from({ length: count }, () => [0x0d, 0x04]).flat(),
      0x0d,
    ];
    expect(opcodes).toEqual([0x04, 0x0d, ...copied(10), ...copied(2)]);
  });

  it('a_broken_section_is_dropped', () => {
    const source = assemble('(module (func (export "handle")))');
    const name = [...Buffer.from(HINTS)];
    const broken = new Uint8Array([...source, 0, name.length + 2, name.length, ...name, 9]);
    expect(hintsOf(rewrite(broken, { maxPages: 1 }).bytes)).toEqual([]);
  });
});

describe('names', () => {
  const source = assemble(`(module (import "env" "f" (func $imported))
    (func $culprit (loop $l (call $imported) unreachable)) (func $caller (export "handle") (call $culprit)))`);

  it('name_the_guests_functions_in_a_stack', () => {
    const guest = new Rewritten(source, { imports: { env: { f: () => undefined } } });
    let stack = '';
    try {
      (guest.exports['$luge.enter'] as () => void)();
    } catch (error) {
      stack = (error as Error).stack!;
    }
    expect(stack).toMatch(/culprit[\s\S]*caller[\s\S]*\$luge\.enter/);
  });

  it('stale_and_other_custom_sections', () => {
    const custom = (name: string): number[] => [
      0,
      name.length + 2,
      name.length,
      ...Buffer.from(name),
      5,
    ];
    const bytes = new Uint8Array([...source, ...custom('.debug_info'), ...custom('producers')]);
    const { bytes: output, info } = rewrite(bytes, { maxPages: 1 });
    expect(info.droppedSections).toEqual(['.debug_info']);
    const module = new WebAssembly.Module(output);
    expect(WebAssembly.Module.customSections(module, 'producers').length).toBe(1);
    expect(WebAssembly.Module.customSections(module, '.debug_info').length).toBe(0);
  });
});
