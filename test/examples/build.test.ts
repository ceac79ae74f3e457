import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { driveCsv } from '../../examples/data/drive.ts';
import {
  PHOTO_HEIGHT,
  PHOTO_WIDTH,
  SMALL_HEIGHT,
  SMALL_WIDTH,
} from '../../examples/data/generate.ts';
import { scene } from '../../examples/data/scene.ts';
import { ASSEMBLYSCRIPT, buildExamples, CHECKED_IN } from '../../scripts/build-examples.ts';
import { EXAMPLES, exampleModule } from './host.ts';
import { decode } from './png.ts';

const directory = await mkdtemp(join(tmpdir(), 'luge-examples-'));
afterAll(() => rm(directory, { recursive: true }));

const IMPORTS = [
  ...['method', 'path', 'query', 'header', 'body_size', 'body_read'],
  ...['status', 'set_header', 'write', 'log', 'clock_ns', 'kv_increment'],
];

test('checked_in_modules_are_what_the_sources_build', async () => {
  const names = await buildExamples(directory);
  expect((await readdir(CHECKED_IN)).sort()).toEqual(names.map((name) => `${name}.wasm`));
  for (const name of names) {
    const [built, checkedIn] = await Promise.all(
      [directory, CHECKED_IN].map((place) => readFile(join(place, `${name}.wasm`))),
    );
    expect(built!.equals(checkedIn!), `${name}.wasm is stale: node scripts/build-examples.ts`).toBe(
      true,
    );
  }
});

test('modules_import_luge_only_and_export_handle', async () => {
  for (const file of await readdir(CHECKED_IN)) {
    const module = exampleModule(file.replace('.wasm', ''));
    for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
      expect(`${from} ${kind}`, file).toBe('luge function');
      expect(IMPORTS, file).toContain(name);
    }
    expect(WebAssembly.Module.exports(module), file).toContainEqual({
      name: 'handle',
      kind: 'function',
    });
  }
});

test('memories_start_as_small_as_declared', () => {
  const stubs = Object.fromEntries(IMPORTS.map((name) => [name, () => 0]));
  for (const [name, { initial }] of Object.entries(ASSEMBLYSCRIPT)) {
    const { exports } = new WebAssembly.Instance(exampleModule(name), { luge: stubs });
    const memory = exports.memory as WebAssembly.Memory;
    expect(memory.buffer.byteLength / 65_536, name).toBe(initial);
  }
});

test('samples_are_what_the_scripts_generate', async () => {
  const data = join(EXAMPLES, 'data');
  expect(await readFile(join(data, 'gps.csv'), 'utf8')).toBe(driveCsv());
  // The pixels and not the file: zlib may compress otherwise tomorrow.
  const photo = decode(await readFile(join(data, 'photo.png')));
  expect([photo.width, photo.height, photo.channels]).toEqual([PHOTO_WIDTH, PHOTO_HEIGHT, 3]);
  expect(Buffer.from(photo.pixels).equals(scene(PHOTO_WIDTH, PHOTO_HEIGHT))).toBe(true);
  const ppm = await readFile(join(data, 'photo.ppm'));
  const head = `P6\n${SMALL_WIDTH} ${SMALL_HEIGHT}\n255\n`;
  expect(ppm.toString('latin1', 0, head.length)).toBe(head);
  expect(ppm.subarray(head.length).equals(scene(SMALL_WIDTH, SMALL_HEIGHT))).toBe(true);
});

test('configuration_names_each_module_once_and_files_that_exist', async () => {
  const path = join(EXAMPLES, 'luge.json');
  const { routes } = JSON.parse(await readFile(path, 'utf8')) as {
    routes: { route: string; module: string; try?: string }[];
  };
  const modules = routes.map(({ module }) => resolve(dirname(path), module)).sort();
  const built = (await readdir(CHECKED_IN)).map((file) => join(CHECKED_IN, file)).sort();
  expect(modules).toEqual(built);
  for (const route of routes) {
    const file = route.try?.match(/@(\S+)/)?.[1];
    if (file) await readFile(resolve(EXAMPLES, '..', file));
  }
});
