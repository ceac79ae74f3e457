/** Finds the line of each memory instruction: the k-th of a function in the binary is the k-th in the order in which the text is evaluated. */
import type { SourceLine } from '../../scripts/assemble-ring.ts';
import type { Site } from './instrument.ts';

interface Node {
  readonly head: string;
  readonly line: number;
  readonly children: Node[];
}

/** Names the file and the line of a site, or throws when text and module do not belong together. */
export function watPlaces(lines: readonly SourceLine[]): (site: Site) => string {
  const functions = parse(lines.map(({ text }) => text).join('\n')).filter(
    (n) => n.head === 'func',
  );
  const places = functions.map((fn) => instructions(fn));
  return ({ fn, ordinal, opcode }) => {
    const found = places[fn]?.[ordinal];
    if (found?.head !== opcode) throw new Error(`${opcode} ${fn}.${ordinal} is not in the text`);
    const { file, line } = lines[found.line] as SourceLine;
    return `${file}:${line}`;
  };
}

function instructions(node: Node): Node[] {
  const inner = node.children.flatMap(instructions);
  return /(\.load|\.store|\.rmw|memory\.atomic)/.test(node.head) ? [...inner, node] : inner;
}

/** The fields of `(module …)`. */
function parse(text: string): readonly Node[] {
  const root: Node = { head: '', line: 0, children: [] };
  const open: Node[] = [root];
  let line = 0;
  for (const [token] of text.matchAll(/;;[^\n]*|\n|"[^"]*"|\([^\s()";]*|\)|[^\s()";]+/g)) {
    if (token === '\n') line++;
    else if (token.startsWith('(')) {
      const node = { head: token.slice(1), line, children: [] };
      (open.at(-1) as Node).children.push(node);
      open.push(node);
    } else if (token === ')') open.pop();
  }
  return (root.children[0] as Node).children;
}
