/**
 * Ends a connection so that its client cannot take what it has for the whole, where the end of the connection is that of a body (HTTP/1.0).
 * TCP has resets for that. TLS says at its end that it is one (close_notify), and a socket that is destroyed has not said it. A Unix socket has none while its client has sent nothing that was not read: that client sees an end, and cannot tell.
 */
import type { Socket } from 'node:net';

export function resetSocket(socket: Socket): void {
  // Node throws for whatever is no TCP.
  const { _handle: handle } = socket as unknown as { _handle: object | null };
  if (handle?.constructor.name === 'TCP') socket.resetAndDestroy();
  else socket.destroy();
}
