import { describe, expect, test } from 'vitest'
import { collect, observe, tap } from '../observe/index.js'
import { UsageError } from '../base/index.js'
import { Device } from '../device/index.js'
import { interpreter } from '../targets/index.js'
import {
  attention,
  attentionFilter,
  attentionScores,
  attentionWithStatistics,
  binaryCrossEntropy,
  cast,
  crossEntropy,
  dot,
  ones,
  scope,
  tensor,
  withDevice,
} from './index.js'

// What the compiler would not let pass, and JavaScript does: an option whose name nobody reads computes
// something else than was asked for.

const device = new Device(interpreter)
const any = (value: unknown): never => value as never
const query = (): ReturnType<typeof ones<'query' | 'width'>> => ones({ query: 2, width: 2 })
const key = (): ReturnType<typeof ones<'key' | 'width'>> => ones({ key: 2, width: 2 })
const classes = (): never => any(tensor([0, 1], { query: 2 }, { dtype: 'i32' }))

function refusal(work: () => unknown): UsageError {
  let error: unknown
  try {
    withDevice(device, () => scope(() => void work()))
  } catch (thrown) {
    error = thrown
  }
  expect(error).toBeInstanceOf(UsageError)
  return error as UsageError
}

describe('an option with a wrong name is refused, with the right one', () => {
  const cases: readonly [string, string, (options: never) => unknown, string][] = [
    ['attention', 'maks', (o) => attention(query(), key(), key(), o), 'mask'],
    ['attentionWithStatistics', 'scores', (o) => attentionWithStatistics(query(), key(), key(), o), 'score'],
    ['attentionFilter', 'sinks', (o) => attentionFilter(query(), key(), o), 'sink'],
    ['attentionScores', 'scal', (o) => attentionScores(query(), key(), o), 'scale'],
    ['crossEntropy', 'labelSmoothin', (o) => crossEntropy(query(), classes(), 'width', o), 'labelSmoothing'],
    ['crossEntropy', 'reducton', (o) => crossEntropy(query(), classes(), 'width', o), 'reduction'],
    ['binaryCrossEntropy', 'posWeight', (o) => binaryCrossEntropy(query(), query(), o), 'positiveWeight'],
    ['dot', 'activaton', (o) => dot(query(), key(), 'width', o), 'activation'],
  ]
  test.each(cases)('%s: %s', (operation, name, call, right) => {
    const error = refusal(() => call(any({ [name]: undefined })))
    expect(error.operation).toBe(operation)
    expect(error.found).toBe(`'${name}'`)
    expect(`${error.hint} ${error.expected}`).toContain(right)
    // And options that are no record at all.
    for (const options of [null, 5, 'mask', [1]]) refusal(() => call(any(options)))
  })
})

describe('what stands in the place of a tensor, a name, a watcher', () => {
  const values = [undefined, null, 5, 'text', {}, [1]]
  test.each([
    ['cast', (value: never) => cast(value, 'f32')],
    ['collect', (value: never) => collect(value, () => tap('x', query()))],
    ['a watcher', (value: never) => observe({ x: value }, () => tap('x', query()))],
    ['observed work', (value: never) => observe({ x: (x) => x }, value)],
  ] as const)('%s', (_, call) => {
    for (const value of values) expect(refusal(() => call(any(value))).hint).toMatch(/\S/)
  })

  test('watchers', () => {
    for (const value of [undefined, null, 5, 'text', [1]])
      expect(refusal(() => observe(any(value), () => 1)).found).toMatch(/\S/)
  })
})
