/** The floor of what Node's sockets allow: net with a constant answer and no parser at all. */
import { type AddressInfo, createServer } from 'node:net';
import { serveBench } from './report.ts';

const ANSWER = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello';
const server = createServer({ noDelay: true }, (socket) => {
  socket.on('data', () => socket.write(ANSWER, 'latin1'));
  socket.on('error', () => {});
});
server.listen(0, '127.0.0.1', () => serveBench((server.address() as AddressInfo).port));
