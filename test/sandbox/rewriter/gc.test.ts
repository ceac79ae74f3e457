import { describe, expect, it } from 'vitest';
import { assembleNew, Rewritten } from './harness.ts';

function guest(fields: string): Rewritten {
  return new Rewritten(assembleNew(`(module ${fields})`));
}

const COUNT_UP = (reference: string): string => `(func (export "handle") (result i32)
  (array.set $a (${reference}) (i32.const 0)
    (i32.add (array.get $a (${reference}) (i32.const 0)) (i32.const 1)))
  (array.get $a (${reference}) (i32.const 0)))`;

describe('objects of the garbage-collected heap', () => {
  it.each([
    [
      'global',
      '(global $g (mut (ref $a)) (array.new $a (i32.const 7) (i32.const 2)))',
      'global.get $g',
    ],
    [
      'table',
      '(table $t 2 (ref $a) (array.new $a (i32.const 7) (i32.const 1)))',
      'table.get $t (i32.const 1)',
    ],
  ])('a_mutable_%s_gets_new_ones_at_reset', async (_kind, field, reference) => {
    const instance = guest(`(type $a (array (mut i32))) ${field} ${COUNT_UP(reference)}`);
    expect(instance.info.servesOnce).toBe(false);
    for (let round = 0; round < 3; round += 1) {
      expect(await instance.reset()).toBe(0);
      expect(await instance.enter()).toBe(8);
    }
  });

  it.each([
    ['global', '(global $g (ref $a) (array.new $a (i32.const 7) (i32.const 2)))'],
    ['segment', '(elem $s (ref null $a) (item (array.new_default $a (i32.const 2))))'],
  ])('an_instance_whose_constant_%s_holds_mutable_ones_serves_once', async (_kind, field) => {
    const instance = guest(
      `(type $a (array (mut i32))) ${field} (func (export "handle") (result i32) (i32.const 5))`,
    );
    expect(instance.info.servesOnce).toBe(true);
    expect(await instance.reset()).toBe(0);
    expect(await instance.enter()).toBe(5);
    expect(await instance.reset()).toBe(1);
    expect(await instance.reset()).toBe(1);
  });

  it('immutable_ones_may_stay', async () => {
    const instance = guest(`(type $s (struct (field i32)))
      (global $g (ref $s) (struct.new $s (i32.const 7)))
      (func (export "handle") (result i32) (struct.get $s 0 (global.get $g)))`);
    for (let round = 0; round < 3; round += 1) {
      expect(await instance.reset()).toBe(0);
      expect(await instance.enter()).toBe(7);
    }
  });
});
