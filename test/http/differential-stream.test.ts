/**
 * Whole streams of bytes against node:http: pipelined requests with bodies of all framings, some bytes changed, cut anywhere. LUGE_SEED and LUGE_DIFF_COUNT
 * choose others and more.
 */
import { METHODS } from 'node:http';
import { afterAll, describe, expect, test } from 'vitest';
import { latin1 } from './feed.ts';
import { Random, randomStream } from './random-stream.ts';
import { judgeStream, type SeenStream } from './stream-judge.ts';
import { type OracleStream, StreamOracle } from './stream-oracle.ts';
import { BOTH_OPTIONS, MORE_LENIENT, STRICTER, UNKNOWN_METHOD } from './strictness.ts';

const SEED = Number(process.env.LUGE_SEED ?? 7);
const COUNT = Number(process.env.LUGE_DIFF_COUNT ?? 3000);

/** What the tables do not explain; empty when nothing. */
function difference(text: string, ours: SeenStream, theirs: OracleStream): string {
  for (const [i, request] of ours.requests.entries()) {
    const other = theirs.requests[i];
    if (other === undefined) {
      const isUnknown = theirs.why === UNKNOWN_METHOD && !METHODS.includes(request.method);
      return isUnknown || passesHere(text, theirs)
        ? ''
        : `request ${i} is refused by node: ${theirs.why || 'not complete'}`;
    }
    const isEither = BOTH_OPTIONS.test(text);
    const keepAlive = isEither ? request.keepAlive : other.keepAlive;
    if (JSON.stringify(request) !== JSON.stringify({ ...other, keepAlive })) {
      return `request ${i}: ${JSON.stringify(request)} and ${JSON.stringify(other)}`;
    }
  }
  if (ours.end === 'closed') return '';
  const areMore = theirs.requests.length > ours.requests.length;
  if (ours.end === 'open') {
    if (areMore) return 'node has a request more';
    return theirs.why === '' || isToBeRefused(text, theirs) ? '' : `refused by node: ${theirs.why}`;
  }
  if (theirs.why !== '' && !areMore) return '';
  // node leaves the length of bodies to its users.
  if (ours.why === 'ERR_HTTP_BODY_TOO_LARGE') return '';
  const rest = text.slice(ours.at);
  const isKnown = STRICTER.some(
    ({ code, when }) => ours.why === `ERR_HTTP_${code}` && when.test(rest),
  );
  return isKnown ? '' : `refused here alone: ${ours.why}`;
}

function passesHere(text: string, theirs: OracleStream): boolean {
  return MORE_LENIENT.some(({ why, when }) => why === theirs.why && when.test(text));
}

/** llhttp tells some things of a head as soon as it meets them, and we at the head's end: what is cut off in between is only refused by it. */
function isToBeRefused(text: string, theirs: OracleStream): boolean {
  if (theirs.why === UNKNOWN_METHOD || passesHere(text, theirs)) return true;
  return judgeStream(latin1(`${text}\r\n\r\n`)).end === 'refused';
}

describe('streams against node:http', () => {
  const oracle = new StreamOracle();
  afterAll(() => oracle.close());

  test(`${COUNT} of them, from seed ${SEED} on: the same requests, and the same end`, async () => {
    const counts = { closed: 0, open: 0, refused: 0, requests: 0, excused: 0 };
    const found: string[] = [];
    for (let i = 0; i < COUNT && found.length < 10; i++) {
      const random = new Random(SEED * 1_000_003 + i);
      const text = randomStream(random);
      const bytes = latin1(text);
      const ours = judgeStream(bytes);
      const theirs = await oracle.judge(bytes, random.below(bytes.length + 1));
      counts[ours.end]++;
      counts.requests += ours.requests.length;
      if (ours.end === 'refused' && theirs.why === '') counts.excused++;
      let what = difference(text, ours, theirs);
      // What is cut off inside of a head may be refused here, and not yet by llhttp.
      if (what !== '' && theirs.why === '' && ours.end === 'refused') {
        const { why } = await oracle.judge(latin1(`${text}\r\n\r\n`), 0);
        if (why !== '') what = '';
      }
      if (what !== '') found.push(`${i}: ${what} in ${JSON.stringify(text)}`);
    }
    expect(found).toEqual([]);
    // The generator must not drift towards one side, nor hide behind the tables.
    expect(counts.open).toBeGreaterThan(COUNT / 10);
    expect(counts.refused).toBeGreaterThan(COUNT / 10);
    expect(counts.requests).toBeGreaterThan(COUNT / 2);
    expect(counts.excused).toBeLessThan(counts.refused / 2);
  }, 170_000);

  test.each(MORE_LENIENT)('more lenient: $reason', async ({ why, when, example }) => {
    const theirs = await oracle.judge(latin1(example), 0);
    expect([theirs.requests.length, theirs.why]).toEqual([0, why]);
    expect(judgeStream(latin1(example))).toMatchObject({ end: 'open', requests: [{ body: '' }] });
    expect(example).toMatch(when);
  });

  test('any cut gives the same requests, and the same end', () => {
    for (let i = 0; i < COUNT / 20; i++) {
      const random = new Random(SEED * 7_000_003 + i);
      const bytes = latin1(randomStream(random));
      const whole = JSON.stringify(judgeStream(bytes));
      for (let cut = 1; cut < bytes.length; cut++) {
        expect(JSON.stringify(judgeStream(bytes, [cut]))).toBe(whole);
      }
      const everywhere = Array.from({ length: bytes.length }, (_, at) => at);
      expect(JSON.stringify(judgeStream(bytes, everywhere))).toBe(whole);
    }
  });
});
