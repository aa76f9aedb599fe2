import * as fc from 'fast-check'
import { describe as suite, expect, it } from 'vitest'
import { axesOf, describe, sameShape, ShapeError, sizeOf, validateShape, type Shape } from './index.js'

const shapes = fc
  .uniqueArray(fc.tuple(fc.constantFrom('batch', 'head', 'query', 'key', 'width'), fc.nat(20)), {
    selector: ([axis]) => axis,
  })
  .map((entries): Shape => Object.fromEntries(entries))

suite('named shapes', () => {
  it('keep the order of their axes', () => {
    const shape = { batch: 2, head: 4, query: 7 }
    expect(axesOf(shape)).toEqual(['batch', 'head', 'query'])
    expect(describe(shape)).toBe('batch 2, head 4, query 7')
    expect(sizeOf(shape)).toBe(56)
  })

  it('hold one element without axes, none with an axis of size 0', () => {
    expect([sizeOf({}), describe({})]).toEqual([1, 'scalar'])
    expect(sizeOf({ batch: 0, width: 3 })).toBe(0)
  })

  it('are the same with the same axes, sizes and order', () => {
    fc.assert(
      fc.property(shapes, (shape) => {
        validateShape('test', shape)
        expect(sameShape(shape, { ...shape })).toBe(true)
        const axes = axesOf(shape)
        const reversed: Shape = Object.fromEntries(axes.toReversed().map((axis) => [axis, shape[axis]!]))
        expect(sameShape(shape, reversed)).toBe(axes.length < 2)
        expect(sameShape(shape, { ...shape, extra: 1 })).toBe(false)
        if (axes.length > 0) expect(sameShape(shape, { ...shape, [axes[0]!]: 99 })).toBe(false)
      }),
    )
  })

  it.each([
    [{ batch: -1 }, 'batch', /integer size of at least 0, found -1/],
    [{ batch: 1, head: 1.5 }, 'head', /found 1\.5/],
    [{ batch: Number.NaN }, 'batch', /found NaN/],
    [{ batch: Infinity }, 'batch', /found Infinity/],
    [{ batch: '3' as unknown as number }, 'batch', /found a string/],
    [{ batch: 65536, width: 32768 }, 'width', /fewer than 2\^31 .* found batch 65536, width 32768/],
    [{ none: 0, width: 2 ** 31 }, 'width', /fewer than 2\^31/],
    [{ 0: 3 }, '0', /found '0'/],
    [{ '007': 3 }, '007', /found '007'/],
    [{ '': 3 }, '', /axis name/],
    [JSON.parse('{"__proto__":3}') as Shape, '__proto__', /axis name/],
  ])('refuse %j', (shape: Shape, axis, message) => {
    const refused = (): void => validateShape('zeros', shape)
    expect(refused).toThrow(ShapeError)
    expect(refused).toThrow(message)
    expect(refused).toThrow(expect.objectContaining({ operation: 'zeros', axis }))
  })

  it('refuse what is no record', () => {
    for (const wrong of [null, undefined, 3, 'batch', [2, 3]]) {
      expect(() => validateShape('zeros', wrong as unknown as Shape)).toThrow(ShapeError)
    }
  })

  it('take the largest size there is', () => {
    expect(() => validateShape('zeros', { batch: 2 ** 31 - 1 })).not.toThrow()
  })
})
