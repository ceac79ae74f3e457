/** The guest that the figures of `sandbox` are about: one page, written by each run, and a loop of as many rounds as byte 60,000 says. */
import wabtInit from 'wabt';
import {
  type FunctionImage,
  type FunctionSpec,
  rewrite,
  Sandbox,
} from '../../src/sandbox/index.ts';

const GUEST = `(module
  (memory (export "memory") 1)
  (data (i32.const 1024) "initial")
  (global $g (mut i32) (i32.const 7))
  (func (export "handle") (local $i i32)
    (global.set $g (i32.const 8))
    (i32.store (i32.const 64) (i32.const 1))
    (local.set $i (i32.load (i32.const 60000)))
    (loop $l
      (local.set $i (i32.sub (local.get $i) (i32.const 1)))
      (br_if $l (i32.gt_s (local.get $i) (i32.const 0))))))`;

export interface Subject {
  /** The control memory: CONTROL_FLAG_INDEX and its neighbours. */
  readonly flags: Int32Array<SharedArrayBuffer>;
  readonly make: () => Sandbox;
  /** The guest as it was, without polls and reset. */
  readonly source: Uint8Array<ArrayBuffer>;
  /** Whom the interrupt suspends. */
  current: Sandbox | undefined;
  /** How often it did. */
  switches: number;
}

export async function bench1Page(): Promise<Subject> {
  const wabt = await wabtInit();
  const source = new Uint8Array(wabt.parseWat('guest.wat', GUEST).toBinary({}).buffer);
  const { bytes } = rewrite(source, { maxPages: 1 });
  const control = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  const memories = [{ name: 'memory', minPages: 1, maxPages: 1, wide: false }];
  const spec = { name: 'guest', memories } as unknown as FunctionSpec;
  const image: FunctionImage = { spec, module: new WebAssembly.Module(bytes) };
  const interrupt = new WebAssembly.Suspending(() => {
    subject.switches++;
    return (subject.current as Sandbox).suspend();
  });
  const subject: Subject = {
    flags: new Int32Array(control.buffer as SharedArrayBuffer),
    make: () => {
      const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
      const made = new Sandbox(image, { $luge: { control, interrupt, memory } }, [memory]);
      if (!made.reset()) throw new Error('a new sandbox had to be retired');
      return made;
    },
    source,
    current: undefined,
    switches: 0,
  };
  return subject;
}
