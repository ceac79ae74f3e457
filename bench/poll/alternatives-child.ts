/**
 * Ways to poll in a loop of two memory accesses, against the same loop without: `node alternatives-child.ts` prints, by the name of the way,
 * the ratio of each round. Written by hand, so that ways which the rewriter does not have can be compared with those that it has.
 *
 *   each_round      at the back edge of each round; control memory behind the guest's, as in Luge
 *   control_first   the same with the control memory as memory 0 and the guest's as memory 1
 *   counter_of_10   a local counts ten rounds down
 *   global          the flag is an imported mutable global (which no other thread could write)
 *   copies_of_10    ten copies of the body between two polls, as in Luge
 */
import wabtInit from 'wabt';

const WARM_UPS = 6;
const ROUNDS = 15;
const REPEATS = 4000;
const ROUNDS_PER_POLL = 10;

const CONTROL_LAST = `(import "m" "d" (memory $d 1 1 shared)) (import "m" "c" (memory $c 1 1 shared))`;
const CONTROL_FIRST = `(import "m" "c" (memory $c 1 1 shared)) (import "m" "d" (memory $d 1 1 shared))`;
const GLOBAL = `(import "m" "d" (memory $d 1 1 shared)) (import "m" "g" (global $g (mut i32)))`;
const BODY = `(f64.store $d offset=16384 (local.get $p) (f64.mul (f64.load $d (local.get $p)) (f64.const 1.5)))
  (local.set $p (i32.add (local.get $p) (i32.const 8)))`;
const NEXT = `${BODY} (br_if $exit (i32.ge_u (local.get $p) (i32.const 16384)))`;
const LOAD = '(i32.load $c (i32.const 0))';

/** A loop that leaves for its poll. */
function leaving(rounds: string, flag: string): string {
  return `(block $exit (loop $again
    (block $poll (loop $l ${rounds} (br_if $poll ${flag}) (br $l)))
    (call $interrupted) (br $again)))`;
}

const COUNTED = `(local.set $k (i32.const ${ROUNDS_PER_POLL})) ${leaving(
  `${NEXT} (br_if $l (local.tee $k (i32.sub (local.get $k) (i32.const 1))))
   (local.set $k (i32.const ${ROUNDS_PER_POLL}))`,
  LOAD,
)}`;

const WAYS: Readonly<Record<string, readonly [imports: string, code: string]>> = {
  none: [CONTROL_LAST, `(block $exit (loop $l ${NEXT} (br $l)))`],
  each_round: [CONTROL_LAST, leaving(NEXT, LOAD)],
  control_first: [CONTROL_FIRST, leaving(NEXT, LOAD)],
  counter_of_10: [CONTROL_LAST, COUNTED],
  global: [GLOBAL, leaving(NEXT, '(global.get $g)')],
  copies_of_10: [CONTROL_LAST, leaving(NEXT.repeat(ROUNDS_PER_POLL), LOAD)],
};

const FEATURES = { threads: true, multi_memory: true };
const assembler = await wabtInit();
const page = (): WebAssembly.Memory =>
  new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });

function instantiate([imports, code]: readonly [string, string]): () => number {
  const text = `(module (import "m" "i" (func $interrupted)) ${imports}
    (func (export "run") (param $n i32) (result f64) (local $p i32) (local $k i32)
      (loop $repeat
        (local.set $p (i32.const 0))
        ${code}
        (br_if $repeat (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
      (f64.load $d (i32.const 32760))))`;
  const { buffer } = assembler.parseWat('way.wat', text, FEATURES).toBinary({});
  const memory = page();
  new Float64Array(memory.buffer).fill(2);
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array(buffer)), {
    m: {
      d: memory,
      c: page(),
      i: () => {},
      g: new WebAssembly.Global({ value: 'i32', mutable: true }, 0),
    },
  });
  return () => (exports.run as (n: number) => number)(REPEATS);
}

const runs = Object.entries(WAYS).map(([name, way]) => ({ name, run: instantiate(way) }));
const ratios: Record<string, number[]> = {};
for (let round = -WARM_UPS; round < ROUNDS; round += 1) {
  let baseMs = 0;
  for (const { name, run } of runs) {
    const start = performance.now();
    if (run() !== 3) throw new Error(`${name}: a wrong result`);
    const ms = performance.now() - start;
    if (name === 'none') baseMs = ms;
    else if (round >= 0) ratios[name] = [...(ratios[name] ?? []), ms / baseMs];
  }
}
process.stdout.write(JSON.stringify(ratios));
