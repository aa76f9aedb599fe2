import { readFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { describe, expect, test } from 'vitest'
import { Assembler } from './assembler.js'
import { general } from './code.js'
import { nativeCode } from './native.js'
import type { Operand } from './operand.js'
import { processor, questionCode, type Questions, readProcessor, x64Refusal, x64Widths } from './processor.js'

const native = nativeCode()

describe.runIf(typeof native !== 'string')('the processor at hand', () => {
  const found = typeof native === 'string' ? undefined! : processor(native)

  test('has a name and caches', () => {
    expect(found.vendor).toMatch(/^\w{12}$/)
    expect(found.brand).toBe(found.brand.trim())
    if (process.platform === 'linux') expect(cpus()[0]!.model.trim()).toBe(found.brand.replace(/\s+/g, ' '))
    expect(found.caches.level1).toBeGreaterThanOrEqual(8192)
    expect(found.lacks.length === 0).toBe(found.avx2)
    expect(x64Refusal() === undefined).toBe(x64Widths().length > 0)
  })

  test.runIf(process.platform === 'linux')('has what Linux says that it has', () => {
    const flags = new Set(
      /^flags\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))![1]!.trim().split(' '),
    )
    const all = (...names: string[]): boolean => names.every((name) => flags.has(name))
    expect(found.avx2).toBe(all('avx', 'avx2', 'fma', 'bmi1', 'bmi2', 'f16c'))
    expect(found.avx512).toBe(found.avx2 && all('avx512f', 'avx512bw', 'avx512dq', 'avx512vl'))
    expect(found.bf16).toBe(all('avx512_bf16'))
    expect(found.vnni).toBe(all('avx512_vnni'))
    expect(found.vbmi).toBe(all('avx512vbmi'))
    expect(found.avxVnni).toBe(all('avx_vnni'))
  })
})

describe.each(['systemv', 'windows'] as const)('a question in the calling form of %s', (convention) => {
  test.each(['cpuid', 'xgetbv'] as const)('has the bytes that it assembles to: %s', (instruction) => {
    const assembler = new Assembler()
    const emit = (name: string, ...operands: Operand[]): void => assembler.emit({ name, operands })
    const [heap, leaf, part] = convention === 'windows' ? [1, 2, 8] : [7, 6, 2]
    emit('push', general(3, 64))
    emit('mov', general(9, 64), general(heap, 64))
    emit('mov', general(0), general(leaf))
    emit('mov', general(1), general(part))
    if (instruction === 'xgetbv') emit('mov', general(1), general(0))
    emit(instruction)
    for (const [i, register] of [0, 3, 1, 2].entries())
      emit('mov', { kind: 'memory', base: 9, displacement: 4 * i }, general(register))
    emit('pop', general(3, 64))
    emit('ret')
    const code = Buffer.from(assembler.finish()).toString('hex')
    expect(code.replace(/(cc)+$/, '')).toBe(questionCode[instruction][convention])
  })
})

/** Lines of a leaf, or a leaf and its part, then eax, ebx, ecx, edx, in hexadecimal. */
function answering(saved: number, ...lines: readonly string[]): Questions {
  const answers = new Map(
    lines.map((line) => {
      const [key, ...words] = line.split(' ')
      return [key, words.map((word) => Number.parseInt(word, 16))]
    }),
  )
  return {
    cpuid: (leaf, part) =>
      answers.get(`${leaf.toString(16)}.${part}`) ?? answers.get(leaf.toString(16)) ?? [0, 0, 0, 0],
    xgetbv: () => [saved, 0, 0, 0],
  }
}

/** What a Xeon of the Cascade Lake generation answers, as far as it is asked here. */
const xeon = [
  '0 00000016 756e6547 6c65746e 49656e69',
  '1 00050657 00000800 7ffefbff bfebfbff',
  '4.0 7c004121 01c0003f 0000003f 00000000',
  '4.1 7c004122 01c0003f 0000003f 00000000',
  '4.2 7c004143 03c0003f 000003ff 00000000',
  '4.3 7c0fc163 0280003f 00009fff 00000004',
  '7.0 00000000 d39ffffb 00000818 bc000400',
  '80000000 80000008 00000000 00000000 00000000',
  '80000001 00000000 00000000 00000121 2c100800',
  '80000002 65746e49 2952286c 6f655820 2952286e',
  '80000003 6c6f4720 32362064 43203834 40205550',
  '80000004 352e3220 7a484730 00000000 00000000',
]

describe('other processors', () => {
  test('a Xeon with AVX-512 and VNNI', () => {
    expect(readProcessor(answering(0xe7, ...xeon))).toEqual({
      vendor: 'GenuineIntel',
      brand: 'Intel(R) Xeon(R) Gold 6248 CPU @ 2.50GHz',
      avx2: true,
      avx512: true,
      bf16: false,
      vnni: true,
      vbmi: false,
      avxVnni: false,
      features: ['AVX', 'AVX2', 'FMA', 'BMI1', 'BMI2', 'F16C', 'AVX-512', 'AVX-512 VNNI'],
      lacks: [],
      caches: { level1: 32 * 1024, level2: 2 ** 20, level3: 28_835_840 },
    })
  })

  test('what the system does not save is not there', () => {
    const half = readProcessor(answering(0x07, ...xeon))
    expect([half.avx2, half.avx512, half.vnni]).toEqual([true, false, false])
    const none = readProcessor(answering(0x03, ...xeon))
    expect([none.avx2, none.avx512]).toEqual([false, false])
    expect(none.lacks).toEqual(['AVX', 'AVX2', 'FMA', 'F16C'])
  })

  test('a processor of 2005 is read without a guess', () => {
    const old = readProcessor(
      answering(0, '0 00000005 756e6547 6c65746e 49656e69', '1 00000f43 0 0000649d bfebfbff'),
    )
    expect(old).toMatchObject({
      brand: '',
      avx2: false,
      caches: { level1: null, level2: null, level3: null },
    })
    expect(old.lacks).toEqual(['AVX', 'AVX2', 'FMA', 'BMI1', 'BMI2', 'F16C'])
  })
})
