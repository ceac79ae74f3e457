/** An address that could not be bound: the system's code, and what it means there. */
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { LugeError } from '../core/index.ts';
import { addressText, type ListenAddress } from './listen-address.ts';

export class ListenError extends LugeError {
  /** As it is written; undefined where the fault is none of an address. */
  readonly address: string | undefined;

  constructor(code: string, detail: string, address: ListenAddress | undefined) {
    const text = address && addressText(address);
    super(code, 500, text === undefined ? detail : `${text} ${meaning(code, address) ?? detail}`);
    this.name = 'ListenError';
    this.address = text;
  }
}

function meaning(code: string, address: ListenAddress | undefined): string | undefined {
  switch (code) {
    case 'EADDRINUSE':
      return 'is in use';
    case 'EACCES':
      // libuv gives out ENOENT of a Unix socket as this.
      return isInNoFolder(address) ? 'is in no folder that exists' : 'is not allowed';
    case 'EPERM':
      return 'is not allowed';
    case 'EADDRNOTAVAIL':
      return 'is no address of this machine';
    case 'EAFNOSUPPORT':
      return 'is of a kind that this machine does not have';
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'has a host that cannot be resolved';
    case 'ENOTDIR':
      return 'is in no folder that exists';
    case 'EROFS':
      return 'is in a folder that cannot be written';
    default:
      // What Node, or the system, says of a descriptor that cannot be listened at.
      return address?.kind === 'fd' ? 'is no socket of this process to listen at' : undefined;
  }
}

function isInNoFolder(address: ListenAddress | undefined): boolean {
  if (address?.kind !== 'unix' || address.path.startsWith('@')) return false;
  return !existsSync(dirname(address.path));
}
