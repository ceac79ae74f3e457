/** The table of cells at the head of a .wat file, read by the columns of its own heading. */
import { readRing } from '../../scripts/assemble-ring.ts';

export interface TableCell {
  readonly offset: number;
  readonly name: string;
  /** Who writes it, without how: 'producers', 'all', 'create'. */
  readonly writer: string;
}

export function headerTable(file: string): TableCell[] {
  const lines = readRing(file).split('\n');
  const heading = lines.findIndex((line) => /^;; +byte +name +written by +read by/.test(line));
  if (heading < 0) throw new Error(`${file} has no table of cells`);
  const columns = lines[heading] as string;
  const [name, writer, reader] = ['name', 'written by', 'read by'].map((column) =>
    columns.indexOf(column),
  ) as [number, number, number];
  const cells: TableCell[] = [];
  for (const line of lines.slice(heading + 1)) {
    if (!line.startsWith(';; ') || /^;; \S/.test(line)) break;
    const offset = line.slice(2, name).trim();
    if (offset === '') continue; // goes on with the row above
    cells.push({
      offset: Number(offset),
      name: line.slice(name, writer).trim(),
      writer: (/^[a-z ]*/.exec(line.slice(writer, reader)) as RegExpExecArray)[0].trim(),
    });
  }
  return cells;
}
