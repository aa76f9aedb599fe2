import { describe, expect, test } from 'vitest'
import { assemble, kernel } from '../../kernels/index.js'
import { Assembler } from './assembler.js'
import { general, immediate } from './code.js'
import { compile } from './compile.js'
import { nativeCode } from './native.js'
import { printListing } from './print.js'
import { x64Widths } from './processor.js'
import { x64Target } from './x64.js'

const native = nativeCode()

/**
 * Keeps so many vectors and integers alive through a loop; the arguments are used before, inside and after
 * it.
 */
function crowd(vectors: number, integers: number): ReturnType<typeof kernel> {
  return kernel(`test-crowd-${vectors}-${integers}`, { x: 'i32*', n: 'i32' }, (k, { x, n }, task) => {
    const scratch = k.scratch('i32')
    const wide = Array.from({ length: vectors }, (_, i) => k.variable(k.intVector(i)))
    const narrow = Array.from({ length: integers }, (_, i) => k.variable(task.add(i)))
    k.loop(0, n, 1, (i) => {
      wide.forEach((each) => each.set(each.get().mul(3).add(i)))
      narrow.forEach((each) => each.set(each.get().mul(3).add(i)))
    })
    const sum = k.variable(k.intVector(0))
    wide.forEach((each) => sum.set(sum.get().mul(5).xor(each.get())))
    narrow.forEach((each) => sum.set(sum.get().mul(5).xor(each.get())))
    k.store(scratch, sum.get())
    k.store(x.at(task), k.loadScalar(scratch).add(n))
  }) as never
}

/**
 * A function that puts the upper half of each argument of 32 bits to use and goes to `place`: callers may
 * leave anything there.
 */
function strewing(place: number): Uint8Array {
  const assembler = new Assembler()
  const [rax, rcx, rdx, rsi, r8] = [0, 1, 2, 6, 8]
  assembler.emit({ name: 'mov', operands: [general(rax, 64), immediate(2 ** 52 - 2 ** 32)] })
  for (const register of [rcx, rdx, rsi, r8])
    assembler.emit({ name: 'or', operands: [general(register, 64), general(rax, 64)] })
  assembler.emit({ name: 'mov', operands: [general(rax, 64), immediate(place)] })
  const padding = 0xcc
  const code = assembler.finish()
  const jump = [0xff, 0xe0] // jmp rax
  return Uint8Array.from([...code.subarray(0, code.findLastIndex((byte) => byte !== padding) + 1), ...jump])
}

describe.runIf(typeof native !== 'string' && native.convention === 'systemv').each(x64Widths())(
  '%i bits',
  (width) => {
    if (typeof native === 'string') return
    const { machine } = x64Target({ width })

    test.each([0, 5, 12, 30])(
      'only the lower halves of arguments count, of those too that go to the stack: beside %i integers',
      (integers) => {
        const place = native.map(
          compile(assemble(crowd(1, integers), machine), width, 'systemv').assembler.finish(),
        )
        const results = [place, native.map(strewing(place))].map((start) => {
          const memory = new WebAssembly.Memory({ initial: 1 })
          const words = new Int32Array(memory.buffer)
          words.set([1024, 0, 5], 16)
          native.bind(start, memory)(64, 1, 4, 8192)
          return words
        })
        expect(results[0]!.slice(256, 260).map((word) => Number(word !== 0))).toEqual(
          Int32Array.of(0, 1, 1, 1),
        )
        expect(results[1]).toEqual(results[0])
      },
    )

    test('on Windows no page of the stack is left out on the way to its end', () => {
      const program = assemble(crowd(200, 1), machine)
      const print = (convention: 'systemv' | 'windows'): string =>
        printListing(compile(program, width, convention).assembler)
      const text = print('windows')
      const frame = Number.parseInt(
        /sub +rsp, (?:0x)?([0-9a-f]+)/.exec(text)![1]!,
        text.includes('0x') ? 16 : 10,
      )
      expect(frame).toBeGreaterThan(8192)
      const start = text.slice(0, text.search(/sub +rsp/))
      expect(start.match(/cmp +eax, /g)).toHaveLength(Math.floor(frame / 4096))
      expect(print('systemv').slice(0, 300)).not.toMatch(/cmp +eax, /)
    })

    test('what loops keep on the stack is told', () => {
      const inside = (vectors: number): number =>
        compile(assemble(crowd(vectors, 1), machine), width, 'systemv').spilledInside
      expect(inside(machine.registers - 4)).toBe(0)
      expect(inside(machine.registers + 4)).toBeGreaterThan(0)
    })
  },
)
