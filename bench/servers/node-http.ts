/** The baseline: node:http that says hello, no sandbox, no other thread. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { serveBench } from './report.ts';

const server = createServer((_request, response) => {
  response.end('hello');
});
server.listen(0, '127.0.0.1', () => serveBench((server.address() as AddressInfo).port));
