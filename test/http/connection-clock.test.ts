import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { DEFAULT_HTTP_LIMITS } from '../../src/http/api.ts';
import { ConnectionClock } from '../../src/http/connection-clock.ts';

const LIMITS = {
  ...DEFAULT_HTTP_LIMITS,
  headTimeoutMs: 100,
  idleTimeoutMs: 200,
  bodyTimeoutMs: 1000,
  writeTimeoutMs: 1000,
  minBytesPerSecond: 1000,
};

/** What the clock looks at: what the socket was given, what the handle has of it, and what the kernel has not taken of that. */
class FakeSocket {
  given = 0;
  _bytesDispatched = 0;
  _handle = { writeQueueSize: 0 };

  get writableLength(): number {
    return this.given - this._bytesDispatched + this._handle.writeQueueSize;
  }

  write(bytes: number): void {
    this.given += bytes;
    this._bytesDispatched += bytes;
    this._handle.writeQueueSize += bytes;
  }

  take(bytes: number): void {
    this._handle.writeQueueSize -= bytes;
  }
}

function bed(): { clock: ConnectionClock; socket: FakeSocket; late: (nowMs: number) => boolean } {
  const clock = new ConnectionClock(LIMITS, 0);
  const socket = new FakeSocket();
  return { clock, socket, late: (nowMs) => clock.isReaderLate(socket as unknown as Socket, nowMs) };
}

describe('what is waited for', () => {
  it('a_head_from_the_start', () => {
    const { clock } = bed();
    expect([clock.isExpired(99), clock.isExpired(100)]).toEqual([false, true]);
  });

  it('nothing_while_it_is_stopped', () => {
    const { clock } = bed();
    clock.stop();
    expect([clock.isRunning, clock.isExpired(1e12)]).toEqual([false, false]);
    clock.awaitNext(1000);
    expect([clock.isRunning, clock.isExpired(1199), clock.isExpired(1200)]).toEqual([
      true,
      false,
      true,
    ]);
  });

  it('a_piece_of_a_body_that_comes_in_time_puts_the_end_off', () => {
    const { clock } = bed();
    clock.awaitBody(0);
    clock.bodyCame(100_000, 900);
    expect([clock.isExpired(1899), clock.isExpired(1900)]).toEqual([false, true]);
  });

  it('a_body_below_the_rate_ends_though_there_is_never_a_pause', () => {
    const { clock } = bed();
    clock.awaitBody(0);
    let nowMs = 0;
    // 100 bytes a second where 1000 are asked for.
    for (; !clock.isExpired(nowMs); nowMs += 10) clock.bodyCame(1, nowMs);
    expect(nowMs).toBeGreaterThan(1100);
    expect(nowMs).toBeLessThan(1130);
  });

  it('a_body_above_the_rate_goes_on_for_ever', () => {
    const { clock } = bed();
    clock.awaitBody(0);
    for (let nowMs = 0; nowMs < 1e6; nowMs += 10) {
      expect(clock.isExpired(nowMs)).toBe(false);
      clock.bodyCame(11, nowMs);
    }
  });
});

describe('a reader', () => {
  it('who_has_nothing_to_take_is_never_late', () => {
    const { late } = bed();
    for (const nowMs of [0, 1000, 1e9]) expect(late(nowMs)).toBe(false);
  });

  it('who_takes_nothing_is_late_behind_the_timeout', () => {
    const { socket, late } = bed();
    socket.write(1e6);
    expect([late(500), late(1499), late(1500)]).toEqual([false, false, true]);
  });

  it('who_takes_a_part_of_one_long_write_is_not_late', () => {
    const { socket, late } = bed();
    socket.write(1e8);
    for (let nowMs = 0; nowMs < 60_000; nowMs += 900) {
      expect(late(nowMs)).toBe(false);
      socket.take(1e6);
    }
  });

  it('who_takes_less_than_the_rate_is_late_though_there_is_never_a_pause', () => {
    const { socket, late } = bed();
    socket.write(1e6);
    let nowMs = 0;
    for (; !late(nowMs); nowMs += 10) socket.take(1);
    expect(nowMs).toBeGreaterThan(1100);
    expect(nowMs).toBeLessThan(1130);
  });

  it('who_was_slow_and_has_taken_all_begins_anew', () => {
    const { socket, late } = bed();
    for (let round = 0; round < 5; round++) {
      const from = round * 1000;
      socket.write(10);
      expect([late(from), late(from + 900)]).toEqual([false, false]);
      socket.take(10);
      expect(late(from + 950)).toBe(false);
    }
  });
});
