/**
 * Makes each poll of a rewritten module one that is taken, exactly once.
 *
 * A flag that the host raises cannot do that. An exit poll goes back to its own load after the interruption, so that the
 * host must have lowered the flag by then; and once the guest has passed it there is no host call before the next poll that
 * could raise it again. So the load itself is replaced, in the output's bytes, and nothing else:
 *
 *   i32.const 0; i32.load $control   followed by `br_if` (exit poll)   global.get $t; i32.eqz; global.set $t; global.get $t
 *                                                `if` (call poll)      i32.const 1
 *
 * $t is a global behind all others. It says 1 to the poll and, after the interruption, 0 to the load that is made again;
 * nothing runs between the two but the interruption. A guest that dies there leaves $t at 1, and `calm` lowers it.
 * The blocks, the branches, the renumbered labels and the call are those of the rewriter.
 */
import { I32 } from '../../../../src/sandbox/rewriter/index-space.ts';
import { Reader } from '../../../../src/sandbox/rewriter/reader.ts';
import { Writer } from '../../../../src/sandbox/rewriter/writer.ts';
import { bodyInstructions, type Instruction } from './decoder.ts';
import type { ModuleFile } from './module-file.ts';

const TOGGLE = '$forced.toggle';
const TO_MEMORY = 0x28;

export interface ForcedModule {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** How many there are. */
  readonly polls: number;
}

export function calm(exports: Record<string, unknown>): void {
  (exports[TOGGLE] as WebAssembly.Global).value = 0;
}

export function forcePolls(file: ModuleFile): ForcedModule {
  const control = file.imports.find(
    ({ module, name }) => module === '$luge' && name === 'control',
  )!.index;
  let polls = 0;
  const toggle = file.globals.length;
  const out = new Writer(file.bytes.length * 2);
  out.copy(file.bytes, 0, 8);
  let hasGlobals = false;
  const globals = (): void => {
    if (hasGlobals) return;
    hasGlobals = true;
    appendSection(out, file, 6, (to) => to.raw(I32, 1, 0x41, 0, 0x0b));
  };
  for (const { id, start, end } of file.sections) {
    if (id === 0) continue; // offsets of branch hints would be wrong
    if (id === 6) {
      globals();
      continue;
    }
    if (id === 7) {
      globals();
      appendSection(out, file, 7, (to) => {
        to.name(TOGGLE);
        to.u8(3);
        to.u32(toggle);
      });
      continue;
    }
    if (id === 10) {
      polls = writeCode(out, file, control, toggle);
      continue;
    }
    out.u8(id);
    out.u32(end - start);
    out.copy(file.bytes, start, end);
  }
  return { bytes: out.toBytes(), polls };
}

function appendSection(
  out: Writer,
  file: ModuleFile,
  id: number,
  write: (to: Writer) => void,
): void {
  const content = new Writer();
  const old = file.sections.find((section) => section.id === id);
  const reader = new Reader(file.bytes, old?.start ?? 0, old?.end ?? 0);
  content.u32((old === undefined ? 0 : reader.u32()) + 1);
  content.copy(file.bytes, reader.pos, reader.end);
  write(content);
  out.u8(id);
  out.sized(content);
}

function writeCode(out: Writer, file: ModuleFile, control: number, toggle: number): number {
  let polls = 0;
  const content = new Writer(file.bytes.length * 2);
  content.u32([...file.bodies()].length);
  for (const body of file.bodies()) {
    const patched = new Writer(body.end - body.pos + 64);
    let copied = body.pos;
    let address: Instruction | undefined;
    let load: Instruction | undefined;
    for (const instruction of bodyInstructions(body)) {
      if (load !== undefined && address !== undefined) {
        polls += 1;
        const isExit = instruction.name === 'br_if';
        patched.copy(file.bytes, copied, address.start);
        copied = load.end;
        if (isExit) {
          for (const opcode of [0x23, 0x45, 0x24, 0x23]) {
            patched.u8(opcode);
            if (opcode !== 0x45) patched.u32(toggle);
          }
        } else {
          patched.raw(0x41, 1);
        }
        load = undefined;
        address = undefined;
      } else if (instruction.memory === control && file.bytes[instruction.start] === TO_MEMORY) {
        load = instruction;
        continue;
      }
      address = instruction;
    }
    patched.copy(file.bytes, copied, body.end);
    content.sized(patched);
  }
  out.u8(10);
  out.sized(content);
  return polls;
}
