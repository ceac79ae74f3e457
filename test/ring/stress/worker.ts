/** The thread of roles: for each one it attaches, says that it is ready, waits for the others, runs. */
import { parentPort } from 'node:worker_threads';
import { type Role, RoleContext, type RoleData } from './role.ts';

/** A file to load, or a role to play. A fault in either ends the thread, and so is reported. */
parentPort?.on('message', async (data: string | RoleData) => {
  if (typeof data !== 'string') return play(data);
  await import(data);
  parentPort?.postMessage({});
});

async function play(data: RoleData): Promise<void> {
  const { roles } = (await import(data.file)) as { roles: Readonly<Record<string, Role>> };
  const role = roles[data.role];
  if (role === undefined) throw new Error(`there is no role ${data.role}`);
  const context = new RoleContext(data);
  parentPort?.postMessage('ready');
  if (!data.isLate) context.barrier.arrive();
  parentPort?.postMessage((await role(context)) ?? {});
}
