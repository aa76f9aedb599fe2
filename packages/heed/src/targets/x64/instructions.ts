import type { Access } from './forms.js'
import { floatInstructions } from './instructions-float.js'
import { generalInstructions } from './instructions-general.js'
import { integerInstructions } from './instructions-integer.js'
import { maskInstructions } from './instructions-mask.js'
import { moveInstructions, permutationInstructions } from './instructions-vector.js'
import { type Entry, readInstruction } from './table.js'

export { conditions } from './instructions-general.js'

let texts: ReadonlyMap<string, string> | undefined
const entries = new Map<string, Entry>()

/** The whole table, made when first asked for. */
function table(): ReadonlyMap<string, string> {
  return (texts ??= new Map(
    [
      generalInstructions(),
      moveInstructions(),
      floatInstructions(),
      integerInstructions(),
      permutationInstructions(),
      maskInstructions(),
    ].flatMap(Object.entries<string>),
  ))
}

/** Every mnemonic. */
export function instructionNames(): readonly string[] {
  return [...table().keys()]
}

/** The instruction of a name. It is read from the table when first asked for. */
export function instructionNamed(name: string): Entry | undefined {
  let entry = entries.get(name)
  if (entry === undefined) {
    const text = table().get(name)
    if (text === undefined) return undefined
    entries.set(name, (entry = readInstruction(text)))
  }
  return entry
}

/** What an instruction does to registers beyond reading operands and addresses. */
export interface Accesses {
  /** Its first operand. A mask that merges makes a written one a read one too: the caller sees to that. */
  readonly first: Access
  /** Its third: VEX gathers clear the vector that is their mask. */
  readonly third?: Access
  /** EVEX gathers and scatters clear their mask register. */
  readonly mask?: Access
  /** General registers written though no operand names them. */
  readonly implicit?: readonly number[]
}

const special: Readonly<Record<string, Omit<Accesses, 'first'>>> = {
  vgatherdps: { third: 'readwrite', mask: 'readwrite' },
  vpgatherdd: { third: 'readwrite', mask: 'readwrite' },
  vscatterdps: { mask: 'readwrite' },
  vpscatterdd: { mask: 'readwrite' },
  cpuid: { implicit: [0, 1, 2, 3] },
  rdtsc: { implicit: [0, 2] },
  xgetbv: { implicit: [0, 2] },
}

/**
 * What an instruction does to its operands: all but what is named here are only read, and so are registers in
 * addresses.
 */
export function accessOf(name: string): Accesses {
  const known = accesses.get(name)
  if (known !== undefined) return known
  const found = { first: instructionNamed(name)?.first ?? 'none', ...special[name] }
  accesses.set(name, found)
  return found
}
const accesses = new Map<string, Accesses>()
