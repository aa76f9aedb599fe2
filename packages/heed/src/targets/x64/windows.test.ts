import { describe, expect, test } from 'vitest'
import { assemble, kernel } from '../../kernels/index.js'
import { Assembler } from './assembler.js'
import { general, immediate, vector } from './code.js'
import { compile } from './compile.js'
import { nativeCode } from './native.js'
import type { Operand } from './operand.js'
import { x64Widths } from './processor.js'
import { x64Target } from './x64.js'

const native = nativeCode()
const [rcx, rdx, rbx, rsp, rbp, rsi, rdi] = [1, 2, 3, 4, 5, 6, 7]
/**
 * What a function leaves as it found it by Microsoft's convention: general registers, and 128 bits of
 * vectors.
 */
const generals = [rbx, rbp, rsi, rdi, 12, 13, 14, 15]
const vectors = [6, 7, 8, 9, 10, 11, 12, 13, 14, 15]
/** Where the caller keeps what is to be in them, and what was. */
const [target, before, after] = [2048, 4096, 8192]

function bytesOf(write: (emit: (name: string, ...operands: Operand[]) => void) => void): Uint8Array {
  const assembler = new Assembler()
  write((name, ...operands) => assembler.emit({ name, operands }))
  const code = assembler.finish()
  const padding = 0xcc
  return code.subarray(0, code.findLastIndex((byte) => byte !== padding) + 1)
}

/**
 * A function of System V's convention that calls the one of Microsoft's at `target`, and notes what it did to
 * the registers.
 */
function caller(): Uint8Array {
  const own = [rbx, rbp, 12, 13, 14, 15]
  const at = (base: number, displacement: number): Operand => ({ kind: 'memory', base, displacement })
  const prologue = bytesOf((emit) => {
    for (const register of own) emit('push', general(register, 64))
    emit('sub', general(rsp, 64), immediate(56))
    emit('mov', at(rsp, 48), general(rdi, 64))
    emit('mov', at(rsp, 32), general(8))
    emit('mov', general(9), general(rcx))
    emit('mov', general(8), general(rdx))
    emit('mov', general(rdx), general(rsi))
    emit('mov', general(rcx, 64), general(rdi, 64))
    vectors.forEach((number, i) => emit('vmovups', vector(number, 128), at(rcx, before + 128 + 16 * i)))
    generals.forEach((number, i) => emit('mov', general(number, 64), at(rcx, before + 8 * i)))
    emit('mov', general(0, 64), at(rcx, target))
  })
  const call = [0xff, 0xd0] // call rax
  const epilogue = bytesOf((emit) => {
    emit('mov', general(rcx, 64), at(rsp, 48))
    vectors.forEach((number, i) => emit('vmovups', at(rcx, after + 128 + 16 * i), vector(number, 128)))
    generals.forEach((number, i) => emit('mov', at(rcx, after + 8 * i), general(number, 64)))
    emit('add', general(rsp, 64), immediate(56))
    for (const register of own.toReversed()) emit('pop', general(register, 64))
    emit('ret')
  })
  return Uint8Array.from([...prologue, ...call, ...epilogue])
}

/** Needs many registers: sums and products of 20 vectors, and as many of integers. */
const busy = kernel(
  'test-many-registers',
  { x: 'f32*', sums: 'i32*', count: 'i32' },
  (k, { x, sums, count }, task) => {
    const scratch = k.scratch('f32')
    const values = Array.from({ length: 20 }, (_, i) => k.variable(k.vector(i)))
    const numbers = Array.from({ length: 12 }, (_, i) => k.variable(task.add(i)))
    k.loop(0, count, 1, (i) => {
      values.forEach((value, n) =>
        value.set(
          value
            .get()
            .mul(0.5)
            .add(k.load(x.at(n))),
        ),
      )
      numbers.forEach((number, n) => number.set(number.get().mul(3).add(i.add(n))))
    })
    values.forEach((value, n) => k.store(scratch.at(n * k.lanes), value.get()))
    values.forEach((_, n) =>
      k.store(x.at(task.add(1).mul(1024)).at(n * k.lanes), k.load(scratch.at(n * k.lanes))),
    )
    numbers.forEach((number, n) => k.store(sums.at(task.mul(16)).at(n), number.get()))
  },
)

describe.runIf(typeof native !== 'string' && native.convention === 'systemv')(
  "Microsoft's convention",
  () => {
    test.each(x64Widths())('%i bits: the same results, and registers are left as they were', (width) => {
      if (typeof native === 'string') return
      const program = assemble(busy, x64Target({ width }).machine)
      const results = (['systemv', 'windows'] as const).map((convention) => {
        const place = native.map(compile(program, width, convention).assembler.finish())
        const memory = new WebAssembly.Memory({ initial: 4 })
        const words = new Int32Array(memory.buffer)
        const [x, sums, scratch] = [32768, 131072, 196608]
        words.set([x, 0, sums, 0, 7, 0], 16)
        new Float32Array(memory.buffer, x, 64).forEach((_, i, all) => (all[i] = i / 4))
        for (let i = 0; i < 128; i++) words[before / 4 + i] = 1000 + i
        new BigUint64Array(memory.buffer)[target / 8] = BigInt(place)
        const start = convention === 'systemv' ? place : native.map(caller())
        native.bind(start, memory)(64, 1, 5, scratch)
        return { words, data: words.slice(x / 4) }
      })
      const [expected, found] = results
      expect(expected!.data.some((value) => value !== 0)).toBe(true)
      expect(found!.data).toEqual(expected!.data)
      const { words } = found!
      const registers = (from: number): Int32Array =>
        words.slice(from / 4, from / 4 + 32 + 4 * vectors.length)
      const same = registers(before)
      same.fill(0, 2 * generals.length, 32)
      expect(registers(after)).toEqual(same)
    })
  },
)
