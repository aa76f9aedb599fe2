import { Encoder, failure, formOf } from './encode.js'
import type { Label, MachineInstruction, Memory } from './operand.js'

/**
 * What was assembled, in order: an instruction, the place of a label, or instructions that do nothing up to a
 * multiple.
 */
export type Listed =
  | { readonly offset: number; readonly bytes: number; readonly instruction: MachineInstruction }
  | { readonly offset: number; readonly label: number }
  | { readonly offset: number; readonly bytes: number; readonly multiple: number }

/** Where constants start, and the most that one may be aligned to. */
const poolAlignment = 64

/** Lengths 1 … 9 of doing nothing, as Intel recommends them. */
const nops: readonly (readonly number[])[] = [
  [0x90],
  [0x66, 0x90],
  [0x0f, 0x1f, 0x00],
  [0x0f, 0x1f, 0x40, 0x00],
  [0x0f, 0x1f, 0x44, 0x00, 0x00],
  [0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00],
  [0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00],
  [0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00],
  [0x66, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00],
]

/** A place in the code: bytes that are sure, and how many gaps come before it. */
interface Place {
  readonly at: number
  readonly gaps: number
}

/** Bytes whose number depends on where things end up: a jump, or nothing up to a multiple. */
interface Gap {
  readonly at: number
  /** The jump's 8-bit opcode; 0 where it is none. */
  readonly opcode: number
  /** The label it goes to, or the multiple. */
  readonly to: number
  size: number
}

/** A field of 32 bits that waits for its constant. */
interface Reference extends Place {
  readonly next: number
  readonly constant: number
}

type Entry = Place & { readonly bytes: number } & (
    | { readonly kind: 'instruction'; readonly instruction: MachineInstruction }
    | { readonly kind: 'gap'; readonly gap: Gap; readonly instruction?: MachineInstruction }
    | { readonly kind: 'label'; readonly label: number }
  )

/** Turns machine instructions into bytes, with their constants behind them. */
export class Assembler {
  readonly #encoder = new Encoder()
  readonly #gaps: Gap[] = []
  readonly #labels: (Place | undefined)[] = []
  readonly #references: Reference[] = []
  readonly #entries: Entry[] = []
  #pool = new Uint8Array(0)
  #poolLength = 0
  readonly #constants = new Map<string, number[]>()

  label(): Label {
    return { kind: 'label', label: this.#labels.push(undefined) - 1 }
  }

  /** Puts a label in front of the next instruction. */
  place({ label }: Label): void {
    if (this.#labels[label] !== undefined)
      throw failure(`label ${label}`, 'one place', 'a second one', 'make another label')
    const place = { at: this.#encoder.length, gaps: this.#gaps.length }
    this.#labels[label] = place
    this.#entries.push({ kind: 'label', ...place, bytes: 0, label })
  }

  /** Puts the next instruction at a multiple of so many bytes, a power of 2 up to 64. */
  align(multiple: number): void {
    if (![1, 2, 4, 8, 16, 32, 64].includes(multiple))
      throw failure('align', 'a power of 2 up to 64', String(multiple), 'choose 16, 32 or 64')
    const gap: Gap = { at: this.#encoder.length, opcode: 0, to: multiple, size: 0 }
    this.#entries.push({ kind: 'gap', at: gap.at, gaps: this.#gaps.length, bytes: 0, gap })
    this.#gaps.push(gap)
  }

  /** The offset of a constant in the pool; equal ones share a place. */
  constant(bytes: Uint8Array, alignment: number): number {
    if (alignment > poolAlignment)
      throw failure(
        'constant',
        `an alignment up to ${poolAlignment}`,
        String(alignment),
        'choose a lesser one',
      )
    const key = bytes.join()
    const places = this.#constants.get(key) ?? []
    const known = places.find((place) => place % alignment === 0)
    if (known !== undefined) return known
    const place = Math.ceil(this.#poolLength / alignment) * alignment
    if (place + bytes.length > this.#pool.length) {
      const larger = new Uint8Array(2 * (place + bytes.length))
      larger.set(this.#pool)
      this.#pool = larger
    }
    this.#pool.set(bytes, place)
    this.#poolLength = place + bytes.length
    this.#constants.set(key, [...places, place])
    return place
  }

  /** The constants, as they follow the code. */
  get pool(): Uint8Array {
    return this.#pool.subarray(0, this.#poolLength)
  }

  /** @throws TargetError for operands that the instruction doesn't take */
  emit(instruction: MachineInstruction): void {
    const form = formOf(instruction)
    const encoder = this.#encoder
    const at = encoder.length
    const gaps = this.#gaps.length
    if (form.relative) {
      const [target] = instruction.operands as readonly [Label]
      if (!(target.label in this.#labels))
        throw failure(
          instruction.name,
          'a label of this assembler',
          `label ${target.label}`,
          'ask `label` for one',
        )
      const gap: Gap = { at, opcode: form.opcode[0]!, to: target.label, size: 2 }
      this.#gaps.push(gap)
      this.#entries.push({ kind: 'gap', at, gaps, bytes: 0, gap, instruction })
      return
    }
    encoder.write(instruction, form)
    if (encoder.constantAt >= 0) {
      const { constant } = instruction.operands[form.rm] as Memory
      this.#references.push({ at: encoder.constantAt, gaps, next: encoder.length, constant: constant! })
    }
    this.#entries.push({ kind: 'instruction', at, gaps, bytes: encoder.length - at, instruction })
  }

  /** Code and constants; the constants start at a multiple of 64. */
  finish(): Uint8Array {
    const sums = this.#settle()
    const { bytes, length } = this.#encoder
    const codeLength = length + sums[this.#gaps.length]!
    const poolAt = Math.ceil(codeLength / poolAlignment) * poolAlignment
    const result = new Uint8Array(poolAt + this.#poolLength)
    result.fill(0xcc, codeLength, poolAt)
    result.set(this.pool, poolAt)
    let copied = 0
    this.#gaps.forEach((gap, i) => {
      result.set(bytes.subarray(copied, gap.at), copied + sums[i]!)
      copied = gap.at
      this.#fill(result, gap, gap.at + sums[i]!, sums)
    })
    result.set(bytes.subarray(copied, length), copied + sums[this.#gaps.length]!)
    const view = new DataView(result.buffer)
    for (const { at, gaps, next, constant } of this.#references) {
      if (constant >= this.#poolLength)
        throw failure(
          'constant',
          `an offset below ${this.#poolLength}`,
          String(constant),
          'ask `constant` for one',
        )
      view.setInt32(at + sums[gaps]!, poolAt + constant - (next + sums[gaps]!), true)
    }
    return result
  }

  /** What stands where, in the bytes that `finish` gives. */
  get listing(): readonly Listed[] {
    const sums = this.#settle()
    return this.#entries.map((entry): Listed => {
      const offset = entry.at + sums[entry.gaps]!
      if (entry.kind === 'label') return { offset, label: entry.label }
      if (entry.kind === 'instruction') return { offset, bytes: entry.bytes, instruction: entry.instruction }
      const { gap, instruction } = entry
      if (instruction !== undefined) return { offset, bytes: gap.size, instruction }
      return { offset, bytes: gap.size, multiple: gap.to }
    })
  }

  /**
   * Sizes of all gaps, and their sums: how far the gaps before each gap, and before the end, have moved what
   * follows. Jumps start with 8 bits and grow where those don't reach, until all do.
   */
  #settle(): Int32Array {
    const gaps = this.#gaps
    const sums = new Int32Array(gaps.length + 1)
    for (let growing = true; growing;) {
      growing = false
      for (let i = 0; i < gaps.length; i++) {
        const gap = gaps[i]!
        if (gap.opcode === 0) gap.size = -(gap.at + sums[i]!) & (gap.to - 1)
        sums[i + 1] = sums[i]! + gap.size
      }
      for (let i = 0; i < gaps.length; i++) {
        const gap = gaps[i]!
        if (gap.size !== 2 || gap.opcode === 0) continue
        const distance = this.#distance(gap, gap.at + sums[i]!, sums)
        if (distance >= -128 && distance < 128) continue
        gap.size = gap.opcode === 0xeb ? 5 : 6
        growing = true
      }
    }
    return sums
  }

  /** From behind a jump at `at` to its label. */
  #distance(jump: Gap, at: number, sums: Int32Array): number {
    const place = this.#labels[jump.to]
    if (place === undefined)
      throw failure(`label ${jump.to}`, 'a place', 'none', 'place it before the code is finished')
    return place.at + sums[place.gaps]! - (at + jump.size)
  }

  #fill(result: Uint8Array, gap: Gap, at: number, sums: Int32Array): void {
    if (gap.opcode === 0) {
      for (let left = gap.size; left > 0; left -= nops.length)
        result.set(nops[Math.min(left, nops.length) - 1]!, at + gap.size - left)
      return
    }
    const distance = this.#distance(gap, at, sums)
    if (gap.size === 2) {
      result[at] = gap.opcode
      result[at + 1] = distance
      return
    }
    if (gap.opcode === 0xeb) result[at] = 0xe9
    else {
      result[at] = 0x0f
      result[at + 1] = gap.opcode + 0x10
    }
    new DataView(result.buffer).setInt32(at + gap.size - 4, distance, true)
  }
}
