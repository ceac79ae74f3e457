import { describe, expect, it } from 'vitest';
import { rewrite } from '../../../src/sandbox/rewriter/index.ts';
import { assemble, Rewritten } from './harness.ts';

const KERNEL = `(module (memory (export "memory") 1) (global $runs (mut i32) (i32.const 0))
  (data (i32.const 8) "\\07")
  (func $start (global.set $runs (i32.add (global.get $runs) (i32.const 1))))
  (start $start)
  (func (export "_initialize") (global.set $runs (i32.add (global.get $runs) (i32.const 100))))
  (func (export "runs") (result i32) (global.get $runs))
  (func (export "gemm") (param i32) (result i32) (i32.add (i32.load8_u (i32.const 8)) (local.get 0))))`;

describe('a module without an entry', () => {
  it('is_refused_unless_the_entry_is_optional', () => {
    const source = assemble(KERNEL);
    expect(() => rewrite(source, { maxPages: 1 })).toThrow(/neither a function 'handle'/);
    expect(() => rewrite(source, { maxPages: 1, entry: 'required' })).toThrow(/'handle'/);
    expect(rewrite(source, { maxPages: 1, entry: 'optional' }).info.iface).toBe('none');
  });

  it('is_called_by_hand_and_entered_for_its_start_function_alone', async () => {
    const guest = new Rewritten(assemble(KERNEL), { entry: 'optional' });
    for (let round = 0; round < 2; round += 1) {
      expect(await guest.reset()).toBe(0);
      expect(await guest.call('runs')).toBe(0);
      expect(await guest.enter()).toBe(0);
      expect(guest.done).toBe(1);
      expect(await guest.call('runs')).toBe(1);
      expect(await guest.call('gemm', 5)).toBe(12);
    }
  });

  it('may_export_a_handle_or_start_of_another_type', async () => {
    const guest = new Rewritten(
      assemble(`(module (func (export "handle") (param i32) (result i32) (local.get 0))
        (func (export "_start") (param i64)))`),
      { entry: 'optional' },
    );
    expect(guest.info.iface).toBe('none');
    expect(await guest.reset()).toBe(0);
    expect(await guest.enter()).toBe(0);
    expect(await guest.call('handle', 9)).toBe(9);
  });

  it('an_optional_entry_that_is_there_is_used', async () => {
    const guest = new Rewritten(
      assemble('(module (func (export "handle") (result i32) (i32.const 7)))'),
      { entry: 'optional' },
    );
    expect(guest.info.iface).toBe('luge');
    expect(await guest.enter()).toBe(7);
  });

  it('other_faults_stay_faults', () => {
    const source = assemble('(module (memory 17) (func (export "gemm")))');
    expect(() => rewrite(source, { maxPages: 16, entry: 'optional' })).toThrow(/17 pages/);
    expect(() => rewrite(source, { maxPages: 17, entry: 'maybe' as 'optional' })).toThrow(
      RangeError,
    );
  });
});
