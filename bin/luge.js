#!/usr/bin/env node
// The door: says in one line what is missing where Luge cannot run, instead of a stack trace from deep inside.
// This file must parse on Node 12, which refuses a file with newer syntax before it runs a line of it: no top-level await,
// no `??`, no `?.`, and no static import, which would pull newer files in.

const NODE_MAJOR = 24;
const found = `Node.js ${process.version} (${process.execPath})`;

function refuse(reason) {
  process.stderr.write(`luge: ${reason}\n`);
  process.exitCode = 1;
}

function run() {
  import('node:fs')
    .then((fs) => {
      // An installed package has dist; a checkout runs its sources until it is built.
      const places = ['../dist/cli/main.js', '../src/cli/main.ts'];
      const main = places
        .map((place) => new URL(place, import.meta.url))
        .find((url) => fs.existsSync(url));
      if (main !== undefined) return import(main.href);
      return refuse(
        'neither dist/cli/main.js nor src/cli/main.ts is there; run "npm run build", or install it again',
      );
    })
    .catch((error) => refuse(error instanceof Error ? error.stack : String(error)));
}

if (!(Number.parseInt(process.versions.node, 10) >= NODE_MAJOR)) {
  refuse(
    `needs Node.js ${NODE_MAJOR} or newer, found ${found}; install it from https://nodejs.org and try again`,
  );
} else if (typeof WebAssembly !== 'object' || typeof WebAssembly.Suspending !== 'function') {
  // A version number says nothing about flags and look-alikes: whether guests can be suspended is what counts.
  refuse(
    `needs WebAssembly.Suspending (JSPI), which ${found} lacks; use an official Node.js ${NODE_MAJOR} or newer, without flags that switch it off`,
  );
} else {
  run();
}
