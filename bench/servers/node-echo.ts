/** The baseline for bodies: node:http that collects the body and sends it back with its length, as Luge does. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { serveBench } from './report.ts';

const server = createServer((request, response) => {
  const parts: Buffer[] = [];
  request.on('data', (part: Buffer) => parts.push(part));
  request.on('end', () => response.end(Buffer.concat(parts)));
});
server.listen(0, '127.0.0.1', () => serveBench((server.address() as AddressInfo).port));
