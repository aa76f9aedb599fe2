import { describe, expect, test } from 'vitest'
import { DtypeError, type HeedError, MemoryError, ShapeError, UsageError } from '../base/index.js'
import { Device } from '../device/index.js'
import { interpreter, wasmTarget } from '../targets/index.js'
import {
  activate,
  concat,
  dot,
  exp,
  expand,
  full,
  memoryUse,
  map,
  max,
  mean,
  min,
  range,
  scope,
  sum,
  tensor,
  type Tensor,
  withDevice,
  zeros,
} from './index.js'

// What tensors and their operations refuse: a typed error that names the operation, the axis, what was
// expected and what was found.

const device = new Device(interpreter)
const on = <T>(work: () => T): T => withDevice(device, () => scope(work))
const x = (): Tensor<'row' | 'column'> => tensor([1, 2, 3, 4, 5, 6], { row: 2, column: 3 })
/** What the compiler would not let pass. */
const any = (value: unknown): never => value as never

type Case = readonly [
  what: string,
  work: () => unknown,
  type: new (...values: never[]) => HeedError,
  operation: string,
  axis: string | undefined,
  expected: RegExp,
  found: RegExp,
]
const cases: readonly Case[] = [
  ['a size below 0', () => zeros({ a: -1 }), ShapeError, 'tensor', 'a', /size of at least 0/, /^-1$/],
  ['half a position', () => full({ a: 1.5 }, 0), ShapeError, 'tensor', 'a', /integer/, /^1\.5$/],
  [
    'too many elements',
    () => zeros({ a: 2 ** 16, b: 2 ** 15 }),
    ShapeError,
    'tensor',
    'b',
    /2\^31/,
    /a 65536, b 32768/,
  ],
  ['an axis that is a number', () => zeros({ 7: 1 }), ShapeError, 'tensor', '7', /word/, /'7'/],
  ['too few numbers', () => tensor([1, 2], { a: 3 }), ShapeError, 'tensor', undefined, /3 numbers/, /^2$/],
  ['f64', () => tensor([1], { a: 1 }, { dtype: 'f64' }), DtypeError, 'tensor', undefined, /dtype/, /f64/],
  ['a negative range', () => range('a', -1), ShapeError, 'tensor', 'a', /at least 0/, /-1/],
  [
    'an axis it lacks',
    () => x().size(any('width')),
    ShapeError,
    'size',
    'width',
    /an axis 'width'/,
    /row, column/,
  ],
  [
    'several elements as one',
    () => x().item(),
    ShapeError,
    'item',
    undefined,
    /one element/,
    /row 2, column 3/,
  ],
  [
    'an incomplete order',
    () => x().values(['row']),
    ShapeError,
    'values',
    undefined,
    /row, column once/,
    /^row$/,
  ],
  [
    'two sizes',
    () => x().add(tensor([1, 2], { column: 2 })),
    ShapeError,
    'add',
    'column',
    /of size 3/,
    /^2$/,
  ],
  [
    'two sizes in a map',
    () => map((a, b) => a.mul(b), x(), zeros({ row: 5 })),
    ShapeError,
    'map',
    'row',
    /of size 2/,
    /^5$/,
  ],
  ['a map of nothing', () => map(any(() => 1)), UsageError, 'map', undefined, /at least one tensor/, /none/],
  [
    'a map to a number',
    () =>
      map(
        any(() => 1),
        x(),
      ),
    UsageError,
    'map',
    undefined,
    /expression/,
    /number/,
  ],
  [
    'a map to whole numbers',
    () => map((v) => any(v.toInteger()), x()),
    UsageError,
    'map',
    undefined,
    /floats/,
    /whole/,
  ],
  [
    'two devices',
    () => x().add(tensor([1], { a: 1 }, { device: other })),
    ShapeError,
    'add',
    undefined,
    /one device/,
    /wasm/,
  ],
  ['integers in a function', () => exp(range('a', 3)), DtypeError, 'exp', undefined, /f32/, /i32 a 3/],
  [
    'integers in an activation',
    () => activate(range('a', 3), 'silu'),
    DtypeError,
    'silu',
    undefined,
    /f32/,
    /i32/,
  ],
  [
    'halves in a product',
    () => dot(tensor([1], { a: 1 }, { dtype: 'f16' }), zeros({ a: 1 }), 'a'),
    DtypeError,
    'dot',
    undefined,
    /f32/,
    /f16 a 1/,
  ],
  [
    'a product over an axis of one',
    () => dot(x(), zeros({ width: 3 }), any('width')),
    ShapeError,
    'dot',
    'width',
    /both/,
    /row 2, column 3 and f32 width 3/,
  ],
  [
    'a product of two sizes',
    () => dot(x(), zeros({ column: 4 }), 'column'),
    ShapeError,
    'dot',
    'column',
    /of size 3/,
    /^4$/,
  ],
  [
    'a sum over an axis it lacks',
    () => sum(x(), any('width')),
    ShapeError,
    'sum',
    'width',
    /'width'/,
    /row, column/,
  ],
  ['the largest of nothing', () => max(zeros({ a: 0 })), ShapeError, 'max', 'a', /one position/, /0/],
  [
    'the least of nothing',
    () => min(zeros({ a: 2, b: 0 }), 'b'),
    ShapeError,
    'min',
    'b',
    /one position/,
    /0/,
  ],
  [
    'a new name for nothing',
    () => x().rename(any({ width: 'a' })),
    ShapeError,
    'rename',
    'width',
    /'width'/,
    /row, column/,
  ],
  ['one name twice', () => x().rename({ row: 'column' }), ShapeError, 'rename', 'column', /once/, /twice/],
  ['a number as a name', () => x().rename({ row: '1' }), ShapeError, 'rename', '1', /word/, /'1'/],
  [
    'parts of another product',
    () => x().split('column', { a: 2, b: 2 }),
    ShapeError,
    'split',
    'column',
    /product is 3/,
    /a 2, b 2 \(product 4\)/,
  ],
  ['half a part', () => x().split('column', { a: 0.5, b: 6 }), ShapeError, 'split', 'a', /integer/, /0\.5/],
  [
    'a part with a name there is',
    () => x().split('column', { row: 3 }),
    ShapeError,
    'split',
    'row',
    /once/,
    /twice/,
  ],
  ['no axes as one', () => x().merge([], 'all'), ShapeError, 'merge', undefined, /at least one axis/, /none/],
  [
    'an axis twice as one',
    () => x().merge(['row', 'row'], 'all'),
    ShapeError,
    'merge',
    undefined,
    /once/,
    /row, row/,
  ],
  [
    'a slice beyond the end',
    () => x().slice('column', 1, 4),
    ShapeError,
    'slice',
    'column',
    /end ≤ 3/,
    /start 1, end 4/,
  ],
  ['a position beyond the end', () => x().at('column', 3), ShapeError, 'at', 'column', /0 to 2/, /^3$/],
  ['a position from the end', () => x().at('column', -1), ShapeError, 'at', 'column', /0 to 2/, /^-1$/],
  ['an axis there is, wider', () => expand(x(), { row: 4 }), ShapeError, 'expand', 'row', /size 2/, /^4$/],
  ['fewer than no positions', () => expand(x(), { a: -1 }), ShapeError, 'expand', 'a', /at least 0/, /-1/],
  [
    'other axes',
    () => x().withAxes('row', 'width'),
    ShapeError,
    'withAxes',
    undefined,
    /row, width/,
    /row 2, column 3/,
  ],
  ['fewer axes', () => x().withAxes('row'), ShapeError, 'withAxes', undefined, /axes row$/, /column/],
  [
    'nothing one after the other',
    () => concat([], any('a')),
    UsageError,
    'concat',
    undefined,
    /at least one/,
    /none/,
  ],
]
const other = new Device(wasmTarget({ lanes: 4, relaxed: false, shared: false }))

describe('refused:', () => {
  test.each(cases)('%s', (_, work, type, operation, axis, expected, found) => {
    const before = memoryUse().tensors
    const error = on(() => {
      try {
        work()
      } catch (thrown) {
        return thrown as HeedError & { readonly axis?: string }
      }
      return undefined
    })
    expect(error).toBeInstanceOf(type)
    expect({ operation: error!.operation, axis: error!.axis }).toEqual({ operation, axis })
    expect(error!.expected).toMatch(expected)
    expect(error!.found).toMatch(found)
    expect(error!.hint).not.toBe('')
    expect(memoryUse().tensors).toBe(before)
  })

  test('more than the heap has: what is held is told, and work goes on', () => {
    const small = new Device(interpreter, { maximumBytes: 2 ** 20 })
    withDevice(small, () =>
      scope(() => {
        const one = zeros({ a: 2 ** 16 })
        expect(() => one.add(zeros({ b: 2 ** 5 }))).toThrow(MemoryError)
        expect(() => one.add(1)).toThrow(
          /allocate: expected 524288 bytes of the heap's 1048576, found .* in use/,
        )
        expect(sum(one.slice('a', 0, 10)).item()).toBe(0)
      }),
    )
    expect(small.heap.use().used).toBe(0)
  })
})

test('withAxes tells the compiler what the run knows', () =>
  on(() => {
    const unknown = x() as unknown as Tensor<string>
    const known: Tensor<'column' | 'row'> = unknown.withAxes('column', 'row')
    expect(known).toBe(unknown)
    expect(mean(unknown.at('row', 0).withAxes('column')).item()).toBe(2)
  }))

test('an axis that is named twice counts once', () =>
  on(() => {
    expect(sum(x(), ['row', 'row']).shape).toEqual({ column: 3 })
    expect(
      dot(x(), x().rename({ row: 'other' }), ['column', 'column'])
        .at('row', 0)
        .values(),
    ).toEqual(Float64Array.of(14, 32))
  }))
