import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { ownTime } from '../testing/own-time.js'
import { FormatError, HeedError, ShapeError, StateError, UsageError } from '../base/index.js'
import { scope } from '../tensor/index.js'
import {
  Gguf,
  type GgufEntry,
  ggufBytes,
  ggufCopy,
  ggufNumbers,
  ggufTypeFor,
  readGguf,
  withGguf,
  writeGguf,
} from './index.js'
import type { GgufValue } from './index.js'

const folder = mkdtempSync(join(tmpdir(), 'heed-gguf-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** Numbers that f16 holds. */
const ramp = (length: number): Float32Array => Float32Array.from({ length }, (_, i) => (i % 61) / 4 - 7)

const metadata: ReadonlyMap<string, GgufValue> = new Map<string, GgufValue>([
  ['general.architecture', { type: 'string', value: 'test' }],
  ['u8', { type: 'u8', value: 255 }],
  ['i8', { type: 'i8', value: -128 }],
  ['u16', { type: 'u16', value: 65535 }],
  ['i16', { type: 'i16', value: -32768 }],
  ['u32', { type: 'u32', value: 2 ** 32 - 1 }],
  ['i32', { type: 'i32', value: -(2 ** 31) }],
  ['f32', { type: 'f32', value: Math.fround(0.1) }],
  ['bool', { type: 'bool', value: true }],
  ['u64', { type: 'u64', value: 2n ** 64n - 1n }],
  ['i64', { type: 'i64', value: -(2n ** 53n) - 1n }],
  ['f64', { type: 'f64', value: 0.1 }],
  ['texts', { type: 'string', value: ['', 'a', 'naïve 🙂'] }],
  ['bools', { type: 'bool', value: [true, false] }],
  ['none', { type: 'string', value: [] }],
  ['i32s', { type: 'i32', value: Int32Array.of(-1, 0, 2 ** 31 - 1) }],
  ['u64s', { type: 'u64', value: BigUint64Array.of(2n ** 63n, 1n) }],
  ['f32s', { type: 'f32', value: Float32Array.of(0.5, -0) }],
])
const tensors: ReadonlyMap<string, GgufEntry> = new Map([
  ['norm.weight', ggufNumbers([5], ramp(5))],
  ['scalar', ggufNumbers([], ramp(1))],
  ['a.weight', ggufNumbers([3, 64], () => ramp(192), 'F16')],
  ['b.weight', ggufNumbers([3, 64], ramp(192), 'Q8_0')],
  ['c.weight', ggufNumbers([2, 1, 3, 7], ramp(42), 'BF16')],
  ['empty', ggufNumbers([0, 32], new Float32Array(0), 'Q8_0')],
])
const bytes = ggufBytes({ metadata, tensors })

/** Metadata as text, so that bigints and typed arrays compare. */
const shown = (values: Iterable<[string, GgufValue | undefined]>): string =>
  JSON.stringify([...values], (_, value: unknown) =>
    typeof value === 'bigint'
      ? `${value}n`
      : ArrayBuffer.isView(value)
        ? Array.from(value as Float32Array)
        : value,
  )

describe('a GGUF file', () => {
  it('gives what was written into it', () => {
    const file = readGguf(bytes)
    expect(shown(file.metadata.names().map((name) => [name, file.metadata.value(name)]))).toBe(
      shown(metadata),
    )
    expect(
      [...file.tensors].map(([name, { shape, dtype, byteLength }]) => [name, shape, dtype, byteLength]),
    ).toEqual([
      ['norm.weight', [5], 'F32', 20],
      ['scalar', [], 'F32', 4],
      ['a.weight', [3, 64], 'F16', 384],
      ['b.weight', [3, 64], 'Q8_0', 204],
      ['c.weight', [2, 1, 3, 7], 'BF16', 84],
      ['empty', [0, 32], 'Q8_0', 0],
    ])
    expect([...file.tensors.get('norm.weight')!.toFloat32()]).toEqual([...ramp(5)])
    expect([...file.tensors.get('a.weight')!.toFloat32()]).toEqual([...ramp(192)])
    expect([...file.tensors.get('c.weight')!.toFloat32()]).toEqual([...ramp(42)])
    expect(file.tensors.get('empty')!.toFloat32()).toHaveLength(0)
    const rounded = file.tensors.get('b.weight')!.toFloat32()
    expect(Math.max(...rounded.map((number, i) => Math.abs(number - ramp(192)[i]!)))).toBeLessThan(0.04)
  })

  it('is the same file when it is written again', () => {
    const file = readGguf(bytes)
    const again = ggufBytes({
      metadata: new Map(file.metadata.names().map((name) => [name, file.metadata.value(name)!])),
      tensors: new Map([...file.tensors].map(([name, tensor]) => [name, ggufCopy(tensor)])),
    })
    expect(Buffer.from(again).equals(bytes)).toBe(true)
  })

  it('is written to the disk and read from there, a tensor at a time', async () => {
    const path = join(folder, 'a.gguf')
    await writeGguf(path, { metadata, tensors })
    expect(readFileSync(path).equals(bytes)).toBe(true)
    withGguf(path, (file) => {
      expect(file.metadata.string('general.architecture')).toBe('test')
      expect([...file.tensors.get('a.weight')!.toFloat32()]).toEqual([...ramp(192)])
      expect(file.tensors.get('b.weight')!.bytes()).toHaveLength(204)
    })
  })

  it('stays open as long as a promise lasts, and no longer', async () => {
    const path = join(folder, 'b.gguf')
    await writeGguf(path, { metadata, tensors })
    const copy = join(folder, 'copy.gguf')
    const tensor = await withGguf(path, async (file) => {
      const copies = new Map([...file.tensors].map(([name, own]) => [name, ggufCopy(own)] as const))
      await writeGguf(copy, { metadata, tensors: copies })
      return file.tensors.get('a.weight')!
    })
    expect(readFileSync(copy).equals(bytes)).toBe(true)
    expect(() => tensor.toFloat32()).toThrow(StateError)
    const failed = withGguf(path, () => Promise.reject(new Error('no')))
    await expect(failed).rejects.toThrow('no')
  })

  it('gives parts of whole blocks', () => {
    const tensor = readGguf(bytes).tensors.get('b.weight')!
    const all = tensor.toFloat32()
    const part = new Float32Array(96)
    tensor.read(64, part)
    expect([...part]).toEqual([...all.subarray(64, 160)])
    expect(tensor.blocks(32, 96)).toEqual(tensor.bytes().subarray(34, 102))
    expect(() => tensor.read(1, part)).toThrow(UsageError)
    expect(() => tensor.read(128, part)).toThrow(UsageError)
    expect(() => tensor.blocks(64, 32)).toThrow(UsageError)
  })

  it('gives tensors with names for their axes', () =>
    scope(() => {
      const { tensors: read } = readGguf(bytes)
      const matrix = read.get('a.weight')!
      expect([...matrix.toTensor({ out: 3, in: 64 }).values()]).toEqual([...ramp(192)])
      const half = matrix.toTensor({ out: 3, head: 2, in: 32 }, 'f16')
      expect([half.dtype, ...half.values()]).toEqual(['f16', ...ramp(192)])
      const rounded = read.get('c.weight')!.toTensor({ a: 42 }, 'bf16')
      expect([rounded.dtype, ...rounded.values()]).toEqual(['bf16', ...ramp(42)])
      expect([...read.get('norm.weight')!.toTensor({ width: 5 }, 'bf16').values()]).toEqual([...ramp(5)])
      expect(() => matrix.toTensor({ out: 3, in: 63 })).toThrow(ShapeError)
      expect(() => matrix.toTensor({ out: 3, in: 64 }, 'i8')).toThrow(FormatError)
    }))

  it('of a type that heed does not know is read but for that tensor', () => {
    const changed = Uint8Array.from(bytes)
    const at = Buffer.from(bytes).indexOf('a.weight') + 8 + 4 + 16
    new DataView(changed.buffer).setUint32(at, 36, true)
    const { tensors: read } = readGguf(changed)
    const tensor = read.get('a.weight')!
    expect([tensor.dtype, tensor.byteLength]).toEqual(['type 36', 384])
    expect(tensor.bytes()).toHaveLength(384)
    for (const ask of [
      () => tensor.toFloat32(),
      () => tensor.toTensor({ a: 192 }),
      () => tensor.read(0, ramp(1)),
    ])
      expect(ask).toThrow('"a.weight" in a type that heed knows')
    expect(read.get('b.weight')!.toFloat32()).toHaveLength(192)
  })

  it('is no list of numbers', () => {
    expect(() => readGguf([1] as never)).toThrow('withGguf')
  })
})

describe('a hostile GGUF file is refused', () => {
  const entry = (name: string): number => Buffer.from(bytes).indexOf(name) + name.length
  const huge = 2n ** 63n
  it.each<[string, (view: DataView) => void]>([
    ['2^63 tensors', (view) => view.setBigUint64(8, huge, true)],
    ['2^64 − 1 tensors', (view) => view.setBigUint64(8, 2n ** 64n - 1n, true)],
    ['2^63 values', (view) => view.setBigUint64(16, huge, true)],
    ['a name of 2^63 bytes', (view) => view.setBigUint64(24, huge, true)],
    [
      'a text of 2^64 − 1 bytes',
      (view) => view.setBigUint64(entry('general.architecture') + 4, 2n ** 64n - 1n, true),
    ],
    ['a list of 2^63 texts', (view) => view.setBigUint64(entry('texts') + 8, huge, true)],
    ['a list of 2^62 numbers', (view) => view.setBigUint64(entry('i32s') + 8, 2n ** 62n, true)],
    ['a size of 2^63', (view) => view.setBigUint64(entry('norm.weight') + 4, huge, true)],
    ['a product above 2^53', (view) => view.setBigUint64(entry('a.weight') + 4, 2n ** 48n, true)],
    ['a size of 2^60 beside one of 0', (view) => view.setBigUint64(entry('empty') + 4, 2n ** 60n, true)],
    ['five dimensions', (view) => view.setUint32(entry('c.weight'), 5, true)],
    ['rows that are no whole blocks', (view) => view.setBigUint64(entry('b.weight') + 4, 48n, true)],
    ['an offset of 2^63', (view) => view.setBigUint64(entry('a.weight') + 24, huge, true)],
    ['an offset behind the end', (view) => view.setBigUint64(entry('c.weight') + 40, 2n ** 20n, true)],
    ['an offset that is not aligned', (view) => view.setBigUint64(entry('a.weight') + 24, 65n, true)],
    ['an offset inside of another tensor', (view) => view.setBigUint64(entry('b.weight') + 24, 96n, true)],
    ['the same name twice', (view) => view.setUint8(entry('a.weight') - 8, 98)],
  ])('%s', (_, change) => {
    const changed = Uint8Array.from(bytes)
    change(new DataView(changed.buffer))
    expect(() => readGguf(changed)).toThrow(FormatError)
  })

  it.each([0, 13, 24, 2 ** 30, 2 ** 31 + 1])('an alignment of %i', (value) => {
    const aligned = ggufBytes({
      metadata: new Map([['general.alignment', { type: 'u32', value: 8 }]]),
      tensors,
    })
    expect(readGguf(aligned).tensors.size).toBe(tensors.size)
    const at = Buffer.from(aligned).indexOf('general.alignment') + 'general.alignment'.length + 4
    new DataView(aligned.buffer, aligned.byteOffset).setUint32(at, value, true)
    expect(() => readGguf(aligned)).toThrow(FormatError)
  })

  it('cut off anywhere', () => {
    const { length } = bytes
    const last = readGguf(bytes).tensors.get('c.weight')!.byteLength
    // Behind the last number stand zeros up to the alignment alone.
    for (let end = 0; end < length - 32 + (last % 32); end++)
      expect(() => readGguf(bytes.subarray(0, end)), String(end)).toThrow(FormatError)
  })

  it('big-endian, with tensors', () => {
    const changed = Uint8Array.from(bytes.subarray(0, 24))
    const view = new DataView(changed.buffer)
    view.setUint32(4, 3)
    view.setBigUint64(8, 0n)
    view.setBigUint64(16, 0n)
    expect(readGguf(changed).tensors.size).toBe(0)
    const one = new Uint8Array(24 + 8 + 1 + 4 + 8 + 4 + 8 + 64)
    one.set(changed)
    const more = new DataView(one.buffer)
    more.setBigUint64(8, 1n)
    more.setBigUint64(24, 1n)
    more.setUint8(32, 97)
    more.setUint32(33, 1)
    more.setBigUint64(37, 1n)
    expect(() => readGguf(one)).toThrow('a little-endian file')
  })

  it('in bounded time and memory, whatever it claims', () => {
    // The most tensors that a file may have, of a name each.
    const count = 2 ** 16
    const many = ggufBytes({
      metadata: new Map(),
      tensors: new Map(
        Array.from({ length: count }, (_, i) => [`t${i}`, ggufNumbers([0], new Float32Array(0))]),
      ),
    })
    const before = process.memoryUsage().rss
    expect(ownTime(() => expect(readGguf(many).tensors.size).toBe(count))).toBeLessThan(1000)
    expect(process.memoryUsage().rss - before).toBeLessThan(64 * 2 ** 20)
  })

  it('of which no more than what it says is there is ever asked for', () => {
    // A file of a tebibyte: a list of as many texts as it has room for.
    const start = ggufBytes({
      metadata: new Map([['texts', { type: 'string', value: ['a'] }]]),
      tensors: new Map(),
    })
    const length = 2 ** 40
    for (const count of [2 ** 23, 2 ** 23 + 1, 2 ** 36]) {
      const own = Uint8Array.from(start)
      new DataView(own.buffer).setBigUint64(24 + 8 + 5 + 8, BigInt(count), true)
      let asked = 0
      const source = {
        length,
        slice(begin: number, end: number) {
          asked += end - begin
          const bytesThere = new Uint8Array(end - begin)
          if (begin < own.length) bytesThere.set(own.subarray(begin, end))
          return bytesThere
        },
      }
      const begun = performance.now()
      const read = (): unknown => new Gguf(source).tensors()
      if (count > 2 ** 23) expect(read).toThrow(FormatError)
      else expect(read()).toEqual([])
      expect(performance.now() - begun).toBeLessThan(1000)
      expect(asked).toBeLessThan(count > 2 ** 23 ? 2 ** 21 : 2 ** 27)
    }
  })

  it('that is one of several is refused, with how to join them', () => {
    const split = ggufBytes({ metadata: new Map([['split.count', { type: 'u16', value: 3 }]]), tensors })
    expect(() => readGguf(split)).toThrow('one of 3 parts; join them')
  })

  it('or read, with any byte changed', () => {
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(255), (at, byte) => {
        const changed = Uint8Array.from(bytes)
        changed[at] = byte
        try {
          const file = readGguf(changed)
          for (const name of file.metadata.names()) file.metadata.value(name)
          for (const tensor of file.tensors.values()) if (tensor.type !== undefined) tensor.toFloat32()
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError)
        }
      }),
    )
  })
})

describe('what a GGUF file can not hold is refused', () => {
  const write = (values: [string, unknown][], entries: [string, GgufEntry][] = []): Uint8Array =>
    ggufBytes({ metadata: new Map(values as [string, GgufValue][]), tensors: new Map(entries) })
  it.each<[string, () => unknown]>([
    ['a number beyond its type', () => write([['a', { type: 'u8', value: 256 }]])],
    ['a negative u64', () => write([['a', { type: 'u64', value: -1 }]])],
    ['a fraction', () => write([['a', { type: 'i32', value: 0.5 }]])],
    ['a number as text', () => write([['a', { type: 'f32', value: '1' }]])],
    ['no text', () => write([['a', { type: 'string', value: 1 }]])],
    ['no boolean', () => write([['a', { type: 'bool', value: 1 }]])],
    ['half a character', () => write([['a', { type: 'string', value: '\ud800' }]])],
    ['another type', () => write([['a', { type: 'complex', value: 1 }]])],
    ['a long key', () => write([['a'.repeat(2 ** 16), { type: 'u8', value: 1 }]])],
    ['an alignment of 13', () => write([['general.alignment', { type: 'u32', value: 13 }]])],
    ['a name of 64 bytes', () => write([], [['a'.repeat(64), ggufNumbers([1], ramp(1))]])],
    ['five dimensions', () => write([], [['a', ggufNumbers([1, 1, 1, 1, 1], ramp(1))]])],
    ['rows of 33 in Q8_0', () => write([], [['a', ggufNumbers([1, 33], ramp(33), 'Q8_0')]])],
    ['too few numbers', () => write([], [['a', ggufNumbers([3], ramp(2))]])],
    ['too many numbers', () => write([], [['a', ggufNumbers([3], ramp(4))]])],
    [
      'half a block',
      () => write([], [['a', { shape: [32], type: 'Q8_0', parts: () => [ramp(16), ramp(16)] }]]),
    ],
    ['numbers as Q4_K', () => write([], [['a', ggufNumbers([256], ramp(256), 'Q4_K')]])],
    ['a type that there is not', () => write([], [['a', ggufNumbers([256], ramp(256), 'Q4_X')]])],
  ])('%s', (_, work) => {
    expect(work).toThrow(HeedError)
  })

  it('and leaves what stood there', async () => {
    const path = join(folder, 'old.gguf')
    writeFileSync(path, 'old')
    const wrong = { metadata, tensors: new Map([...tensors, ['z', ggufNumbers([3], ramp(2))]]) }
    await expect(writeGguf(path, wrong)).rejects.toBeInstanceOf(ShapeError)
    expect(readFileSync(path, 'utf8')).toBe('old')
  })
})

it('types are chosen by shape: vectors are F32, rows that are no whole blocks F16', () => {
  const chosen = [[64], [2, 64], [2, 33]].map((shape) => ggufTypeFor(shape, 'Q8_0'))
  expect(chosen).toEqual(['F32', 'Q8_0', 'F16'])
})
