/** Fields in a block of `Name: value CRLF` lines, as text; a character is a byte. Names are given in lower case. For what is not on the way of every request. */

export function linesOf(bytes: Uint8Array, from: number, to: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString('latin1');
}

/** The values of all lines of that name, in their order. */
export function fieldValues(lines: string, name: string): string[] {
  const values: string[] = [];
  eachLine(lines, (line) => {
    if (isNamed(line, name)) values.push(line.slice(name.length + 1).trim());
  });
  return values;
}

/** The value of the only line of that name; undefined where there is none, or more than one. */
export function soleValue(lines: string, name: string): string | undefined {
  const values = fieldValues(lines, name);
  return values.length === 1 ? values[0] : undefined;
}

export function withoutFields(lines: string, ...names: readonly string[]): string {
  let kept = '';
  eachLine(lines, (line) => {
    if (!names.some((name) => isNamed(line, name))) kept += line;
  });
  return kept;
}

/** As if the request had been sent to `host`: what its `Host` says does not count (RFC 9112 section 3.2.2). */
export function withHost(lines: string, host: string): string {
  return `Host: ${host}\r\n${withoutFields(lines, 'host')}`;
}

export function hasField(lines: string, name: string): boolean {
  return fieldValues(lines, name).length > 0;
}

/** With its end. */
function eachLine(lines: string, visit: (line: string) => void): void {
  for (let at = 0; at < lines.length; ) {
    const end = lines.indexOf('\n', at) + 1;
    visit(lines.slice(at, end));
    at = end;
  }
}

function isNamed(line: string, name: string): boolean {
  return line[name.length] === ':' && line.slice(0, name.length).toLowerCase() === name;
}
