/**
 * A value to another thread and back through two SPSC rings: `ping-pong.ts <park|spin>`. With `park` both sleep in a lot whenever
 * their ring is empty: that is two futex calls and two switches of the kernel, and the ring is nothing beside them.
 */
import { layout, ParkingLot, SpscRing } from '../../src/ring/index.ts';
import { Crew } from './crew.ts';
import { expectSame, serveRounds } from './rounds.ts';

export interface PingPongData {
  readonly memory: WebAssembly.Memory;
  readonly lot: number;
  /** Where its values come from and where they go. */
  readonly from: number;
  readonly to: number;
  /** Also its place in the lot; 0 serves. */
  readonly index: number;
  readonly isParking: boolean;
  readonly trips: number;
}

const isParking = process.argv[2] === 'park';
const trips = isParking ? 300 : 5_000;
const { regions, pages } = layout({
  rings: { kind: 'spsc', capacity: 2, count: 2 },
  lot: { kind: 'lot', workers: 2 },
});
const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
const [there, back] = [0, 1].map((i) => regions.rings.address + i * regions.rings.strideBytes) as [
  number,
  number,
];
for (const ring of [there, back]) SpscRing.create(memory, ring, { capacity: 2 });
ParkingLot.create(memory, regions.lot.address, { workers: 2 });
const common = { memory, lot: regions.lot.address, isParking, trips };
const crew = await Crew.start('ping-pong-thread', [
  { ...common, index: 0, from: back, to: there } satisfies PingPongData,
  { ...common, index: 1, from: there, to: back } satisfies PingPongData,
]);

serveRounds(async () => {
  const { ns, sums } = await crew.round();
  for (const sum of sums) expectSame('sum of the trips', sum, (trips * (trips - 1)) / 2);
  return { [isParking ? 'park_unpark_roundtrip_us' : 'spin_roundtrip_us']: ns / 1e3 / trips };
});
