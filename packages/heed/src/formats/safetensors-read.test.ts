import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FormatError, ShapeError, UsageError } from '../base/index.js'
import { readSafetensors, writeSafetensors, type StoredDtype, type StoredTensor } from './index.js'

const arrays = {
  f64: Float64Array,
  f32: Float32Array,
  f16: Uint16Array,
  bf16: Uint16Array,
  i64: BigInt64Array,
  u64: BigUint64Array,
  i32: Int32Array,
  u32: Uint32Array,
  i16: Int16Array,
  u16: Uint16Array,
  i8: Int8Array,
  u8: Uint8Array,
  f8_e4m3: Uint8Array,
  f8_e5m2: Uint8Array,
  f8_e8m0: Uint8Array,
  bool: Uint8Array,
} as const
const bytes = (data: ArrayBufferView): number[] => [
  ...new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
]

/** Any tensor, of any bits. */
const anyTensor: fc.Arbitrary<StoredTensor> = fc
  .tuple(
    fc.constantFrom(...(Object.keys(arrays) as StoredDtype[])),
    fc.array(fc.nat(4), { maxLength: 3 }),
    fc.infiniteStream(fc.nat(255)),
  )
  .map(([dtype, shape, stream]) => {
    const data = new arrays[dtype](shape.reduce((a, b) => a * b, 1))
    const raw = new Uint8Array(data.buffer)
    for (let i = 0; i < raw.length; i++) raw[i] = stream.next().value as number
    return { dtype, shape, data }
  })
const text = fc.string({ unit: 'binary', maxLength: 12 })
const anyFile = fc.tuple(
  fc.uniqueArray(
    fc.tuple(
      text.filter((name) => name !== '__metadata__'),
      anyTensor,
    ),
    { selector: ([name]) => name, maxLength: 5 },
  ),
  fc.uniqueArray(fc.tuple(text, text), { selector: ([name]) => name, maxLength: 3 }),
)

/** A file of this header and so many zeros behind it. */
function file(header: string | Uint8Array, dataBytes: number = 0, headerBytes?: bigint): Uint8Array {
  const encoded = typeof header === 'string' ? new TextEncoder().encode(header) : header
  const whole = new Uint8Array(8 + encoded.length + dataBytes)
  new DataView(whole.buffer).setBigUint64(0, headerBytes ?? BigInt(encoded.length), true)
  whole.set(encoded, 8)
  return whole
}
const entry = (name: string, begin: number, end: number, shape: string = `[${end - begin}]`): string =>
  `"${name}":{"dtype":"U8","shape":${shape},"data_offsets":[${begin},${end}]}`

describe('safetensors', () => {
  it('gives back what was written, and writes the same again', () => {
    fc.assert(
      fc.property(anyFile, ([tensors, metadata]) => {
        const written = writeSafetensors(new Map(tensors), new Map(metadata))
        const read = readSafetensors(written)
        expect(read.metadata).toEqual(new Map(metadata))
        expect(read.tensors.size).toBe(tensors.length)
        for (const [name, tensor] of tensors) {
          const found = read.tensors.get(name)!
          expect([found.dtype, found.shape, bytes(found.data)]).toEqual([
            tensor.dtype,
            tensor.shape,
            bytes(tensor.data),
          ])
          expect(found.data.constructor).toBe(tensor.data.constructor)
          expect(found.data.buffer).toBe(written.buffer)
          expect(found.toFloat32().length).toBe(tensor.data.length)
        }
        expect(
          bytes(writeSafetensors(new Map(tensors.toReversed()), new Map(metadata.toReversed()))),
        ).toEqual(bytes(written))
        expect(bytes(writeSafetensors(read.tensors, read.metadata))).toEqual(bytes(written))
      }),
      { numRuns: 200 },
    )
  })

  it('writes the header as the format says, padded to 8 bytes, wide numbers first', () => {
    const written = writeSafetensors(
      new Map<string, StoredTensor>([
        ['b', { dtype: 'u8', shape: [3], data: Uint8Array.of(7, 8, 9) }],
        ['c', { dtype: 'f32', shape: [1, 1], data: Float32Array.of(1) }],
        ['a', { dtype: 'u8', shape: [], data: Uint8Array.of(6) }],
      ]),
      new Map([['format', 'pt']]),
    )
    const header =
      '{"__metadata__":{"format":"pt"},"c":{"dtype":"F32","shape":[1,1],"data_offsets":[0,4]},' +
      '"a":{"dtype":"U8","shape":[],"data_offsets":[4,5]},"b":{"dtype":"U8","shape":[3],"data_offsets":[5,8]}}'
    const padded = Math.ceil(header.length / 8) * 8
    expect(new DataView(written.buffer).getBigUint64(0, true)).toBe(BigInt(padded))
    expect(new TextDecoder().decode(written.subarray(8, 8 + padded))).toBe(header.padEnd(padded))
    expect([...written.subarray(8 + padded)]).toEqual([0, 0, 128, 63, 6, 7, 8, 9])
  })

  it('reads files that are not aligned, in a part of a buffer', () => {
    const plain = file('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', 4)
    plain.set([0, 0, 128, 63], plain.length - 4)
    for (let shift = 0; shift < 8; shift++) {
      const shifted = new Uint8Array(plain.length + shift)
      shifted.set(plain, shift)
      const part = shifted.subarray(shift)
      const shared = new Uint8Array(new SharedArrayBuffer(shifted.length)).subarray(shift)
      shared.set(part)
      for (const bytes of [part, Buffer.from(shifted.buffer, shift), shared]) {
        expect([...readSafetensors(bytes).tensors.get('a')!.toFloat32()]).toEqual([1])
      }
    }
  })

  it('reads white space, escapes, any order of fields, an empty file and an empty name', () => {
    const header =
      ' {\n"a\\u0041\\n" : { "shape" : [ 2 , 0 ] , "data_offsets":[0,0],\t"dtype":"\\u0046\\u0033\\u0032" } , "": ' +
      '{"dtype":"BOOL","shape":[],"data_offsets":[0,1]}, "__metadata__":{}} \r\n '
    expect(
      [...readSafetensors(file(header, 1)).tensors].map(([name, { dtype, shape }]) => [name, dtype, shape]),
    ).toEqual([
      ['aA\n', 'f32', [2, 0]],
      ['', 'bool', []],
    ])
    expect(readSafetensors(file('{}'))).toEqual({
      format: 'safetensors',
      tensors: new Map(),
      metadata: new Map(),
    })
    const odd = readSafetensors(file(`{${entry('__proto__', 0, 0)},"__metadata__":{"__proto__":"x"}}`))
    expect([[...odd.tensors.keys()], odd.metadata.get('__proto__')]).toEqual([['__proto__'], 'x'])
  })
})

describe('a dtype that heed does not read', () => {
  const foreign = (dtype: string, shape: string, end: number): string =>
    `"odd":{"dtype":"${dtype}","shape":${shape},"data_offsets":[0,${end}]}`
  it.each([
    ['C64', 16],
    ['F4', 1],
    ['F6_E2M3', 2],
    ['X128', 7],
  ])('%s leaves the others readable, and is named where it is read', (dtype, bytes) => {
    const content = file(`{${foreign(dtype, '[2]', bytes)},${entry('plain', bytes, bytes + 1)}}`, bytes + 1)
    const { tensors } = readSafetensors(content, 'model.safetensors')
    expect([...tensors.keys()]).toEqual(['odd', 'plain'])
    expect([...tensors.get('plain')!.toFloat32()]).toEqual([0])
    const odd = tensors.get('odd')!
    expect([odd.dtype, odd.shape]).toEqual([dtype, [2]])
    const message = new RegExp(`"odd" in one of the dtypes F32, .*, found ${dtype}; convert that tensor`)
    for (const read of [() => odd.data, () => odd.toFloat32(), () => odd.toTensor({ row: 2 })]) {
      expect(read).toThrow(FormatError)
      expect(read).toThrow(message)
      expect(read).toThrow(expect.objectContaining({ file: 'model.safetensors' }))
    }
  })

  it('must still have the bytes that its shape needs', () => {
    const sized = (dtype: string, end: number): unknown =>
      readSafetensors(file(`{${foreign(dtype, '[3]', end)}}`, end))
    for (const [dtype, end] of [
      ['I16', 5],
      ['U64', 23],
      ['F8_E4M3', 4],
      ['C64', 23],
      ['F4', 1],
    ] as const)
      expect(() => sized(dtype, end)).toThrow(/bytes for "odd"/)
    expect(() => sized('I16', 6)).not.toThrow()
    expect(() => sized('F4', 2)).not.toThrow()
    for (const dtype of ['', 'i16', 'F32 ', 'A'.repeat(33), '__proto__', 'toString'])
      expect(() => sized(dtype, 3)).toThrow(/a dtype such as F32/)
  })
})

describe('a hostile file', () => {
  const cases: [string, Uint8Array, RegExp][] = [
    ['nothing', new Uint8Array(0), /at least 8 bytes, found 0/],
    ['a length alone', file('', 0, 5n), /header of 5 bytes/],
    ['a header over 24 MiB', file('{}', 0, 25_165_825n), /at most 25165824 bytes/],
    ['the largest length', file('{}', 0, 2n ** 64n - 1n), /at most 25165824 bytes/],
    ['a header over the file', file('{}', 0, 3n), /header of 3 bytes, found 2 bytes/],
    ['no header', file(''), /expected an object, found the end at 1:1/],
    ['an array', file('[]'), /expected an object, found a list/],
    [
      'a header cut short',
      file('{"a":{"dtype":"U8","shape":[1],"data'),
      /\['a'\] to be a string that ends, found the end/,
    ],
    ['bytes behind the header', file('{}{}'), /expected nothing more, found an object at 1:3/],
    ['a byte order mark', file('\uFEFF{}'), /expected '{', found a byte order mark/],
    ['zeros behind the header', file('{}\0'), /expected nothing more/],
    ['a comma too many', file(`{${entry('a', 0, 1)},}`, 1), /a name in quotes/],
    ['no comma', file(`{${entry('a', 0, 1)}${entry('b', 1, 2)}}`, 2), /',' or '}'/],
    [
      'a name twice',
      file(`{${entry('a', 0, 1)},${entry('a', 0, 1)}}`, 1),
      /\['a'\] to be there once, found it again/,
    ],
    ['a name twice, once escaped', file(`{${entry('a', 0, 1)},${entry('\\u0061', 0, 1)}}`, 1), /there once/],
    [
      'a field twice',
      file('{"a":{"dtype":"U8","dtype":"U8","shape":[0],"data_offsets":[0,0]}}'),
      /there once/,
    ],
    ['metadata twice', file('{"__metadata__":{},"__metadata__":{}}'), /there once/],
    [
      'metadata that is no text',
      file('{"__metadata__":{"a":1}}'),
      /\['a'\] to be a string, found 1|\['__metadata__'\]\['a'\] to be a string, found 1/,
    ],
    ['metadata with a name twice', file('{"__metadata__":{"a":"1","a":"1"}}'), /there once/],
    [
      'an unknown field',
      file('{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0],"x":1}}'),
      /\['a'\]\.x to be dtype, shape or data_offsets, found another field/,
    ],
    [
      'no dtype',
      file('{"a":{"shape":[0],"data_offsets":[0,0]}}'),
      /\['a'\] to be a dtype, a shape and two data_offsets, found less/,
    ],
    [
      'a dtype in small letters',
      file('{"a":{"dtype":"f32","shape":[0],"data_offsets":[0,0]}}'),
      /found "f32"/,
    ],
    ['one offset', file('{"a":{"dtype":"U8","shape":[0],"data_offsets":[0]}}'), /found less/],
    ['three offsets', file('{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0,0]}}'), /at most 2 numbers/],
    ['a fraction', file(`{${entry('a', 0, 1, '[1.0]')}}`, 1), /whole number from 0 below 2\^53, found 1\.0/],
    ['an exponent', file(`{${entry('a', 0, 1, '[1e0]')}}`, 1), /whole number/],
    ['a negative size', file(`{${entry('a', 0, 1, '[-1]')}}`, 1), /whole number from 0/],
    ['a leading zero', file(`{${entry('a', 0, 1, '[01]')}}`, 1), /',' or '\]' in \['a'\]\.shape, found 1/],
    ['a size of 2^53', file(`{${entry('a', 0, 1, '[9007199254740992]')}}`, 1), /below 2\^53/],
    [
      'a size of a million digits',
      file(`{${entry('a', 0, 1, `[${'9'.repeat(1e6)}]`)}}`, 1),
      /at most 1000 digits, found one of 1000000/,
    ],
    [
      'a product that overflows',
      file(`{${entry('a', 0, 0, '[4294967296,4294967296,0]')}}`),
      /0 bytes for "a", found shape/,
    ],
    ['a rank of a million', file(`{${entry('a', 0, 1, `[${'1,'.repeat(1e6)}1]`)}}`, 1), /at most 64 numbers/],
    ['brackets a million deep', file(`{"a":${'['.repeat(1e6)}`), /\['a'\] to be an object, found a list/],
    ['a size too small', file(`{${entry('a', 0, 2, '[1]')}}`, 2), /2 bytes for "a"/],
    ['offsets backwards', file(`{${entry('a', 1, 0, '[1]')}}`, 1), /within 1 bytes/],
    ['data cut short', file(`{${entry('a', 0, 2)}}`, 1), /within 1 bytes of data, found bytes 0 to 2/],
    ['data left over', file(`{${entry('a', 0, 2)}}`, 3), /2 bytes of data, found 3/],
    [
      'a hole',
      file(`{${entry('a', 0, 1)},${entry('b', 2, 3)}}`, 3),
      /"b" to begin at byte 1 .* found byte 2/,
    ],
    ['a hole at the start', file(`{${entry('a', 1, 2)}}`, 2), /begin at byte 0/],
    ['an overlap', file(`{${entry('a', 0, 2)},${entry('b', 1, 3)}}`, 3), /"b" to begin at byte 2/],
    ['the same place twice', file(`{${entry('a', 0, 2)},${entry('b', 0, 2)}}`, 2), /begin at byte 2/],
    [
      'an empty tensor inside another',
      file(`{${entry('a', 0, 2)},${entry('b', 1, 1)}}`, 2),
      /begin at byte 2/,
    ],
    ['a broken escape', file('{"\\q":{}}'), /the escapes of JSON/],
    ['an escape at the end', file('{"\\'), /string that ends/],
    ['a control character', file('{"a\n":{}}'), /the control character 10/],
    ['broken UTF-8', file(Uint8Array.of(0x7b, 0x22, 0xff, 0x22)), /JSON in UTF-8, found another byte at 10/],
    ['half a surrogate pair', file('{"\\ud800":{}}'), /surrogate/],
    [
      'more tensors than any model has',
      file(`{${Array.from({ length: 3 * 2 ** 14 + 1 }, (_, i) => entry(`t${i}`, 0, 0)).join(',')}}`),
      /at most 49152 tensors/,
    ],
    [
      'more metadata than any model has',
      file(`{"__metadata__":{${Array.from({ length: 2 ** 16 + 1 }, (_, i) => `"${i}":""`).join(',')}}}`),
      /at most 65536/,
    ],
    ['a name of escapes alone', file(`{"${'\\u0061'.repeat(1e6)}":0}`), /to be an object, found 0/],
  ]

  it.each(cases)('with %s is refused', (_, hostile, message) => {
    const refused = (): unknown => readSafetensors(hostile, 'model.safetensors')
    expect(refused).toThrow(FormatError)
    expect(refused).toThrow(message)
    expect(refused).toThrow(
      expect.objectContaining({
        operation: 'readSafetensors',
        file: 'model.safetensors',
        offset: expect.any(Number),
      }),
    )
  })

  it('never gives anything but tensors or a FormatError, whatever bytes change', () => {
    const mutation = fc.record({
      kind: fc.constantFrom('set', 'insert', 'delete', 'cut', 'swap'),
      at: fc.double({ min: 0, max: 1, noNaN: true }),
      byte: fc.oneof(
        fc.nat(255),
        fc.constantFrom(...[...'{}[]":,0123456789\\ eE-.'].map((c) => c.charCodeAt(0))),
      ),
    })
    let refusals = 0
    fc.assert(
      fc.property(
        anyFile,
        fc.array(mutation, { minLength: 1, maxLength: 4 }),
        fc.boolean(),
        ([tensors, metadata], mutations, fixLength) => {
          const whole = [...writeSafetensors(new Map(tensors), new Map(metadata))]
          const before = whole.length
          for (const { kind, at, byte } of mutations) {
            const place = Math.floor(at * whole.length)
            if (kind === 'set') whole[place] = byte
            else if (kind === 'insert') whole.splice(place, 0, byte)
            else if (kind === 'delete') whole.splice(place, 1)
            else if (kind === 'cut') whole.length = place
            else whole.push(...whole.splice(place, 1))
          }
          const mutated = Uint8Array.from(whole)
          if (fixLength && mutated.length >= 8) {
            const view = new DataView(mutated.buffer)
            view.setBigUint64(
              0,
              (view.getBigUint64(0, true) + BigInt(mutated.length) - BigInt(before)) & 0xffffffffffffffffn,
              true,
            )
          }
          try {
            for (const { shape, data } of readSafetensors(mutated).tensors.values())
              expect(data.length).toBe(shape.reduce((a, b) => a * b, 1))
          } catch (error) {
            expect(error).toBeInstanceOf(FormatError)
            refusals++
          }
        },
      ),
      { numRuns: 1000 },
    )
    expect(refusals).toBeGreaterThan(0)
  })
})

describe('writing', () => {
  const one: StoredTensor = { dtype: 'f32', shape: [1], data: new Float32Array(1) }

  it.each([
    ['the name of the metadata', new Map([['__metadata__', one]]), UsageError],
    ['half a surrogate pair', new Map([['\ud800', one]]), UsageError],
    ['an array of another dtype', new Map([['a', { ...one, dtype: 'f16' as const }]]), UsageError],
    ['an unknown dtype', new Map([['a', { ...one, dtype: 'constructor' as StoredDtype }]]), UsageError],
    ['a shape of another size', new Map([['a', { ...one, shape: [2] }]]), ShapeError],
    ['a shape of fractions', new Map([['a', { ...one, shape: [0.5, 2] }]]), ShapeError],
    ['a negative shape', new Map([['a', { ...one, shape: [-1, -1] }]]), ShapeError],
  ])('refuses %s', (_, tensors: Map<string, StoredTensor>, type) => {
    expect(() => writeSafetensors(tensors)).toThrow(type)
  })
})

const shared = process.env['HEED_SHARED']
const reference = shared === undefined ? undefined : join(shared, 'reference')
const folders = ['attention', 'layers', 'training', 'images']

describe.skipIf(reference === undefined || !existsSync(reference))(
  'files of the reference (set HEED_SHARED to run)',
  () => {
    it.each(folders)('%s: are read, written and read again', (folder) => {
      const names = readdirSync(join(reference!, folder), { recursive: true, encoding: 'utf8' }).filter(
        (name) => name.endsWith('.safetensors'),
      )
      expect(names.length).toBeGreaterThan(0)
      for (const name of names) {
        const read = readSafetensors(readFileSync(join(reference!, folder, name)), name)
        expect(read.tensors.size).toBeGreaterThan(0)
        const again = readSafetensors(writeSafetensors(read.tensors, read.metadata))
        expect([...again.tensors.keys()].sort()).toEqual([...read.tensors.keys()].sort())
        for (const [key, tensor] of read.tensors) {
          const { dtype, shape, data } = again.tensors.get(key)!
          expect([dtype, shape]).toEqual([tensor.dtype, tensor.shape])
          const raw = tensor.data
          expect(
            Buffer.compare(
              Buffer.from(data.buffer, data.byteOffset, data.byteLength),
              Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength),
            ),
          ).toBe(0)
        }
      }
    })

    it('attention: the filter that causal-7 holds sums to 1 along the keys', () => {
      const { tensors } = readSafetensors(readFileSync(join(reference!, 'attention', 'causal-7.safetensors')))
      const filter = tensors.get('filter')!
      expect(filter.shape).toEqual([2, 2, 7, 7])
      const numbers = filter.toFloat32()
      for (let row = 0; row < 28; row++) {
        expect(numbers.subarray(row * 7, row * 7 + 7).reduce((sum, number) => sum + number, 0)).toBeCloseTo(
          1,
          6,
        )
      }
    })
  },
)
