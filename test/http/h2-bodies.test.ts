import { expect, it } from 'vitest';
import { type BodyStream, H2Bodies } from '../../src/http/h2-bodies.ts';

class Stream implements BodyStream {
  bodyBytes = 0;
  isPaused = false;

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
  }
}

function setup(count: number): { bodies: H2Bodies; streams: Stream[]; paused: () => boolean[] } {
  const bodies = new H2Bodies(100);
  const streams = Array.from({ length: count }, () => new Stream());
  for (const stream of streams) bodies.add(stream);
  return { bodies, streams, paused: () => streams.map(({ isPaused }) => isPaused) };
}

function grow(bodies: H2Bodies, stream: Stream | undefined, bytes: number): void {
  (stream as Stream).bodyBytes += bytes;
  bodies.grew(bytes);
}

it('all_go_on_up_to_the_bound', () => {
  const { bodies, streams, paused } = setup(3);
  grow(bodies, streams[2], 60);
  grow(bodies, streams[1], 40);
  expect(paused()).toEqual([false, false, false]);
});

it('beyond_it_only_the_oldest_does', () => {
  const { bodies, streams, paused } = setup(3);
  grow(bodies, streams[2], 60);
  grow(bodies, streams[1], 41);
  expect(paused()).toEqual([false, true, true]);
  const late = new Stream();
  bodies.add(late);
  expect(late.isPaused).toBe(true);
});

it('when_the_oldest_is_gone_the_next_goes_on', () => {
  const { bodies, streams, paused } = setup(3);
  grow(bodies, streams[1], 60);
  grow(bodies, streams[2], 60);
  bodies.remove(streams[0] as Stream);
  expect(paused().slice(1)).toEqual([false, true]);
});

it('when_there_is_room_again_all_go_on', () => {
  const { bodies, streams, paused } = setup(3);
  grow(bodies, streams[0], 60);
  grow(bodies, streams[2], 60);
  bodies.remove(streams[0] as Stream);
  expect(paused()).toEqual([false, false, false]);
  grow(bodies, streams[2], 41);
  expect(paused()).toEqual([false, false, true]);
});

it('the_first_of_a_full_session_is_not_paused', () => {
  const { bodies, streams } = setup(1);
  grow(bodies, streams[0], 500);
  expect(streams[0]?.isPaused).toBe(false);
  bodies.remove(streams[0] as Stream);
  const next = new Stream();
  bodies.add(next);
  expect(next.isPaused).toBe(false);
});
