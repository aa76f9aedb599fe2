import assert from 'node:assert/strict'
import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import { ShapeError, StateError } from '../base/index.js'
import { cast, dot, equalTensors, scope, tensor, type Tensor, together, zeros } from './index.js'

expect.addEqualityTesters([equalTensors])

const numbers = [1, NaN, -0, Infinity, 5, 6]
const x = (): Tensor<'row' | 'column'> => tensor(numbers, { row: 2, column: 3 })

test('tensors that say the same are equal, wherever they lie; others are not', () =>
  scope(() => {
    const turned = tensor([1, Infinity, NaN, 5, -0, 6], { column: 3, row: 2 })
    const part = tensor([9, ...numbers], { all: 7 })
      .slice('all', 1, 7)
      .split('all', { row: 2, column: 3 })
    expect(x()).toEqual(x())
    expect({ model: [x()] }).toStrictEqual({ model: [x()] })
    expect(part).toEqual(x())
    expect([...turned.values(['row', 'column'])]).toEqual(numbers)
    for (const other of [
      tensor([1, NaN, 0, Infinity, 5, 6], { row: 2, column: 3 }),
      tensor([1, NaN, -0, Infinity, 5, 7], { row: 2, column: 3 }),
      turned,
      tensor(numbers, { row: 3, column: 2 }),
      x().rename({ row: 'other' }),
      x().merge(['row', 'column'], 'all'),
      numbers,
      null,
    ]) {
      expect({ model: [x()] }).not.toEqual({ model: [other] })
      expect(other).not.toStrictEqual(x())
    }
    const ones = tensor([1, 1], { row: 2 })
    expect(ones).not.toEqual(cast(ones, 'i32'))
    expect(equalTensors(1, 1)).toBeUndefined()
    assert.deepStrictEqual(x().toJSON(), part.toJSON())
    assert.notDeepStrictEqual(x().toJSON(), turned.toJSON())
  }))

test('JSON says dtype, shape and numbers; a freed tensor says so, a large one is refused', () => {
  const made = tensor([1.5, NaN, -Infinity], { row: 3 })
  expect(JSON.stringify({ made })).toBe(
    '{"made":{"dtype":"f32","shape":{"row":3},"values":[1.5,"NaN","-Infinity"]}}',
  )
  expect(inspect(made)).toBe('Tensor(f32 row 3: 1.5, NaN, -Infinity)')
  made.dispose()
  expect(JSON.stringify(made)).toBe('{"dtype":"f32","shape":{"row":3},"freed":true}')
  expect(inspect(made)).toBe('Tensor(f32 row 3, freed)')
  expect(() => equalTensors(made, zeros({ row: 3 }))).toThrow(StateError)
  scope(() => expect(() => JSON.stringify(zeros({ row: 1_000_001 }))).toThrow(ShapeError))
})

test('what waits is shown as such', () =>
  scope(() => {
    const [a, b] = [zeros({ row: 2, width: 3 }), zeros({ width: 3, column: 1 })]
    expect(together(() => inspect(dot(a, b, 'width')))).toBe('Tensor(f32 row 2, column 1, not computed yet)')
  }))

test('an operator of JavaScript is refused where it wants a number; text is what toString gives', () =>
  scope(() => {
    const [one, two] = [tensor(1, {}), tensor(2, {})]
    const says = /expected methods on a tensor, found an operator on f32 scalar; write a\.mul\(b\) for a \* b/
    expect(() => one < two).toThrow(says)
    expect(() => Number(one)).toThrow(says)
    expect(() => Math.max(one as never, 1)).toThrow(says)
    expect(`one: ${String(one)}`).toBe('one: Tensor(f32 scalar: 1)')
  }))
