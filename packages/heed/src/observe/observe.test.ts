import { describe, expect, test } from 'vitest'
import { grad } from '../autograd/index.js'
import { Device } from '../device/index.js'
import { interpreter } from '../targets/index.js'
import { type AnyTensor, memoryUse, scope, sum, tensor, type Tensor, withDevice } from '../tensor/index.js'
import { ShapeError, StateError, UsageError } from '../base/index.js'
import { collect, observe, observedAsNow, tap, watched, type Watcher, within } from './index.js'

const device = new Device(interpreter)
const on = (work: () => void): void => withDevice(device, () => scope(work))

/** A model of two blocks: each doubles under the name 'twice' and adds one under 'inner.plus'. */
function model(x: Tensor<'a'>): Tensor<'a'> {
  let y = tap('embedding', x)
  for (let i = 0; i < 2; i++)
    y = within(`blocks.${i}`, () => {
      const twice = tap('twice', y.mul(2))
      return within('inner', () => scope(() => tap('plus', twice.add(1))))
    })
  return tap('logits', y)
}

const numbers = (x: AnyTensor): number[] => [...(x as Tensor).values()]
const input = (): Tensor<'a'> => tensor([1, 2, 3], { a: 3 })

describe('observe', () => {
  test('shows every value by its full name, once, in order', () =>
    on(() => {
      const seen: string[] = []
      const look: Watcher = (value, name) => void seen.push(`${name} ${numbers(value).join()}`)
      const result = observe({ '*': look, '*.*.*': look, '*.*.*.*': look }, () => model(input()))
      expect(numbers(result)).toEqual([7, 11, 15])
      expect(seen).toEqual([
        'embedding 1,2,3',
        'blocks.0.twice 2,4,6',
        'blocks.0.inner.plus 3,5,7',
        'blocks.1.twice 6,10,14',
        'blocks.1.inner.plus 7,11,15',
        'logits 7,11,15',
      ])
    }))

  test('a replaced value flows on', () =>
    on(() => {
      const result = observe({ 'blocks.0.twice': (x) => x.mul(0) }, () => model(input()))
      expect(numbers(result)).toEqual([3, 3, 3])
    }))

  test('gradients flow through what replaces a value', () =>
    on(() => {
      const loss = (x: Tensor<'a'>): Tensor<never> =>
        observe({ 'blocks.*.twice': (y) => y.mul(10) }, () => sum(model(x)))
      expect(numbers(grad(loss)(input()))).toEqual([400, 400, 400])
    }))

  test('several watchers of one name see it one after the other', () =>
    on(() => {
      const seen: number[][] = []
      const result = observe(
        {
          'blocks.1.twice': (x) => x.add(100),
          'blocks.*.twice': (x) => void seen.push(numbers(x)),
          '*.1.*': (x) => x.mul(0),
        },
        () => model(input()),
      )
      expect(seen).toEqual([
        [2, 4, 6],
        [106, 110, 114],
      ])
      expect(numbers(result)).toEqual([1, 1, 1])
    }))

  test('observations nest: the outer one sees what the inner one let through', () =>
    on(() => {
      const seen: number[][] = []
      observe({ logits: (x) => void seen.push(numbers(x)) }, () =>
        observe({ logits: (x) => x.mul(0) }, () => model(input())),
      )
      expect(seen).toEqual([[0, 0, 0]])
    }))

  test('names count from where observe is called', () =>
    on(() => {
      const seen: string[] = []
      const note: Watcher = (_, name) => void seen.push(name)
      const both = (): Tensor<'a'> => within('outer', () => observe({ logits: note }, () => model(input())))
      both()
      observe({ 'outer.logits': note }, both)
      expect(seen).toEqual(['logits', 'logits', 'outer.logits'])
    }))

  test('a watcher may run models of its own, unobserved', () =>
    on(() => {
      let calls = 0
      const watch: Watcher = () => {
        calls++
        within('blocks.0', () => model(input()))
        expect(watched('twice')).toBe(false)
        observe({ logits: () => void calls++ }, () => model(input()))
      }
      observe({ logits: watch }, () => model(input()))
      expect(calls).toBe(2)
    }))

  test('ends with the work, also with work that throws', () =>
    on(() => {
      let calls = 0
      const watchers = { logits: (): void => void calls++ }
      observe(watchers, () => model(input()))
      model(input())
      expect(() =>
        observe(watchers, () => {
          throw new RangeError('stop')
        }),
      ).toThrow(RangeError)
      model(input())
      expect(calls).toBe(1)
      expect(watched('logits')).toBe(false)
    }))

  test('watched tells layers whether anybody looks', () =>
    on(() => {
      const asked: boolean[] = []
      const layer = (): Tensor<'a'> => {
        asked.push(watched('scores', 'filter'))
        return tap('filter', input())
      }
      layer()
      observe({ filter: () => undefined }, layer)
      observe({ 'blocks.*.filter': () => undefined }, () => within('blocks.7', layer))
      observe({ filter: () => undefined }, () => {
        tap('filter', input())
        return within('blocks.7', layer)
      })
      expect(asked).toEqual([false, true, true, false])
    }))

  test('bound work is observed under its names when it runs later', () =>
    on(() => {
      const seen: string[] = []
      let later: (() => Tensor<'a'>) | undefined
      observe({ 'blocks.2.x': (x, name) => (seen.push(name), x.mul(2)) }, () =>
        within('blocks.2', () => {
          later = observedAsNow(() => tap('x', input()))
          return later()
        }),
      )
      expect(numbers(later!())).toEqual([2, 4, 6])
      expect(seen).toEqual(['blocks.2.x', 'blocks.2.x'])
    }))
})

describe('what does not fit is refused', () => {
  const refused = (work: () => unknown): Error => {
    try {
      withDevice(device, () => scope(work))
    } catch (error) {
      return error as Error
    }
    throw new Error('nothing was thrown')
  }

  test('a name that nothing had: the nearest are listed', () => {
    const error = refused(() => observe({ 'blocks.0.twise': () => undefined }, () => model(input())))
    expect(error).toBeInstanceOf(UsageError)
    expect(error.message).toMatch(
      /^observe: expected the name of a value that the work computes, found 'blocks\.0\.twise', which nothing had; the nearest names are 'blocks\.0\.twice', 'blocks\.1\.twice'/,
    )
  })

  test('a pattern that nothing matched', () => {
    const error = refused(() => observe({ 'blocks.*.plus': () => undefined }, () => model(input())))
    expect(error).toBeInstanceOf(UsageError)
    expect(error.message).toContain("'blocks.0.inner.plus'")
  })

  test('work without names', () => {
    const error = refused(() => observe({ logits: () => undefined }, () => input().add(1)))
    expect(error.message).toContain('nothing that it ran has named values')
  })

  test('names that a layer would have computed are offered', () => {
    const error = refused(() =>
      observe({ filtr: () => undefined }, () => (watched('filter'), tap('output', input()))),
    )
    expect(error.message).toContain("'filter'")
  })

  test.each(['', 'a..b', 'blocks.*x', 'block*.0'])("the pattern '%s'", (name) => {
    const error = refused(() => observe({ [name]: () => undefined }, () => model(input())))
    expect(error).toBeInstanceOf(UsageError)
    expect(error.message).toContain(`'${name}'`)
  })

  test('a replacement of another shape', () => {
    const error = refused(() => observe({ logits: (x) => x.slice('a', 0, 2) }, () => model(input())))
    expect(error).toBeInstanceOf(ShapeError)
    expect(error.message).toBe(
      "observe 'logits': expected a replacement like the value: f32 a 3, found f32 a 2; give a tensor with the same axes, sizes and dtype, in any order",
    )
  })

  test('a replacement of another dtype or other axes', () => {
    for (const other of [
      tensor([1, 2, 3], { b: 3 }, { device }),
      tensor([1, 2, 3], { a: 3 }, { dtype: 'i32', device }),
    ])
      expect(refused(() => observe({ logits: () => other }, () => model(input())))).toBeInstanceOf(ShapeError)
  })

  test('a watcher that gives a promise or a number', () => {
    for (const [value, found] of [
      [Promise.resolve(), 'a promise'],
      [3, 'number'],
      [null, 'null'],
    ] as const) {
      const error = refused(() => observe({ logits: (() => value) as never }, () => model(input())))
      expect(error).toBeInstanceOf(StateError)
      expect(error.message).toContain(`found ${found}`)
    }
  })

  test('asynchronous work', () => {
    const error = refused(() =>
      observe({ logits: () => undefined }, async () => {
        model(input())
        await Promise.resolve()
      }),
    )
    expect(error).toBeInstanceOf(StateError)
  })
})

describe('collect', () => {
  test('refuses one name that is no list', () => {
    expect(() => collect('embedding' as never, () => 1)).toThrow(
      `collect: expected a list of names, found the text "embedding"; write collect([`,
    )
  })

  test('keeps values that their scope freed, as part of the scope around the call', () => {
    const before = memoryUse().tensors
    withDevice(device, () => {
      scope(() => {
        const { result, values } = collect(['blocks.*.inner.plus', 'embedding'], () => model(input()))
        expect([...values.keys()]).toEqual(['embedding', 'blocks.0.inner.plus', 'blocks.1.inner.plus'])
        expect(numbers(values.get('blocks.0.inner.plus')!)).toEqual([3, 5, 7])
        expect(numbers(result)).toEqual([7, 11, 15])
      })
    })
    expect(memoryUse().tensors).toBe(before)
  })

  test('what was collected outlives the scope that returns it', () =>
    on(() => {
      const { values } = scope(() => collect(['blocks.1.twice'], () => model(input())))
      expect(numbers(values.get('blocks.1.twice')!)).toEqual([6, 10, 14])
    }))

  test('gradients flow through collected values', () =>
    on(() => {
      const loss = (x: Tensor<'a'>): Tensor<never> => {
        const { values } = collect(['blocks.0.twice'], () => model(x))
        const twice = values.get('blocks.0.twice') as AnyTensor as Tensor<'a'>
        return sum(twice.mul(twice))
      }
      expect(numbers(grad(loss)(input()))).toEqual([8, 16, 24])
    }))

  test('holds the last of values with one name', () =>
    on(() => {
      const { values } = collect(['logits'], () => {
        model(input())
        return model(input().mul(2))
      })
      expect(numbers(values.get('logits')!)).toEqual([11, 19, 27])
    }))

  test('leaves nothing behind where the work throws', () => {
    const before = memoryUse().tensors
    expect(() =>
      withDevice(device, () =>
        scope(() =>
          collect(['logits'], () => {
            model(input())
            throw new RangeError('stop')
          }),
        ),
      ),
    ).toThrow(RangeError)
    expect(memoryUse().tensors).toBe(before)
  })
})
