/** A server in a process of its own, at descriptor 3, whose listener thread dies: says how many failures it was told of, and of the first one. */
import { ECHO } from '../core/guests.ts';
import { eventually, serve } from './server.ts';

const failures: Error[] = [];
{
  await using bed = await serve(
    { '/echo': { wasm: ECHO } },
    { listen: 'fd:3', onFailure: (error) => failures.push(error) },
  );
  await bed.server.killListener(0);
  await eventually('it is told', () => failures.length > 0);
}
const [first] = failures;
process.send?.({
  count: failures.length,
  code: (first as NodeJS.ErrnoException).code,
  message: first?.message,
});
process.disconnect?.();
