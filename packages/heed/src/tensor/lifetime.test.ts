import { inspect } from 'node:util'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { StateError } from '../base/index.js'
import { Device } from '../device/index.js'
import { interpreter } from '../targets/index.js'
import {
  dispose,
  exp,
  keep,
  memoryUse,
  scope,
  sum,
  tensor,
  type Tensor,
  together,
  withDevice,
} from './index.js'
import { complaints } from './testing/compiler.js'
import { collectGarbage } from '../testing/collect-garbage.js'

const device = new Device(interpreter)
const made = (): Tensor<'a'> => tensor([1, 2, 3], { a: 3 }, { device })
const held = (): number => memoryUse().tensors

describe('a scope', () => {
  test('frees what it made, but for its result and what is kept', () => {
    const before = held()
    let kept: Tensor<'a'> | undefined
    const inner: Tensor<'a'>[] = []
    const result = scope(() => {
      kept = keep(made())
      inner.push(made(), exp(inner[0] ?? made()))
      return { deep: [{ one: made() }], many: new Map([['two', made()]]), number: 3 }
    })
    expect(inner.map(({ freed }) => freed)).toEqual([true, true])
    expect([kept!.freed, result.deep[0]!.one.freed, result.many.get('two')!.freed]).toEqual([
      false,
      false,
      false,
    ])
    expect(held() - before).toBe(3)
    dispose([kept, result])
    expect(held()).toBe(before)
  })

  test('hands its result to the scope around it', () => {
    const before = held()
    scope(() => {
      const one = scope(() => made())
      expect(one.freed).toBe(false)
      expect(held() - before).toBe(1)
    })
    expect(held()).toBe(before)
  })

  test('frees everything where the work throws', () => {
    const before = held()
    expect(() =>
      scope(() => {
        made()
        throw new Error('no')
      }),
    ).toThrow('no')
    expect(held()).toBe(before)
  })

  test('what is kept within an operation that fails stays; the rest of it is freed', () => {
    const before = held()
    let kept: Tensor<'a'> | undefined
    expect(() =>
      together(() => {
        kept = keep(made())
        made()
        throw new Error('no')
      }),
    ).toThrow('no')
    expect([...kept!.values()]).toEqual([1, 2, 3])
    expect(held() - before).toBe(1)
    kept!.dispose()
  })

  test('refuses asynchronous work, whose tensors it would free too early', () => {
    const before = held()
    expect(() => scope(async () => made())).toThrow(StateError)
    expect(() => scope(async () => made())).toThrow(/scope: expected synchronous work, found a promise/)
    expect(held()).toBe(before)
  })

  test('a view keeps its elements when the tensor goes', () => {
    const before = held()
    const view = scope(() => made().rename({ a: 'b' }).slice('b', 1, 3))
    expect([...view.values()]).toEqual([2, 3])
    view.dispose()
    expect(held()).toBe(before)
  })
})

describe('a tensor', () => {
  test('is freed once, by its name or by `using`, and says so when it is used again', () => {
    const before = held()
    const [one, two] = [made(), made()]
    one.dispose()
    one.dispose()
    ;(two as unknown as Record<symbol, () => void>)[disposeSymbol]!()
    expect([one.freed, two.freed, held()]).toEqual([true, true, before])
    const uses: (() => unknown)[] = [
      () => one.values(),
      () => one.at('a', 0).item(),
      () => one.add(1),
      () => one.rename({ a: 'b' }),
      () => sum(one),
    ]
    for (const use of uses) expect(use).toThrow(/expected a tensor in use, found a freed one \(f32 a 3\)/)
    expect(() => one.values()).toThrow(StateError)
    expect(String(one)).toBe('Tensor(f32 a 3, freed)')
  })

  test.each<[where: string, tensors: number, make: () => unknown]>([
    ['made outside of any scope', 2, () => exp(made())],
    ['that a scope gave', 1, () => scope(() => exp(made()))],
    ['that scopes handed on, in a tree', 1, () => scope(() => scope(() => ({ one: [exp(made())] })))],
    ['kept in a scope', 1, () => scope(() => void keep(exp(made())))],
  ])('%s that nobody holds any more is collected', async (_, tensors, make) => {
    const before = held()
    ;(() => {
      for (let i = 0; i < 50; i++) withDevice(device, make)
    })()
    expect(held() - before).toBe(50 * tensors)
    const used = device.heap.use().used
    for (let round = 0; round < 100 && held() > before + 5; round++) {
      collectGarbage()
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    // The last few may still stand in registers or on the stack.
    expect(held() - before).toBeLessThanOrEqual(5)
    expect(device.heap.use().used).toBeLessThan(used)
  })

  test('can be declared with `using`, as can a cache and a trainer', () => {
    const library = fileURLToPath(new URL('../index.js', import.meta.url))
    const prelude = `import { KeyValueCache, tensor, type Trainer } from ${JSON.stringify(library)}`
    expect(
      complaints(prelude, [
        `export function a(): number { using x = tensor([1], { a: 1 }); return x.item() }`,
        `export function b(): number { using x = new KeyValueCache(); return x.length }`,
        `export function c<M, B>(make: () => Trainer<M, B>): number { using x = make(); return x.step }`,
      ]),
    ).toEqual(['', '', ''])
  })
})

test('memoryUse() lists what is held, the largest blocks first', () => {
  const before = memoryUse()
  const tensors = [
    tensor(new Float32Array(1000), { a: 10, b: 100 }, { device }),
    tensor(new Float32Array(1000), { a: 1000 }, { device }),
    tensor(new Int32Array(7), { a: 7 }, { device, dtype: 'i32' }),
  ]
  const { tensors: count, bytes, blocks } = memoryUse()
  expect(count - before.tensors).toBe(3)
  expect(bytes - before.bytes).toBe(2 * 8000 + 28)
  expect(blocks.find(({ elements }) => elements === 1000)).toEqual({
    dtype: 'f32',
    elements: 1000,
    count: 2,
    bytes: 16000,
  })
  expect(blocks.map((block) => block.bytes)).toEqual(blocks.map((block) => block.bytes).sort((a, b) => b - a))
  // A view holds no block of its own.
  expect(memoryUse().tensors).toBe(count)
  dispose(tensors)
  expect(memoryUse()).toEqual(before)
})

const disposeSymbol = (Symbol as { dispose?: symbol }).dispose ?? Symbol.for('nodejs.dispose')

test('a tensor in words', () =>
  withDevice(device, () =>
    scope(() => {
      expect(String(tensor([1, -2, 1 / 3, 1e9], { row: 2, column: 2 }))).toBe(
        'Tensor(f32 row 2, column 2: 1, -2, 0.3333, 1000000000)',
      )
      expect(inspect({ x: tensor(7, {}) })).toBe('{ x: Tensor(f32 scalar: 7) }')
      expect(String(tensor(new Int32Array(13), { a: 13 }, { dtype: 'i32' }))).toBe(
        `Tensor(i32 a 13: ${'0, '.repeat(12)}…)`,
      )
      expect(String(tensor(new Float32Array(20_000), { a: 20_000 }))).toBe('Tensor(f32 a 20000)')
    }),
  ))
