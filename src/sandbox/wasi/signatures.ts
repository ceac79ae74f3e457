/**
 * The types of preview 1's functions: i = i32, I = i64. All but proc_exit answer an errno, an i32. A module that imports one with another
 * type is refused: its i64 would arrive here as a BigInt where a number is meant, and end the guest with an error of ours.
 */
const PARAMETERS: Readonly<Record<string, string>> = {
  args_get: 'ii',
  args_sizes_get: 'ii',
  clock_res_get: 'ii',
  clock_time_get: 'iIi',
  environ_get: 'ii',
  environ_sizes_get: 'ii',
  fd_advise: 'iIIi',
  fd_allocate: 'iII',
  fd_close: 'i',
  fd_datasync: 'i',
  fd_fdstat_get: 'ii',
  fd_fdstat_set_flags: 'ii',
  fd_fdstat_set_rights: 'iII',
  fd_filestat_get: 'ii',
  fd_filestat_set_size: 'iI',
  fd_filestat_set_times: 'iIIi',
  fd_pread: 'iiiIi',
  fd_prestat_dir_name: 'iii',
  fd_prestat_get: 'ii',
  fd_pwrite: 'iiiIi',
  fd_read: 'iiii',
  fd_readdir: 'iiiIi',
  fd_renumber: 'ii',
  fd_seek: 'iIii',
  fd_sync: 'i',
  fd_tell: 'ii',
  fd_write: 'iiii',
  path_create_directory: 'iii',
  path_filestat_get: 'iiiii',
  path_filestat_set_times: 'iiiiIIi',
  path_link: 'iiiiiii',
  path_open: 'iiiiiIIii',
  path_readlink: 'iiiiii',
  path_remove_directory: 'iii',
  path_rename: 'iiiiii',
  path_symlink: 'iiiii',
  path_unlink_file: 'iii',
  poll_oneoff: 'iiii',
  proc_exit: 'i',
  proc_raise: 'i',
  random_get: 'ii',
  sched_yield: '',
  sock_accept: 'iii',
  sock_recv: 'iiiiii',
  sock_send: 'iiiii',
  sock_shutdown: 'ii',
};

export const WASI_NAMES: readonly string[] = Object.keys(PARAMETERS);

/** `(i32, i64) -> (i32)`, as the rewriter writes types; undefined for a name that preview 1 does not have. */
export function wasiSignature(name: string): string | undefined {
  const parameters = PARAMETERS[name];
  if (parameters === undefined) return undefined;
  const types = Array.from(parameters, (letter) => (letter === 'i' ? 'i32' : 'i64'));
  return `(${types.join(', ')}) -> (${name === 'proc_exit' ? '' : 'i32'})`;
}
