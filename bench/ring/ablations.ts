/**
 * The ring module with something changed or added, to see what it was worth. The changes are made in the text of the .wat files, so
 * that all the rest is the very same; a text that is not found any more is an error and no silent nothing.
 */
import { readFileSync } from 'node:fs';
import { assembleWat, joinRing, readRing } from '../../scripts/assemble-ring.ts';

interface Change {
  readonly file: string;
  readonly from: string;
  /** In place of each `from`. */
  readonly to: string;
}

const include = (name: string): Change => ({
  file: 'ring.wat',
  from: ';; @include ',
  to: `;; @include ${name} `,
});
const named = (file: string, name: string): Change => ({
  file,
  from: `(func (export "${name}")`,
  to: `(func $${name} (export "${name}")`,
});

const ABLATIONS = {
  /** All counters of the SPSC ring on one line. */
  'no-padding': [{ file: 'spsc.wat', from: 'offset=256', to: 'offset=136' }],
  /** The producer of the SPSC ring looks at the consumer's counter every time. */
  'no-cached-index': [
    {
      file: 'spsc.wat',
      from: '(i32.load offset=132 (local.get $r))',
      to: '(i32.atomic.load offset=256 (local.get $r))',
    },
  ],
  /**
   * mpmc that publishes by a plain store: what sequential consistency costs where it takes a locked instruction. Right on x86 by
   * accident only (one word, stores in order); nothing orders it on ARM.
   */
  'plain-publish': [
    { file: 'mpmc.wat', from: 'i64.atomic.store offset=384', to: 'i64.store offset=384' },
  ],
  /** Loops of push and pop inside the module, and a function that does nothing. */
  inner: [include('inner'), named('mpmc.wat', 'mpmcPush'), named('mpmc.wat', 'mpmcPop')],
  /** The SPSC ring whose sides exchange counters. */
  indices: [include('indices')],
  /** D. Vyukov's ring as he wrote it. */
  vyukov: [include('vyukov')],
} satisfies Readonly<Record<string, readonly Change[]>>;

export type Ablation = keyof typeof ABLATIONS;
const OWN_FILES: ReadonlySet<string> = new Set(['inner.wat', 'indices.wat', 'vyukov.wat']);

export async function ablation(name: Ablation): Promise<WebAssembly.Module> {
  const changes: readonly Change[] = ABLATIONS[name];
  const pending = new Set(changes);
  const lines = joinRing((file) => {
    let text = OWN_FILES.has(file)
      ? readFileSync(new URL(file, import.meta.url), 'utf8')
      : readRing(file);
    for (const change of changes) {
      if (change.file !== file) continue;
      if (!text.includes(change.from)) throw new Error(`${name}: ${file} has no '${change.from}'`);
      text = text.replaceAll(change.from, change.to);
      pending.delete(change);
    }
    return text;
  });
  for (const { file } of pending) throw new Error(`${name}: ${file} is not in the module`);
  return new WebAssembly.Module(await assembleWat(lines));
}
