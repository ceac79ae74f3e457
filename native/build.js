// `node native/build.js`: builds native/build/luge.node if this machine can. Run by npm after an installation; plain JavaScript, since
// Node strips no types below node_modules. It never fails: without the addon everything works, with less precision.
//
// Neither node-gyp nor a download: the headers come with the engine (of the checkout: the npm package `node`), and a few files
// need no build system.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, realpathSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const FOLDER = dirname(fileURLToPath(import.meta.url));
const OUTPUT = join(FOLDER, 'build', 'luge.node');
const COMPILERS = process.env.CXX ? [process.env.CXX] : ['c++', 'g++', 'clang++'];

function say(text) {
  process.stdout.write(`luge: native addon ${text}\n`);
}

function findHeaders() {
  const root = dirname(dirname(realpathSync(process.execPath)));
  const candidates = [
    process.env.npm_config_nodedir && join(process.env.npm_config_nodedir, 'include', 'node'),
    join(root, 'include', 'node'),
    // The npm package `node` has its engine, and the engine's headers, in a package for each platform.
    join(root, 'node_modules', `node-${process.platform}-${process.arch}`, 'include', 'node'),
    join(dirname(root), `node-${process.platform}-${process.arch}`, 'include', 'node'),
  ];
  return candidates.find((path) => path && existsSync(join(path, 'node_api.h')));
}

function findCompiler() {
  return COMPILERS.find((name) => spawnSync(name, ['--version'], { stdio: 'ignore' }).status === 0);
}

function build() {
  if (process.platform !== 'linux')
    return say(`not built: it has nothing for ${process.platform} yet`);
  const headers = findHeaders();
  if (headers === undefined) return say(`not built: Node ${process.version} came without headers`);
  const compiler = findCompiler();
  if (compiler === undefined) return say(`not built: no C++ compiler (${COMPILERS.join(', ')})`);
  const sources = readdirSync(FOLDER).filter((file) => file.endsWith('.cc'));
  mkdirSync(dirname(OUTPUT), { recursive: true });
  // Renamed when whole: a process that has the old one loaded keeps it.
  const unfinished = `${OUTPUT}.${process.pid}`;
  const { status, stderr } = spawnSync(
    compiler,
    [
      ...['-std=c++17', '-O2', '-fPIC', '-shared', '-pthread', '-fvisibility=hidden'],
      // Times are computed to the bit as JavaScript does it: no fused multiplication.
      ...['-ffp-contract=off', '-Wall', '-Wextra'],
      ...[`-I${headers}`, '-o', unfinished, ...sources.map((file) => join(FOLDER, file))],
    ],
    { encoding: 'utf8' },
  );
  if (status !== 0) {
    rmSync(unfinished, { force: true });
    return say(`not built: ${compiler} failed\n${stderr}`);
  }
  renameSync(unfinished, OUTPUT);
  say(`built (${compiler}, headers of Node ${process.version})`);
}

try {
  build();
} catch (error) {
  say(`not built: ${error.message}`);
}
