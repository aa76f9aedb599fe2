import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { checkGradient } from '../../autograd/index.js'
import { randomKey, UsageError } from '../../base/index.js'
import { quantizeTree } from '../../checkpoint/index.js'
import { collect } from '../../observe/index.js'
import {
  type AnyTensor,
  concat,
  map,
  scope,
  sum,
  type Tensor,
  tensor,
  withDevice,
} from '../../tensor/index.js'
import { devices } from '../../tensor/testing/devices.js'
import {
  architectureOf,
  encoderAttentions,
  type EncoderDesign,
  type EncoderOptions,
  encoderOutput,
  type EncoderOutput,
  encoderStates,
  type Encoder,
  outputOf,
  pooledOf,
} from '../index.js'
import { configOf, tinyConfigs, tinyEncoder } from '../testing/encoders.js'
import { largestDifference } from '../testing/reference.js'

const interpreter = devices[0]![1]
const [, fast] = devices.at(-1)!

type Ids = Tensor<'batch' | 'position'>
const integers = (rows: readonly (readonly number[])[]): Ids =>
  tensor(rows.flat(), { batch: rows.length, position: rows[0]!.length }, { dtype: 'i32' })

/** What the model gives in the end: of its head, or its states. */
function result(model: Encoder, design: EncoderDesign, ids: Ids, options: EncoderOptions): AnyTensor[] {
  const states = encoderStates(model, design, ids, options)
  if (design.head === undefined)
    return design.pooler === undefined ? [states] : [states, pooledOf(model, design, states, options)]
  const made: EncoderOutput = outputOf(model, design, states, options)
  return made.kind === 'answer' ? [made.start, made.end] : [made.logits]
}

/** A loss that weighs each element differently. */
const weigh = (y: AnyTensor): Tensor<never> =>
  sum(map((v) => v.mul(1.3).sin().add(v.mul(v).mul(0.2)), y as Tensor<'batch'>)) as Tensor<never>

describe('gradients equal central differences', () => {
  test.each(Object.entries(tinyConfigs))('%s', (_, json) => {
    withDevice(interpreter, () =>
      scope(() => {
        const { design, model } = tinyEncoder(json, 5)
        const options = {
          rows: [3, 2],
          ...(design.embedding.tokenTypes === 2 && { tokenTypes: integers([[0, 1, 1, 0, 1]]) }),
        }
        const { error, at } = checkGradient((m: Encoder) => {
          const [first, second] = result(m, design, integers([[1, 4, 2, 6, 3]]), options).map(weigh)
          return second === undefined ? first! : first!.add(second)
        }, model)
        expect(error, at).toBeLessThan(1e-6)
      }),
    )
  })
})

const texts = fc.array(fc.array(fc.integer({ min: 2, max: 6 }), { minLength: 1, maxLength: 9 }), {
  minLength: 1,
  maxLength: 5,
})

describe('batches change nothing', () => {
  test.each(Object.entries(tinyConfigs))('%s', (_, json) => {
    withDevice(fast, () =>
      scope(() => {
        const { design, model } = tinyEncoder(json, 11)
        fc.assert(
          fc.property(texts, fc.boolean(), (given, left) =>
            scope(() => {
              const types = (text: readonly number[]): number[] => text.map((id) => id % 2)
              const typed = design.embedding.tokenTypes === 2
              const run = (rows: readonly (readonly number[])[], more: EncoderOptions): AnyTensor[] =>
                result(model, design, integers(rows), {
                  ...(typed && { tokenTypes: integers(rows.map(types)) }),
                  ...more,
                })
              const alone = given.map((text) => run([text], {}))
              const together = run([given.flat()], { rows: given.map(({ length }) => length) })
              const longest = Math.max(...given.map(({ length }) => length))
              const filled = (text: readonly number[], value: (id: number) => number): number[] => {
                const rest = new Array<number>(longest - text.length).fill(0)
                const own = text.map(value)
                return left ? [...rest, ...own] : [...own, ...rest]
              }
              const padded = run(
                given.map((text) => filled(text, (id) => id)),
                { real: integers(given.map((text) => filled(text, () => 1))) },
              )
              alone[0]!.forEach((one, output) => {
                const axis = ((one as Tensor).axes as readonly string[]).includes('position')
                  ? 'position'
                  : 'batch'
                const parts = alone.map((outputs) => outputs[output] as Tensor)
                const expected = concat(parts, axis)
                expect(difference(together[output]!, expected)).toBeLessThan(1e-5)
                const real = given.map(({ length }, row) => {
                  const own = (padded[output] as Tensor).slice('batch', row, row + 1)
                  if (axis === 'batch') return own
                  const start = left ? longest - length : 0
                  return own.slice('position', start, start + length)
                })
                expect(difference(concat(real, axis), expected)).toBeLessThan(1e-5)
              })
            }),
          ),
          { numRuns: 6 * Number(process.env.HEED_LONG ?? 1) },
        )
      }),
    )
  })
})

function difference(a: AnyTensor, b: AnyTensor): number {
  const [one, other] = [a, b] as readonly AnyTensor[] as [Tensor, Tensor]
  return largestDifference(one.values(), other.values(one.axes))
}

describe('models run with fewer bits', () => {
  test.each(Object.entries(tinyConfigs))('%s', (_, json) => {
    withDevice(fast, () =>
      scope(() => {
        const { design, model } = tinyEncoder(json, 4)
        const bindings = architectureOf(configOf(json)).bindings(design)
        const ids = integers([[1, 4, 2, 6]])
        const [expected] = result(model, design, ids, {})
        const largest = (expected as Tensor)
          .values()
          .reduce((most, value) => Math.max(most, Math.abs(value)), 0)
        for (const [format, share] of [
          ['bf16', 0.05],
          ['int8', 0.05],
        ] as const) {
          const small = quantizeTree(model, bindings, format) as Encoder
          const [found] = result(small, design, ids, {})
          expect(difference(found!, expected!), format).toBeLessThan(share * Math.max(1, largest))
        }
      }),
    )
  })
})

describe('training', () => {
  test.each(Object.entries(tinyConfigs))(
    '%s: less memory gives the same, dropout something else',
    (_, json) => {
      withDevice(fast, () =>
        scope(() => {
          const { design, model } = tinyEncoder(json, 4)
          const ids = integers([[1, 4, 2, 6]])
          const run = (options: EncoderOptions): Tensor => {
            const [found] = result(model, design, ids, options)
            return found as Tensor
          }
          const plain = run({})
          expect(difference(run({ rematerialize: true }), plain)).toBe(0)
          const dropout = { rate: 0.5, key: randomKey(2) }
          expect(difference(run({ dropout }), plain)).toBeGreaterThan(1e-4)
        }),
      )
    },
  )
})

describe('what can be seen', () => {
  test.each(Object.entries(tinyConfigs))('%s: each filter that is listed, its rows sum to 1', (_, json) => {
    withDevice(fast, () =>
      scope(() => {
        const { design, model } = tinyEncoder(json, 3)
        const names = encoderAttentions(design).map(({ name }) => name)
        expect(names.length).toBe(design.layers)
        const ids = integers([[1, 2, 3, 4, 5]])
        const { result: seen, values } = collect(names, () => encoderStates(model, design, ids))
        expect([...values.keys()]).toEqual(names)
        for (const filter of values.values()) {
          const sums = sum(filter as Tensor<'key'>, 'key') as AnyTensor as Tensor
          expect(largestDifference(sums.values(), new Array(sums.elements).fill(1))).toBeLessThan(1e-5)
        }
        // The fused kernel gives what the steps give.
        expect(difference(seen, encoderStates(model, design, ids))).toBeLessThan(1e-5)
      }),
    )
  })

  test('filters of rows, which are each text’s own', () => {
    withDevice(fast, () =>
      scope(() => {
        const { design, model } = tinyEncoder(tinyConfigs['deberta, shared projections']!, 3)
        const name = 'blocks.0.attention.filter'
        const rows = { rows: [2, 3] }
        const { values } = collect(['blocks.0.attention.rows.*.filter'], () =>
          encoderStates(model, design, integers([[1, 2, 3, 4, 5]]), rows),
        )
        const alone = collect([name], () => encoderStates(model, design, integers([[3, 4, 5]])))
        const own = values.get('blocks.0.attention.rows.1.filter')!
        expect(difference(own, alone.values.get(name)!)).toBeLessThan(1e-5)
      }),
    )
  })
})

describe('refused', () => {
  test('a model without what is asked for', () => {
    const { design, model } = tinyEncoder(tinyConfigs['deberta, shared projections']!, 3)
    const ids = integers([[1, 2]])
    expect(() => encoderOutput(model, design, ids)).toThrow(UsageError)
    expect(() => pooledOf(model, design, encoderStates(model, design, ids))).toThrow(/pooler/)
  })

  test('ids, token types and positions that the model hasn’t', () => {
    const { design, model } = tinyEncoder(tinyConfigs['bert, classification']!, 3)
    expect(() => encoderStates(model, design, integers([[1, 7]]))).toThrow(/vocabulary/)
    const tokenTypes = integers([[0, 2]])
    expect(() => encoderStates(model, design, integers([[1, 2]]), { tokenTypes })).toThrow(/tokenType/)
    const long = integers([new Array<number>(13).fill(1)])
    expect(() => encoderStates(model, design, long)).toThrow(UsageError)
  })
})
