import { describe, expect, test } from 'vitest'
import { DtypeError, ShapeError, UsageError } from '../base/index.js'
import { Device } from '../device/index.js'
import { interpreter, wasmTarget } from '../targets/index.js'
import {
  cast,
  full,
  memoryUse,
  normal,
  range,
  scalar,
  scope,
  tensor,
  type TensorOptions,
  withDevice,
} from './index.js'
import { randomKey } from '../base/index.js'

type StoredDtype = NonNullable<TensorOptions['dtype']>
const devices = [
  ['the interpreter', new Device(interpreter)],
  ['wasm', new Device(wasmTarget({ lanes: 4, relaxed: false, shared: false }))],
] as const

const wrong: readonly (readonly [value: unknown, dtypes: readonly StoredDtype[], found: string])[] = [
  [NaN, ['i32', 'u8', 'i8'], 'NaN'],
  [Infinity, ['i32', 'u8', 'i8'], 'Infinity'],
  [-Infinity, ['i32', 'u8', 'i8'], '-Infinity'],
  [1.5, ['i32', 'u8', 'i8'], '1.5'],
  [3e9, ['i32', 'u8', 'i8'], '3000000000'],
  [2 ** 31, ['i32'], '2147483648'],
  [-(2 ** 31) - 1, ['i32'], '-2147483649'],
  [-1, ['u8'], '-1'],
  [256, ['u8'], '256'],
  [300, ['u8', 'i8'], '300'],
  [128, ['i8'], '128'],
  [-129, ['i8'], '-129'],
  [65520, ['f16'], '65520'],
  [-1e5, ['f16'], '-100000'],
  [3.4e38, ['f16', 'bf16'], '3.4e+38'],
  ['x', ['f32', 'f16', 'bf16', 'i32', 'u8', 'i8'], 'the text "x"'],
  ['3', ['f32', 'i32'], 'the text "3"'],
  [true, ['f32', 'i32', 'u8'], 'true'],
  [null, ['f32', 'i32'], 'null'],
  [undefined, ['f32', 'f16', 'i32'], 'undefined'],
  [7n, ['f32', 'i32'], 'the bigint 7'],
  [[1], ['f32', 'i32'], 'an array'],
  [{}, ['f32', 'i32'], 'an object'],
]
const cases = wrong.flatMap(([value, dtypes, found]) => dtypes.map((dtype) => [value, dtype, found] as const))

describe.each(devices)('numbers that come in on %s', (_, device) => {
  const on = <T>(work: () => T): T => withDevice(device, () => scope(work))
  const expectRefusal = (work: () => unknown, message: string): void =>
    withDevice(device, () => {
      const before = [memoryUse().tensors, device.heap.use().used]
      let found: unknown
      try {
        work()
      } catch (error) {
        found = error
      }
      expect(found).toBeInstanceOf(DtypeError)
      expect((found as DtypeError).message).toContain(message)
      expect([memoryUse().tensors, device.heap.use().used]).toEqual(before)
    })

  test.each(cases)('%s is no %s', (value, dtype, found) => {
    const data = [0, 1, 2, 3, value, 5] as number[]
    expectRefusal(() => tensor(data, { row: 2, column: 3 }, { dtype }), `found ${found} at row 1, column 1`)
    if (!Array.isArray(value) && typeof value === 'number') {
      expectRefusal(() => full({ row: 2 }, value, { dtype }), `full: expected`)
      expectRefusal(() => scalar(value, { dtype }), `found ${found}`)
      expectRefusal(() => tensor(Float64Array.of(1, value), { row: 2 }, { dtype }), `found ${found} at row 1`)
    } else expectRefusal(() => full({ row: 2 }, value as number, { dtype }), `found ${found}`)
  })

  test('holes are no numbers', () => {
    // oxlint-disable-next-line no-sparse-arrays
    const data = [1, , 3] as number[]
    expectRefusal(() => tensor(data, { row: 3 }), 'found undefined at row 1')
  })

  test.each([
    ['BigInt64Array', BigInt64Array.of(1n, 2n), 'Int32Array.from(data, Number)'],
    ['BigUint64Array', BigUint64Array.of(1n, 2n), 'Int32Array.from(data, Number)'],
    ['a text', '12', 'one flat list'],
    ['nothing', undefined, 'found undefined'],
    ['null', null, 'found null'],
    ['a function', () => 1, 'found a function'],
    ['a buffer', new ArrayBuffer(8), 'one flat list'],
    ['a set', new Set([1, 2]), 'one flat list'],
    ['a bigint', 3n, 'the bigint 3'],
    ['a condition', true, 'found true'],
  ])('%s is no list of numbers', (_what, data, message) =>
    expectRefusal(() => tensor(data as never, { row: 2 }), message),
  )

  test('nested lists are to be flattened', () => {
    const nested = [
      [1, 2],
      [3, 4],
    ] as never
    expect(() => on(() => tensor(nested, { row: 2, column: 2 }))).toThrow(ShapeError)
    expect(() => on(() => tensor(nested, { row: 2, column: 2 }))).toThrow(/data\.flat\(Infinity\)/)
    expectRefusal(() => tensor(nested, { row: 2 }), 'data.flat(Infinity)')
  })

  test('what fits stays as it is, at the ends of each range too', () =>
    on(() => {
      const kept = (numbers: number[], dtype: StoredDtype): unknown => [
        ...tensor(numbers, { row: numbers.length }, { dtype }).values(),
      ]
      for (const [dtype, numbers] of [
        ['i32', [-(2 ** 31), 2 ** 31 - 1, 0, -1]],
        ['u8', [0, 255]],
        ['i8', [-128, 127]],
        ['f16', [65504, -65504, Infinity, -Infinity, NaN, 2 ** -24]],
        ['bf16', [2 ** 127, Infinity, NaN, -1]],
        ['f32', [2 ** 127, 2 ** -149, Infinity, -Infinity, NaN, -0]],
      ] as const)
        expect(kept([...numbers], dtype)).toEqual(numbers)
      expect(kept([65519.99], 'f16')).toEqual([65504])
      expect([...full({ row: 2 }, -7, { dtype: 'i8' }).values()]).toEqual([-7, -7])
      expect([...full({ row: 1 }, 1 / 3, { dtype: 'f16' }).values()]).toEqual([0.333251953125])
    }))

  test.each([
    [Float32Array.of(1, 2), 'f32'],
    [Float64Array.of(1, 2), 'f32'],
    [Int8Array.of(1, 2), 'i8'],
    [Uint8Array.of(1, 2), 'u8'],
    [Uint8ClampedArray.of(1, 2), 'u8'],
    [Int16Array.of(1, 2), 'i32'],
    [Uint16Array.of(1, 2), 'i32'],
    [Int32Array.of(1, 2), 'i32'],
    [Uint32Array.of(1, 2), 'i32'],
    [[1, 2], 'f32'],
  ] as const)('%o is stored as %s', (data, dtype) =>
    on(() => {
      const made = tensor(data, { row: 2 })
      expect([made.dtype, ...made.values()]).toEqual([dtype, 1, 2])
    }),
  )

  test('bits of halves come in as they are; other lists are numbers', () =>
    on(() => {
      expect([...tensor(Uint16Array.of(0x3c00), { row: 1 }, { dtype: 'f16' }).values()]).toEqual([1])
      expect([...tensor(Int16Array.of(3), { row: 1 }, { dtype: 'bf16' }).values()]).toEqual([3])
    }))

  test('integers of larger types come in where they fit', () => {
    expectRefusal(() => tensor(Uint32Array.of(1, 2 ** 32 - 1), { row: 2 }), 'found 4294967295 at row 1')
    expectRefusal(() => tensor(Int32Array.of(1, 300), { row: 2 }, { dtype: 'u8' }), 'found 300 at row 1')
    on(() =>
      expect([...tensor(Int32Array.of(1, 200), { row: 2 }, { dtype: 'u8' }).values()]).toEqual([1, 200]),
    )
  })

  test('a cast cuts off towards 0, and refuses what does not fit', () => {
    on(() => {
      const x = tensor([1.9, -1.9, 2 ** 30, -0.5], { row: 4 })
      expect([...cast(x, 'i32').values()]).toEqual([1, -1, 2 ** 30, 0])
      expect([...cast(tensor([-128.9, 127.9], { row: 2 }), 'i8').values()]).toEqual([-128, 127])
      expect([...cast(cast(range('row', 5), 'f32'), 'i32').values()]).toEqual([0, 1, 2, 3, 4])
    })
    for (const [number, dtype] of [
      [NaN, 'i32'],
      [3e9, 'i32'],
      [-Infinity, 'i8'],
      [256, 'u8'],
      [1e5, 'f16'],
    ] as const)
      on(() => {
        const x = tensor([1, 2, 3, number], { row: 2, column: 2 })
        expectRefusal(() => cast(x, dtype), `cast: expected `)
        expectRefusal(() => cast(x, dtype), `found ${number} at row 1, column 1`)
      })
  })

  test('a deviation is a number', () => {
    expect(() => normal(randomKey(1), { row: 2 }, NaN)).toThrow(UsageError)
    expect(() => normal(randomKey(1), { row: -2 })).toThrow(ShapeError)
    expect(() => range('row', 1e12)).toThrow(ShapeError)
  })
})

test('f32 refuses what only f64 holds', () => {
  withDevice(devices[1][1], () => {
    expect(() => tensor([1, 1e39], { row: 2 })).toThrow(/found 1e\+39 at row 1/)
    expect(() => full({ row: 2 }, -1e300)).toThrow(DtypeError)
    expect(() => tensor(Float64Array.of(3.5e38), { row: 1 })).toThrow(DtypeError)
  })
  scope(() => expect([...tensor([1e39], { row: 1 }, { device: devices[0][1] }).values()]).toEqual([1e39]))
})
