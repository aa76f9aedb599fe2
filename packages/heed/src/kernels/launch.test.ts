import { describe, expect, test } from 'vitest'
import { StateError } from '../base/index.js'
import { type Kernel, kernel, type ParameterType } from './language/index.js'
import { launchOf } from './launch.js'

const scale = kernel('test scale', { source: 'f32*', target: 'f32*', count: 'i32' }, () => {})

describe('launchOf', () => {
  test('passes values in the order of the declaration, whatever theirs', () => {
    expect(launchOf(scale, { count: 3, target: 2, source: 1 }, 4)).toEqual({
      kernel: scale,
      parameters: [1, 2, 3],
      tasks: 4,
    })
    expect(launchOf(scale, { count: 3, target: 2, source: 1 }, 4, 64).scratchBytes).toBe(64)
  })

  test('takes 0, −0 and NaN as the values that they are', () => {
    expect(launchOf(scale, { source: 0, target: -0, count: NaN }, 1).parameters).toEqual([0, -0, NaN])
  })

  test('a missing name and one too many do not compile, and throw', () => {
    // @ts-expect-error: no count
    expect(() => launchOf(scale, { source: 1, target: 2 }, 1)).toThrow(StateError)
    // @ts-expect-error: no parameter `offset`
    expect(() => launchOf(scale, { source: 1, target: 2, count: 3, offset: 4 }, 1)).toThrow(
      /launch of test scale: expected values for its parameters alone, found one for 'offset'/,
    )
    const more = { target: 2, count: 3, offset: 4 }
    // @ts-expect-error: nor by way of another record
    expect(() => launchOf(scale, { source: 1, ...more }, 1)).toThrow(StateError)
    const fewer = { source: 1, count: 3 }
    // @ts-expect-error: no target
    expect(() => launchOf(scale, { ...fewer }, 1)).toThrow(/expected a value for 'target', found none/)
  })

  test('parameters that are numbered are typed by their pattern', () => {
    type Numbered = { readonly count: 'i32'; readonly [tensor: `tensor${number}`]: 'f32*' }
    const types: Numbered = { count: 'i32', tensor1: 'f32*', tensor0: 'f32*' }
    const made: Kernel<Numbered> = kernel('test numbered', types, () => {})
    expect(launchOf(made, { tensor0: 1, tensor1: 2, count: 3 }, 1).parameters).toEqual([3, 2, 1])
    expect(() => launchOf(made, { tensor0: 1, count: 3 }, 1)).toThrow(/a value for 'tensor1'/)
    // @ts-expect-error: no number
    expect(() => launchOf(made, { tensor0: 1, tensor1: 2, tensorX: 3, count: 3 }, 1)).toThrow(StateError)
  })

  test('parameters that nothing is known of are checked when it runs', () => {
    const types: Record<string, ParameterType> = { a: 'i32', b: 'f32' }
    const made: Kernel = kernel('test unknown', types, () => {})
    expect(launchOf(made, { b: 0.5, a: 1 }, 2).parameters).toEqual([1, 0.5])
    expect(() => launchOf(made, { a: 1 }, 2)).toThrow(StateError)
    expect(() => launchOf(made, { a: 1, b: 1, c: 1 }, 2)).toThrow(StateError)
  })
})
