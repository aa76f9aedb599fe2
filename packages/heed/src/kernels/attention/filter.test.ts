import { describe, expect, test } from 'vitest'
import { Capture, type Expression, float, index, input, keyOf, parameter } from '../expression/index.js'
import { factorOf, filterWeight } from './filter.js'
import { attentionDefinition } from './index.js'

const weight = filterWeight
const gain = new Capture(0, 'float', 1).at(index('head'))
const far = index('query').sub(index('key')).gt(3)

describe('a function on the filter that does no more than multiply', () => {
  const cases: readonly (readonly [string, Expression<'float'>, Expression<'float'>])[] = [
    ['the weight itself', weight, float(1)],
    ['a parameter', weight.mul(parameter(0)), parameter(0)],
    ['from the left', gain.mul(weight), gain],
    ['a quotient', weight.mul(gain).div(2), gain.div(2)],
    ['its negative', weight.neg(), float(1).neg()],
    ['a sum of such', weight.mul(gain).add(weight), gain.add(float(1))],
    ['a choice by positions', far.select(float(0), weight.mul(gain)), far.select(float(0), gain)],
  ]
  test.each(cases)('has a factor: %s', (_, filter, factor) => {
    expect(keyOf([factorOf(filter)!])).toBe(keyOf([factor]))
  })
  test.each([
    ['its square', weight.mul(weight)],
    ['a sum with what is no multiple', weight.add(gain)],
    ['a quotient by it', gain.div(weight)],
    ['a choice by the weight', weight.gt(0.5).select(weight, 0)],
    ['no weight at all', gain],
    ['a function of it', weight.sqrt()],
  ] as const)('has none: %s', (_, filter) => {
    expect(factorOf(filter)).toBe(undefined)
  })
  test('that changes nothing is no function', () => {
    const sizes = { width: 4, valueWidth: 4, score: input(0) }
    expect(attentionDefinition({ ...sizes, filter: weight }).key).toBe(attentionDefinition(sizes).key)
    expect(attentionDefinition({ ...sizes, filter: weight.mul(gain) }).key).not.toBe(
      attentionDefinition(sizes).key,
    )
  })
})
