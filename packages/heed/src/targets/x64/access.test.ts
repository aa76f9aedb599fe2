import { describe, expect, test } from 'vitest'
import { bitsAt, randomKey } from '../../base/index.js'
import { Assembler } from './assembler.js'
import { anyMemory, anyRegister, type Form, kinds, type Pattern } from './forms.js'
import { accessOf, instructionNamed, instructionNames } from './instructions.js'
import { nativeCode } from './native.js'
import type { Memory, Operand, Register, RegisterFile, Width } from './operand.js'
import { processor } from './processor.js'

const native = nativeCode()
const machine = typeof native === 'string' ? undefined : processor(native)
const hasAll =
  typeof native !== 'string' &&
  native.convention === 'systemv' &&
  [machine?.avx512, machine?.bf16, machine?.vnni, machine?.vbmi].every(Boolean)

/** Not for trying out: they move the stack or go elsewhere, or the processor may lack them. */
const untried = (name: string): boolean =>
  /^(push|pop|jmp|call)$|gather/.test(name) || (name.startsWith('{vex}') && machine?.avxVnni !== true)

// The heap: what the destination holds before, one of two; what the others hold; results.
const [before, others, results] = [0, 128, 1024]
const resultBytes = 64
const heapRegister = 7

const widths: readonly (readonly [number, RegisterFile, Width])[] = [
  [kinds.r8, 'general', 8],
  [kinds.r16, 'general', 16],
  [kinds.r32, 'general', 32],
  [kinds.r64, 'general', 64],
  [kinds.xmm, 'vector', 128],
  [kinds.ymm, 'vector', 256],
  [kinds.zmm, 'vector', 512],
  [kinds.mask, 'mask', 64],
]

function at(displacement: number): Memory {
  return { kind: 'memory', base: heapRegister, displacement }
}
function register(file: RegisterFile, width: Width, number: number): Register {
  return { kind: 'register', file, width, number }
}

/** The destination is register 0 of its file, the others 1 and on; memory is what they hold too. */
function operandOf({ accepts, most }: Pattern, i: number): Operand {
  for (const [kind, file, width] of widths) if (accepts & kind) return register(file, width, i)
  if (accepts & anyMemory) {
    const width = ([8, 16, 32, 64] as const).find((bits) => accepts === kinds[`memory${bits}`])
    return { ...at(others), ...(width !== undefined && { width }) }
  }
  if (accepts & kinds.cl) return register('general', 8, 1)
  // Takes part of each operand where three are combined, and shifts by a little where one is shifted.
  return { kind: 'immediate', value: Math.min(most, 0x16) }
}

interface Trial {
  readonly name: string
  readonly form: Form
  readonly first: Register
}

function trials(): Trial[] {
  return instructionNames()
    .filter((name) => !untried(name))
    .flatMap((name) =>
      instructionNamed(name)!.forms.flatMap((form): Trial[] => {
        const [first] = form.operands
        if (first === undefined || (first.accepts & anyRegister) === 0) return []
        return [{ name, form, first: operandOf(first, 0) as Register }]
      }),
    )
}

/** Each trial twice, with either content of its destination. */
function program(list: readonly Trial[]): Uint8Array {
  const assembler = new Assembler()
  const emit = (name: string, ...operands: Operand[]): void => assembler.emit({ name, operands })
  const load = (file: RegisterFile, number: number, from: number): void => {
    if (file === 'vector') emit('vmovups', register(file, 512, number), at(from))
    else emit(file === 'mask' ? 'kmovq' : 'mov', register(file, 64, number), at(from))
  }
  list.forEach(({ name, form, first }, trial) => {
    for (const content of [0, 1]) {
      for (const file of ['vector', 'mask', 'general'] as const)
        for (const number of [1, 2]) load(file, number, others + 64 * number)
      load('vector', 3, others + 192)
      load(first.file, 0, before + 64 * content)
      // Flags, for what depends on them.
      emit('cmp', register('general', 64, 1), register('general', 64, 2))
      const operands = form.operands.map((pattern, i) => operandOf(pattern, i))
      emit(name, ...operands)
      const to = at(results + resultBytes * (2 * trial + content))
      if (first.file === 'vector') emit('vmovups', to, register('vector', 512, 0))
      else emit(first.file === 'mask' ? 'kmovq' : 'mov', to, register(first.file, 64, 0))
    }
  })
  emit('vzeroupper')
  emit('ret')
  return assembler.finish()
}

/**
 * What the processor does with the first operands of instructions: whether any form reads it, or writes it.
 */
function observe(list: readonly Trial[]): Map<string, { reads: boolean; writes: boolean }> {
  if (typeof native === 'string') return new Map()
  const memory = new WebAssembly.Memory({ initial: Math.ceil((results + 128 * list.length) / 65536) })
  const words = new Uint32Array(memory.buffer)
  const bytes = new Uint8Array(memory.buffer)
  const run = native.bind(native.map(program(list)), memory)
  const found = new Map<string, { reads: boolean; writes: boolean }>()
  for (let round = 0; round < 8; round++) {
    const key = randomKey(round, 'access.test')
    for (let i = 0; i < results / 4; i++) words[i] = bitsAt(key, i)
    for (let i = 0; i < 16; i++) words[16 + i] = ~words[i]!
    // Equal for once, for what only acts on that.
    if (round === 0) words.copyWithin((others + 128) / 4, (others + 64) / 4, (others + 128) / 4)
    run(0, 0, 0, 0)
    list.forEach(({ name, first }, trial) => {
      const size = first.width === 8 || first.width === 16 || first.file === 'mask' ? first.width / 8 : 0
      const length = size || (first.file === 'general' ? 8 : 64)
      const part = (from: number): string => bytes.subarray(from, from + length).join()
      const [a, b] = [0, 1].map((content) => part(results + resultBytes * (2 * trial + content)))
      const known = found.get(name) ?? { reads: false, writes: false }
      known.writes ||= a !== part(before) || b !== part(before + 64)
      known.reads ||= a !== b
      found.set(name, known)
    })
  }
  return found
}

describe.skipIf(!hasAll)('on a processor with all that the table has', () => {
  test('what an instruction does to its first operand is what the table says', () => {
    const wrong = [...observe(trials())].flatMap(([name, { reads, writes }]) => {
      const says = accessOf(name).first
      const agrees = says === 'read' ? !writes : writes && reads === (says === 'readwrite')
      return agrees ? [] : [`${name}: ${says}, but it ${reads ? 'reads' : ''} ${writes ? 'writes' : ''}`]
    })
    expect(wrong).toEqual([])
  })
})
