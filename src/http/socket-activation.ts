/**
 * Sockets that were bound by whoever started the process, and handed over open (sd_listen_fds(3)): `LISTEN_FDS` of them, from
 * descriptor 3 on, with names in `LISTEN_FDNAMES`, for the process `LISTEN_PID` alone. A service manager keeps its own copy: connections that come while
 * the server is replaced wait in the backlog and are not refused; and a port below 1024 needs no rights here.
 */

const FIRST_FD = 3;
/** Out of thin air: above what a unit has sockets. */
const FDS_MAX = 1024;

/**
 * The descriptors, of a name or (undefined) all; or why there are none. A name belongs to each socket of a unit: there may be several.
 */
export function activatedFds(
  env: Readonly<Record<string, string | undefined>>,
  pid: number,
  name?: string,
): readonly number[] | string {
  const { LISTEN_FDS: count, LISTEN_PID: owner, LISTEN_FDNAMES: names = '' } = env;
  if (count === undefined || count === '') return 'no sockets were handed over (LISTEN_FDS)';
  const fds = /^\d{1,5}$/.test(count) ? Number(count) : 0;
  if (fds < 1 || fds > FDS_MAX) return `LISTEN_FDS must be 1 to ${FDS_MAX}, found "${count}"`;
  if (owner !== String(pid)) {
    return `the sockets that were handed over are for process ${owner ?? '(LISTEN_PID)'}, this is ${pid}`;
  }
  const all = Array.from({ length: fds }, (_, i) => FIRST_FD + i);
  if (name === undefined) return all;
  const known = names.split(':');
  const found = all.filter((_, i) => known[i] === name);
  return found.length > 0
    ? found
    : `no socket of the name "${name}" was handed over (LISTEN_FDNAMES=${names})`;
}
