import { expect, it } from 'vitest';
import { addressSpaceOf, readAddressSpace } from '../../src/sandbox/index.ts';

const GIB = 2 ** 30;

/** A system as its files tell it; `undefined` = there is no such file. */
function system(
  files: Readonly<Record<string, string | undefined>>,
): (file: string) => string | undefined {
  const usual: Record<string, string | undefined> = {
    '/proc/self/limits':
      'Limit  Soft  Hard  Units\nMax address space  unlimited  unlimited  bytes\nMax files 9 9 files\n',
    '/proc/self/status': 'Name:\tnode\nVmSize:\t 1048576 kB\n',
    '/proc/self/maps':
      '00400000-00500000 r-xp 0 0:0 1  node\n7ffc61cb2000-7ffc61cd3000 rw-p 0 0:0 0  [stack]\n',
    '/proc/sys/vm/max_map_count': '65530\n',
    '/proc/sys/vm/overcommit_memory': '0\n',
    '/proc/meminfo': 'CommitLimit:  1000000 kB\nCommitted_AS:  360000 kB\n',
  };
  const all = { ...usual, ...files };
  return (file) => all[file];
}

const capacity = (files: Readonly<Record<string, string | undefined>>, threads = 3) =>
  addressSpaceOf(readAddressSpace(system(files)), threads);

it('the_user_space_bounds_where_nothing_else_does', () => {
  // 128 TiB, less 1 GiB used, 1 GiB and 2 GiB a thread kept.
  expect(capacity({})).toMatchObject({
    memories: Math.floor((128 * 1024 - 1 - 1 - 6) / 8),
    bound: 'user space',
    boundText: '47-bit address space',
  });
});

it('its_size_is_that_of_the_machine', () => {
  const maps = 'ffffd1cb2000-ffffd1cd3000 rw-p 0 0:0 0  [stack]\n';
  expect(readAddressSpace(system({ '/proc/self/maps': maps })).userBytes).toBe(2 ** 48);
  const small = '7fd1cb2000-7fd1cd3000 rw-p 0 0:0 0  [stack]\n';
  expect(readAddressSpace(system({ '/proc/self/maps': small })).userBytes).toBe(2 ** 39);
});

it('a_limit_of_the_process_bounds', () => {
  const limits = `Max address space  ${100 * GIB}  unlimited  bytes\n`;
  expect(capacity({ '/proc/self/limits': limits })).toMatchObject({
    memories: Math.floor((100 - 1 - 1 - 6) / 8),
    bound: 'RLIMIT_AS',
    boundText: 'RLIMIT_AS (ulimit -v) of 100 GiB',
  });
});

it('the_number_of_mappings_bounds', () => {
  // Two mappings are used already.
  expect(capacity({ '/proc/sys/vm/max_map_count': '4000' })).toMatchObject({
    memories: (4000 - 2 - 1024 - 3 * 128) / 2,
    bound: 'vm.max_map_count',
  });
});

it('commitment_bounds_only_where_it_is_strict', () => {
  expect(capacity({ '/proc/sys/vm/overcommit_memory': '1' }).bound).toBe('user space');
  expect(capacity({ '/proc/sys/vm/overcommit_memory': '2' })).toMatchObject({
    memories: 640_000 / 64,
    bound: 'vm.overcommit_memory',
  });
});

it('is_never_less_than_none', () => {
  expect(capacity({ '/proc/sys/vm/max_map_count': '100' }).memories).toBe(0);
  const limits = `Max address space  ${GIB}  unlimited  bytes\n`;
  expect(capacity({ '/proc/self/limits': limits }).memories).toBe(0);
});

it('a_system_without_such_files_has_47_bits', () => {
  const facts = readAddressSpace(() => undefined);
  expect(addressSpaceOf(facts, 0)).toMatchObject({ memories: 16_383, bound: 'user space' });
});

it('a_memory_takes_what_is_said_of_it', () => {
  const before = readAddressSpace();
  if (before.usedBytes === 0) return;
  const memories = Array.from(
    { length: 20 },
    () => new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true }),
  );
  const after = readAddressSpace();
  const used = (after.usedBytes - before.usedBytes) / memories.length;
  expect(Math.round(used / GIB)).toBe(8);
});
