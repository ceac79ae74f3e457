/** The cases that all rings have in common. */
import {
  Batch,
  CompletionRing,
  MpmcRing,
  type RingOptions,
  SpscRing,
} from '../../../src/ring/index.ts';
import type { Case } from './case.ts';
import { BATCH } from './channel-roles.ts';
import { Stage } from './stage.ts';
import { AHEAD } from './starts.ts';

export const CHANNEL_ROLES: URL = new URL('./channel-roles.ts', import.meta.url);
const VALUES = 2 ** 21;
const TAIL = 128;
const HEAD = 256;

export type ChannelKind = 'mpmc' | 'spsc' | 'completion';
/** Single values, batches, either by chance. */
export const MANY = { single: 0, many: 1, mixed: 2 } as const;

export function channelStage(kind: ChannelKind, capacity: number, threads: number): Stage {
  return new Stage({
    [kind]: { kind, capacity },
    batches: { kind: 'bytes', bytes: Batch.bytes(BATCH), count: threads },
  });
}

export function createChannelOn(stage: Stage, kind: ChannelKind, options: RingOptions): void {
  const { memory } = stage;
  const address = stage.at(kind);
  if (kind === 'mpmc') MpmcRing.create(memory, address, options);
  else if (kind === 'spsc') SpscRing.create(memory, address, options);
  else CompletionRing.create(memory, address, options);
}

export interface ConserveOptions {
  readonly kind: ChannelKind;
  readonly producers: number;
  readonly consumers: number;
  readonly capacity: number;
  readonly start?: number;
  readonly many?: number;
}

/** Producers push, consumers take: what was pushed comes out, once and in its order, and nothing is left. */
export async function conserve(run: Case, options: ConserveOptions): Promise<void> {
  const { kind, producers, consumers, capacity, start = 0, many = MANY.single } = options;
  const stage = channelStage(kind, capacity, producers + consumers);
  createChannelOn(stage, kind, { capacity, start });
  const crew = run.crew(stage, CHANNEL_ROLES, VALUES);
  const all = { producers, consumers, capacity, many, least: 2 * AHEAD };
  const results = await crew.run([
    ...Array.from({ length: producers }, (_, producer) => ({
      role: 'producer',
      options: { ...all, producer },
    })),
    ...Array.from({ length: consumers }, () => ({ role: 'consumer', options: all })),
  ]);
  const turns = results.slice(0, producers).map((result) => result.turns as number);
  crew.ledger.check((value) => Math.floor(value / producers) < (turns[value % producers] ?? 0));
  stage.checkCanaries();
  const pushed = turns.reduce((sum, n) => sum + n, 0);
  for (const counter of [TAIL, HEAD]) {
    const moved = (stage.load(stage.at(kind) + counter) - start) | 0;
    if (moved !== pushed) throw new Error(`counter ${counter} moved by ${moved}, not ${pushed}`);
  }
}

export interface RoundsOptions {
  readonly kind: ChannelKind;
  readonly threads: number;
  readonly capacity: number;
  readonly many?: number;
}

/** Rounds of `stampede` with so many producers, the other threads being consumers. */
export async function stampede(
  run: Case,
  options: RoundsOptions & { readonly producers: number },
): Promise<void> {
  await rounds(run, 'stampede', options, 3 * options.producers);
}

/** Rounds of `share`. */
export async function shares(run: Case, options: RoundsOptions): Promise<void> {
  const { threads, capacity } = options;
  await rounds(run, 'share', options, threads * Math.floor(capacity / threads));
}

/** Each thread of `turnstile` takes as many values as it pushes; there is room for all that they hold back. */
export async function turnstile(run: Case, options: RoundsOptions): Promise<void> {
  const { kind, threads, capacity, many = MANY.single } = options;
  const stage = channelStage(kind, capacity, threads);
  createChannelOn(stage, kind, { capacity });
  const crew = run.crew(stage, CHANNEL_ROLES, VALUES);
  const all = { threads, many, least: 2 * AHEAD, share: Math.floor(capacity / threads) };
  const parts = Array.from({ length: threads }, () => ({ role: 'turnstile', options: all }));
  const turns = (await crew.run(parts)).map((result) => result.turns as number);
  crew.ledger.check((value) => Math.floor(value / threads) < (turns[value % threads] ?? 0));
  stage.checkCanaries();
}

async function rounds(
  run: Case,
  role: string,
  options: RoundsOptions,
  values: number,
): Promise<void> {
  const { kind, threads, capacity, many = MANY.single } = options;
  const stage = channelStage(kind, capacity, threads);
  const crew = run.crew(stage, CHANNEL_ROLES, values);
  const { kind: _, ...numbers } = options;
  const all = { ...numbers, many, least: 50, share: Math.floor(capacity / threads) };
  await crew.run(Array.from({ length: threads }, () => ({ role, options: all })));
  stage.checkCanaries();
}
