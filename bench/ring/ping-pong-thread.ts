/** One side of ping-pong.ts. */
import { workerData } from 'node:worker_threads';
import { Parker, ParkingLot, SpscRing } from '../../src/ring/index.ts';
import { serveCrew } from './crew.ts';
import type { PingPongData } from './ping-pong.ts';

const data = workerData as PingPongData;
const from = SpscRing.attach(data.memory, data.from);
const to = SpscRing.attach(data.memory, data.to);
const lot = ParkingLot.attach(data.memory, data.lot);
const parker = new Parker(lot, data.index);
const other = 1 - data.index;
const isThere = (): boolean => from.size > 0;

serveCrew(() => {
  let sum = 0;
  for (let trip = 0; trip < data.trips; trip++) {
    if (data.index === 0) {
      send(trip);
      sum += receive();
    } else {
      const value = receive();
      sum += value;
      send(value);
    }
  }
  return sum;
});

function send(value: number): void {
  while (to.push(value) < 0);
  if (data.isParking) lot.wake(other);
}

function receive(): number {
  for (;;) {
    const value = from.pop();
    if (value >= 0) return value;
    if (data.isParking) parker.park(isThere, Number.POSITIVE_INFINITY);
  }
}
