import { Assembler } from './assembler.js'
import { general } from './code.js'
import { type Native, nativeCode } from './native.js'
import type { Operand } from './operand.js'

/** What the processor at hand has, as far as the operating system lets it be used. */
export interface Processor {
  /** As the maker names it. */
  readonly brand: string
  /** AVX2, FMA, BMI1 and BMI2, F16C. */
  readonly avx2: boolean
  /** AVX-512 F, BW, DQ and VL. */
  readonly avx512: boolean
  /** vdpbf16ps. */
  readonly bf16: boolean
  /** vpdpbusd on AVX-512. */
  readonly vnni: boolean
}

let known: Processor | undefined

/** Asks the processor itself. */
export function processor(native: Native): Processor {
  return (known ??= read(native))
}

/** The vector widths that this machine and system run: none, 256, or 256 and 512. */
export function x64Widths(): readonly (256 | 512)[] {
  const native = nativeCode()
  if (typeof native === 'string') return []
  const { avx2, avx512 } = processor(native)
  return avx2 ? (avx512 ? [256, 512] : [256]) : []
}

const bit = (word: number, place: number): boolean => ((word >>> place) & 1) === 1

function read(native: Native): Processor {
  const memory = new WebAssembly.Memory({ initial: 1 })
  const words = new Uint32Array(memory.buffer)
  const bind = (instruction: 'cpuid' | 'xgetbv'): ((leaf: number, part: number) => Uint32Array) => {
    const run = native.bind(native.map(question(instruction, native)), memory)
    return (leaf, part) => {
      run(leaf, part, 0, 0)
      return words.slice(0, 4)
    }
  }
  const ask = bind('cpuid')
  const [most] = ask(0, 0)
  const [, , c1] = ask(1, 0)
  const osxsave = bit(c1!, 27)
  const state = osxsave ? bind('xgetbv')(0, 0)[0]! : 0
  const [ymm, zmm] = [(state & 6) === 6, (state & 0xe6) === 0xe6]
  const [, b7, c7] = most! >= 7 ? ask(7, 0) : [0, 0, 0]
  const [a71] = most! >= 7 && ask(7, 0)[0]! >= 1 ? ask(7, 1) : [0]
  const avx2 =
    ymm && bit(c1!, 12) && bit(c1!, 28) && bit(c1!, 29) && bit(b7!, 3) && bit(b7!, 5) && bit(b7!, 8)
  const avx512 = avx2 && zmm && bit(b7!, 16) && bit(b7!, 17) && bit(b7!, 30) && bit(b7!, 31)
  const text: number[] = []
  if (ask(0x80000000, 0)[0]! >= 0x80000004)
    for (const leaf of [0x80000002, 0x80000003, 0x80000004]) text.push(...new Uint8Array(ask(leaf, 0).buffer))
  return {
    brand: String.fromCharCode(...text)
      .split('\0')[0]!
      .trim(),
    avx2,
    avx512,
    bf16: avx512 && bit(a71!, 5),
    vnni: avx512 && bit(c7!, 11),
  }
}

/** A function in the kernels' calling form that asks for `parameters`, `begin` and leaves eax, ebx, ecx, edx at the heap's start. */
function question(instruction: 'cpuid' | 'xgetbv', { convention }: Native): Uint8Array {
  const assembler = new Assembler()
  const emit = (name: string, ...operands: Operand[]): void => assembler.emit({ name, operands })
  const [heap, leaf, part] = convention === 'windows' ? [1, 2, 8] : [7, 6, 2]
  emit('push', general(3, 64))
  emit('mov', general(9, 64), general(heap!, 64))
  emit('mov', general(0), general(leaf!))
  emit('mov', general(1), general(part!))
  if (instruction === 'xgetbv') emit('mov', general(1), general(0))
  emit(instruction)
  ;[0, 3, 1, 2].forEach((register, i) =>
    emit('mov', { kind: 'memory', base: 9, displacement: 4 * i }, general(register)),
  )
  emit('pop', general(3, 64))
  emit('ret')
  return assembler.finish()
}
