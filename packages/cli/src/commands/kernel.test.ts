import { x64Widths } from 'heed/internals'
import { describe, expect, test } from 'vitest'
import { examples, printKernels } from '../kernels.js'
import { heed } from '../testing.js'

describe.each(Object.keys(examples))('%s', (name) => {
  test('on wasm: source form, text and code', () => {
    const kernels = printKernels(name, 'wasm')
    expect(kernels.length).toBeGreaterThan(0)
    expect(new Set(kernels.map((kernel) => kernel.name)).size).toBe(kernels.length)
    for (const { source, text, bytes } of kernels) {
      expect(source).toMatch(/^kernel .+\non wasm: \d lanes of 32-bit floats/)
      expect(source).toContain('for each task:\n')
      expect(source).toMatch(/store \S+ at /)
      expect(text).toContain('(module\n')
      expect(text.match(/\(/g)!.length).toBe(text.match(/\)/g)!.length)
      expect(bytes).toBeGreaterThan(50)
    }
  })

  test.skipIf(x64Widths().length === 0)(
    'on x64: a disassembly, with no vector of an inner loop on the stack',
    () => {
      for (const { source, text, bytes } of printKernels(name, 'x64')) {
        expect(source).toMatch(/^kernel .+\non x64: \d+ lanes of 32-bit floats/)
        expect(text).toMatch(/^; kernel .+\n; AVX/)
        expect(text).toContain('vzeroupper')
        expect(text).toMatch(/ret\s*$/m)
        expect(text).not.toContain('kept on the stack')
        expect(bytes).toBeGreaterThan(100)
      }
    },
  )

  test('on the interpreter: JavaScript', () => {
    for (const { source, text } of printKernels(name, 'interpreter')) {
      expect(source).toContain('on interpreter: 1 lane of 64-bit floats')
      // Compiled, not run.
      // oxlint-disable-next-line typescript/no-implied-eval
      expect(() => new Function('parameters', 'begin', 'end', 'scratch', text)).not.toThrow()
    }
  })
})

describe('heed kernel', () => {
  test('lists the operations', async () => {
    const { status, out } = await heed(['kernel'])
    expect(status).toBe(0)
    expect(out.split('\n')).toHaveLength(Object.keys(examples).length + 1)
    expect(out).toMatch(/^softmax +softmax of/m)
    const json = JSON.parse((await heed(['kernel', '--json'])).out) as { name: string }[]
    expect(json.map((each) => each.name)).toEqual(Object.keys(examples))
  })

  test('prints both forms, or one', async () => {
    const both = (await heed(['kernel', 'gelu', '--target', 'wasm'])).out
    expect(both).toMatch(/── kernel\nkernel [^]+\n── WebAssembly, [\d,]+ bytes of code\n;; kernel/)
    expect((await heed(['kernel', 'gelu', '--only', 'source'])).out).not.toContain('(module')
    const text = (await heed(['kernel', 'gelu', '--only', 'text', '--target', 'interpreter'])).out
    expect(text).toMatch(/^── JavaScript/)
  })

  test('as JSON', async () => {
    const { out } = await heed(['kernel', 'add', '--target', 'wasm', '--json'])
    const { name, target, kernels } = JSON.parse(out) as {
      name: string
      target: string
      kernels: { parameters: Record<string, string> }[]
    }
    expect({ name, target }).toEqual({ name: 'add', target: 'wasm' })
    expect(Object.values(kernels[0]!.parameters)).toContain('f32*')
  })

  test.each([
    [['kernel', 'softmx'], "heed: no operation is named 'softmx'; did you mean softmax?\n"],
    [['kernel', 'toString'], "heed: no operation is named 'toString'; 'heed kernel' lists them\n"],
    [
      ['kernel', 'add', '--target', 'x86'],
      /^heed: option '--target <target>' argument 'x86' is invalid\..*\n$/,
    ],
  ])('%j is wrong use', async (args, message) => {
    const { status, out, err } = await heed(args)
    expect({ status, out }).toEqual({ status: 2, out: '' })
    expect(err).toMatch(message)
  })
})
