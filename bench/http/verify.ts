/** That a server answers what it should, byte for byte: asked before it is measured and afterwards, as load generators look at status and length only. */
import { type IncomingMessage, request } from 'node:http';

const ASKED = 8;

export interface Exchange {
  readonly path: string;
  readonly body?: Buffer | undefined;
  readonly expected: Buffer;
}

/** Several at a time; rejects at the first answer that differs. */
export async function verify(port: number, exchange: Exchange): Promise<void> {
  await Promise.all(Array.from({ length: ASKED }, () => verifyOne(port, exchange)));
}

async function verifyOne(port: number, { path, body, expected }: Exchange): Promise<void> {
  const url = `http://127.0.0.1:${port}${path}`;
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const method = body === undefined ? 'GET' : 'POST';
    request(url, { method, agent: false }, resolve).on('error', reject).end(body);
  });
  const parts: Buffer[] = [];
  for await (const part of response) parts.push(part as Buffer);
  const { statusCode } = response;
  const got = Buffer.concat(parts);
  if (statusCode === 200 && got.equals(expected)) return;
  throw new Error(
    `${url}: ${statusCode} with ${got.length} bytes is not 200 with the ${expected.length} that it should be`,
  );
}
