import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Assembler, type Listed } from '../assembler.js'
import { type MachineInstruction } from '../operand.js'
import { formatInstruction, type Naming } from '../print.js'
import { constantOffset } from './cases.js'

/** Whether GNU binutils are here that know all instructions and write broadcasts as `BCST`: 2.38 or newer. */
export function hasBinutils(): boolean {
  try {
    for (const program of ['objdump', 'as']) {
      const version = execFileSync(program, ['--version'], { encoding: 'utf8', stdio: 'pipe' })
      const [, major, minor] = /GNU.* (\d+)\.(\d+)/.exec(version) ?? []
      if (!(Number(major) > 2 || (Number(major) === 2 && Number(minor) >= 38))) return false
    }
    return true
  } catch {
    return false
  }
}

function inFolder<T>(use: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'heed-x64-'))
  try {
    return use(folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Without comments, `{evex}` where no VEX form takes such operands, and needless spaces. */
function normalized(text: string): string {
  return text
    .replace(/\s*#.*$|^\{evex\} /g, '')
    .replace(/\s+/g, ' ')
    .replaceAll(', ', ',')
    .trim()
}

/** What objdump makes of bytes: the instruction at each offset. */
function disassemble(bytes: Uint8Array, length: number): Map<number, string> {
  return inFolder((folder) => {
    const file = join(folder, 'code.bin')
    writeFileSync(file, bytes)
    const options = ['-D', '-b', 'binary', '-m', 'i386:x86-64', '-M', 'intel', '-w', '--no-show-raw-insn']
    const text = execFileSync('objdump', [...options, `--stop-address=${length}`, file], {
      encoding: 'utf8',
      maxBuffer: 2 ** 30,
    })
    const lines = new Map<number, string>()
    for (const line of text.split('\n')) {
      const match = /^\s*([0-9a-f]+):\t(.*)$/.exec(line)
      if (match !== null) lines.set(parseInt(match[1]!, 16), normalized(match[2]!))
    }
    return lines
  })
}

export interface Difference {
  readonly expected: string
  readonly found: string
}

/** Assembles instructions and returns where objdump reads the bytes as something else than we print. */
export function differences(instructions: readonly MachineInstruction[]): Difference[] {
  const assembler = new Assembler()
  assembler.constant(new Uint8Array(constantOffset + 64).fill(1), 64)
  const label = assembler.label()
  assembler.place(label)
  for (const instruction of instructions) assembler.emit(instruction)
  const bytes = assembler.finish()
  const listing = assembler.listing.filter((listed) => 'instruction' in listed)
  const last = listing.at(-1)!
  const length = last.offset + last.bytes
  const lines = disassemble(bytes, length)
  const poolAt = Math.ceil(length / 64) * 64
  return listing.flatMap((listed) => {
    const expected = normalized(formatInstruction(listed.instruction, namingAt(listed, poolAt)))
    const found = lines.get(listed.offset) ?? 'the middle of an instruction'
    return found === expected ? [] : [{ expected, found }]
  })
}
function namingAt({ offset, bytes }: Listed & { readonly bytes: number }, poolAt: number): Naming {
  return {
    label: () => '0x0',
    constant: (constant) => `[rip+0x${(poolAt + constant - offset - bytes).toString(16)}]`,
  }
}

/** Has `as` assemble what we print, and returns where objdump reads its bytes as something else. */
export function reassembled(instructions: readonly MachineInstruction[]): Difference[] {
  return inFolder((folder) => {
    const naming: Naming = { label: () => 'L0', constant: (offset) => `[rip+0x${offset.toString(16)}]` }
    const texts = instructions.map((instruction) => formatInstruction(instruction, naming))
    const source = join(folder, 'code.s')
    const object = join(folder, 'code.o')
    const binary = join(folder, 'code.bin')
    writeFileSync(source, `.intel_syntax noprefix\n${texts.join('\n')}\n`)
    execFileSync('as', ['--64', '-o', object, source], { stdio: 'pipe' })
    execFileSync('objcopy', ['-O', 'binary', '-j', '.text', object, binary])
    const bytes = readFileSync(binary)
    const found = [...disassemble(bytes, bytes.length).values()]
    return texts.flatMap((text, i) =>
      normalized(text) === found[i] ? [] : [{ expected: normalized(text), found: found[i] ?? 'nothing' }],
    )
  })
}
