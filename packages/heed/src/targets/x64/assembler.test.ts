import { describe, expect, test } from 'vitest'
import { integerAt, randomKey, TargetError } from '../../base/index.js'
import { Assembler, type Listed } from './assembler.js'
import type { Label, MachineInstruction, Memory, Operand, Register } from './operand.js'
import { printListing } from './print.js'

const seed = Number(process.env['HEED_SEED'] ?? 1)

const eax: Register = { kind: 'register', file: 'general', width: 32, number: 0 }
const rax: Register = { ...eax, width: 64 }
const zmm = (number: number): Register => ({ kind: 'register', file: 'vector', width: 512, number })
const immediate = (value: number): Operand => ({ kind: 'immediate', value })
const memory = (rest: Omit<Memory, 'kind'>): Memory => ({ kind: 'memory', ...rest })

function assembled(write: (assembler: Assembler) => void): { bytes: Uint8Array; assembler: Assembler } {
  const assembler = new Assembler()
  write(assembler)
  return { bytes: assembler.finish(), assembler }
}
function instructionsOf(assembler: Assembler): Extract<Listed, { readonly instruction: unknown }>[] {
  return assembler.listing.filter((listed) => 'instruction' in listed)
}

describe('jumps', () => {
  test.each([
    ['forward', 127, 2],
    ['forward', 128, 6],
    ['backward', 126, 2],
    ['backward', 127, 6],
  ] as const)('%s over %i bytes takes %i', (direction, gap, size) => {
    const { bytes, assembler } = assembled((assembler) => {
      const label = assembler.label()
      const nops = (): void => {
        for (let i = 0; i < gap; i++) assembler.emit({ name: 'nop', operands: [] })
      }
      if (direction === 'backward') {
        assembler.place(label)
        nops()
        assembler.emit({ name: 'jne', operands: [label] })
      } else {
        assembler.emit({ name: 'jne', operands: [label] })
        nops()
        assembler.place(label)
      }
    })
    const jump = instructionsOf(assembler).find(({ instruction }) => instruction.name === 'jne')!
    expect(jump.bytes).toBe(size)
    expect(bytes[jump.offset]).toBe(size === 2 ? 0x75 : 0x0f)
  })

  test('lead to their labels, among alignments and other jumps that grow', () => {
    for (let round = 0; round < 50; round++) {
      const key = randomKey(seed, 'assembler.test', round)
      let next = 0
      const random = (limit: number): number => integerAt(key, next++, limit)
      const { bytes, assembler } = assembled((assembler) => {
        const labels = Array.from({ length: 20 }, () => assembler.label())
        const unplaced = [...labels]
        while (unplaced.length > 0) {
          const kind = random(8)
          if (kind === 0) assembler.place(unplaced.pop()!)
          else if (kind === 1) assembler.align([8, 16, 32, 64][random(4)]!)
          else if (kind < 5)
            assembler.emit({ name: kind === 2 ? 'jmp' : 'jae', operands: [labels[random(20)]!] })
          else for (let i = random(20); i >= 0; i--) assembler.emit({ name: 'cpuid', operands: [] })
        }
        assembler.emit({ name: 'ret', operands: [] })
      })
      check(bytes, assembler)
    }
  })

  function check(bytes: Uint8Array, assembler: Assembler): void {
    const { listing } = assembler
    const places = new Map(
      listing.flatMap((listed) => ('label' in listed ? [[listed.label, listed.offset]] : [])),
    )
    const view = new DataView(bytes.buffer)
    let end = 0
    for (const listed of listing) {
      expect(listed.offset).toBe(end)
      if ('label' in listed) continue
      end += listed.bytes
      if ('multiple' in listed) {
        expect(end % listed.multiple).toBe(0)
        continue
      }
      const [target] = listed.instruction.operands as readonly Label[]
      if (target === undefined) continue
      const isShort = listed.bytes === 2
      const distance = isShort ? view.getInt8(end - 1) : view.getInt32(end - 4, true)
      expect(end + distance).toBe(places.get(target.label))
    }
  }

  test('need a label that is placed, once, and of the same assembler', () => {
    const missing = new Assembler()
    missing.emit({ name: 'jmp', operands: [missing.label()] })
    expect(() => missing.finish()).toThrow(TargetError)
    expect(() => new Assembler().emit({ name: 'jmp', operands: [{ kind: 'label', label: 0 }] })).toThrow(
      'label of this assembler',
    )
    const twice = new Assembler()
    const label = twice.label()
    twice.place(label)
    expect(() => twice.place(label)).toThrow('expected one place')
  })
})

describe('constants', () => {
  const words = (...values: number[]): Uint8Array => new Uint8Array(Float32Array.from(values).buffer)

  test('follow the code at multiples of 64, equal ones once, each aligned as asked', () => {
    const { bytes, assembler } = assembled((assembler) => {
      expect(assembler.constant(words(1), 4)).toBe(0)
      expect(assembler.constant(words(2, 3, 4, 5), 16)).toBe(16)
      expect(assembler.constant(words(1), 4)).toBe(0)
      expect(assembler.constant(words(2), 4)).toBe(32)
      expect(assembler.constant(words(2), 8)).toBe(32)
      expect(assembler.constant(words(2), 64)).toBe(64)
      assembler.emit({ name: 'vmovss', operands: [{ ...zmm(1), width: 128 }, memory({ constant: 32 })] })
      assembler.emit({ name: 'ret', operands: [] })
    })
    const [load] = instructionsOf(assembler)
    const distance = new DataView(bytes.buffer).getInt32(load!.bytes - 4, true)
    expect(load!.bytes + distance).toBe(64 + 32)
    expect([...bytes.subarray(64)]).toEqual([...assembler.pool])
    expect(bytes.subarray(9, 64).every((byte) => byte === 0xcc)).toBe(true)
  })

  test('have to be in the pool, and aligned to no more than it is', () => {
    const assembler = new Assembler()
    expect(() => assembler.constant(new Uint8Array(128), 128)).toThrow('alignment up to 64')
    assembler.emit({ name: 'lea', operands: [rax, memory({ constant: 4 })] })
    expect(() => assembler.finish()).toThrow('an offset below 0, found 4')
  })
})

describe('refuses', () => {
  const base = 0
  test.each<[string, MachineInstruction, string]>([
    ['unknown names', { name: 'frobnicate', operands: [] }, 'none of that name'],
    [
      'widths that differ',
      { name: 'vaddps', operands: [zmm(0), zmm(1), { ...zmm(2), width: 256 }] },
      'found zmm0, zmm1, ymm2',
    ],
    ['too few operands', { name: 'vaddps', operands: [zmm(0), zmm(1)] }, 'found zmm0, zmm1;'],
    [
      'a broadcast without EVEX',
      {
        name: 'vpand',
        operands: [{ ...zmm(0), width: 256 }, { ...zmm(1), width: 256 }, memory({ base, broadcast: true })],
      },
      'memory to all lanes',
    ],
    [
      'registers that VEX cannot name',
      { name: 'vpand', operands: [zmm(0), zmm(1), zmm(16)].map((r) => ({ ...r, width: 256 as const })) },
      'found ymm0, ymm1, ymm16',
    ],
    [
      'a mask where none is taken',
      {
        name: 'vpand',
        operands: [zmm(0), zmm(1), zmm(2)].map((r) => ({ ...r, width: 256 as const })),
        mask: 1,
      },
      'with mask k1',
    ],
    [
      'no mask where one is needed',
      { name: 'vgatherdps', operands: [zmm(0), memory({ base, index: 1, vectorIndex: 512 })] },
      'with a mask',
    ],
    ['k0 as a mask', { name: 'vaddps', operands: [zmm(0), zmm(1), zmm(2)], mask: 0 }, 'found k0'],
    [
      'zeroing without a mask',
      { name: 'vaddps', operands: [zmm(0), zmm(1), zmm(2)], zeroing: true },
      'zeroing alone',
    ],
    [
      'zeroing of memory',
      { name: 'vmovups', operands: [memory({ base }), zmm(1)], mask: 1, zeroing: true },
      'found zeroing',
    ],
    ['rsp as an index', { name: 'mov', operands: [eax, memory({ base, index: 4 })] }, 'found rsp'],
    [
      'displacements beyond 32 bits',
      { name: 'mov', operands: [eax, memory({ base, displacement: 2 ** 31 })] },
      '2147483648',
    ],
    [
      'displacements that are not whole',
      { name: 'mov', operands: [eax, memory({ base, displacement: 0.5 })] },
      '0.5',
    ],
    [
      'constants with a base',
      { name: 'mov', operands: [eax, memory({ base, constant: 0 })] },
      'a constant alone',
    ],
    ['immediates out of range', { name: 'add', operands: [rax, immediate(2 ** 31)] }, '2147483648'],
    ['bytes out of range', { name: 'vpermilps', operands: [zmm(0), zmm(1), immediate(256)] }, '256'],
    ['memory of no width where several would do', { name: 'movzx', operands: [eax, memory({ base })] }, 'm8'],
    [
      'virtual registers',
      { name: 'add', operands: [{ ...eax, number: 64 }, eax] },
      'general register 0 to 15',
    ],
  ])('%s', (_, instruction, text) => {
    const assembler = new Assembler()
    let error: unknown
    try {
      assembler.emit(instruction)
    } catch (caught) {
      error = caught
    }
    expect(error).toBeInstanceOf(TargetError)
    expect((error as TargetError).operation).toBe(`x64: ${instruction.name}`)
    expect((error as TargetError).message).toContain(text)
    expect(assembler.finish()).toHaveLength(0)
  })
})

test('a listing says where jumps lead and what constants are', () => {
  const { assembler } = assembled((assembler) => {
    const [loop, done] = [assembler.label(), assembler.label()]
    const half = assembler.constant(new Uint8Array(Float32Array.from({ length: 16 }, () => 0.1).buffer), 64)
    const ramp = assembler.constant(new Uint8Array(Int32Array.from({ length: 16 }, (_, i) => i).buffer), 64)
    const signs = assembler.constant(new Uint8Array(Int32Array.of(0x7fffffff).buffer), 4)
    const last = assembler.constant(new Uint8Array(Int32Array.of(-3).buffer), 4)
    assembler.emit({ name: 'vpaddd', operands: [zmm(3), zmm(3), memory({ constant: ramp })] })
    assembler.align(32)
    assembler.place(loop)
    assembler.emit({
      name: 'vmulps',
      operands: [zmm(1), zmm(17), memory({ constant: half })],
      mask: 2,
      zeroing: true,
    })
    assembler.emit({
      name: 'vandps',
      operands: [zmm(1), zmm(1), memory({ constant: signs, broadcast: true })],
    })
    assembler.emit({
      name: 'vcmpps',
      operands: [{ kind: 'register', file: 'mask', width: 64, number: 1 }, zmm(1), zmm(2), immediate(17)],
    })
    assembler.emit({
      name: 'vmovups',
      operands: [memory({ base: 7, index: 2, scale: 4, displacement: -64 }), zmm(1)],
    })
    assembler.emit({
      name: 'vpminsd',
      operands: [zmm(1), zmm(2), memory({ constant: last, broadcast: true })],
    })
    assembler.emit({
      name: 'vpcmpd',
      operands: [
        { kind: 'register', file: 'mask', width: 64, number: 1 },
        zmm(1),
        memory({ constant: ramp }),
        immediate(1),
      ],
    })
    assembler.emit({ name: 'jl', operands: [loop] })
    assembler.emit({ name: 'jmp', operands: [done] })
    assembler.place(done)
    assembler.emit({ name: 'ret', operands: [] })
  })
  expect(printListing(assembler)).toBe(`\
    0  vpaddd zmm3, zmm3, ZMMWORD PTR [constant 64: 0 1 2 3 4 5 6 7 …]
    a  align 32
L0:
   20  vmulps zmm1{k2}{z}, zmm17, ZMMWORD PTR [constant 0: 0.1 × 16]
   2a  vandps zmm1, zmm1, DWORD BCST [constant 128: 0x7fffffff]
   34  vcmplt_oqps k1, zmm1, zmm2
   3b  vmovups ZMMWORD PTR [rdi+rdx*4-0x40], zmm1
   43  vpminsd zmm1, zmm2, DWORD BCST [constant 132: -3]
   4d  vpcmpltd k1, zmm1, ZMMWORD PTR [constant 64: 0 1 2 3 4 5 6 7 …]
   58  jl L0
   5a  jmp L1
L1:
   5c  ret
`)
})
