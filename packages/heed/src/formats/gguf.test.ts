import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FormatError } from '../base/index.js'
import { Gguf } from './index.js'
import { ggufFile } from './testing/gguf-file.js'

const values = {
  'general.name': 'a näme 🙂',
  flag: true,
  tokens: ['<s>', '', '▁the', '🙂', 'x'.repeat(40)],
  byte: { type: 0, value: 200 },
  signedByte: { type: 1, value: -2 },
  short: { type: 2, value: 40_000 },
  signedShort: { type: 3, value: -3 },
  count: { type: 4, value: 2 ** 32 - 1 },
  integer: { type: 5, value: -5 },
  float: { type: 6, value: 0.1 },
  long: { type: 10, value: 2n ** 40n },
  signedLong: { type: 11, value: -7n },
  double: { type: 12, value: 0.1 },
  scores: { type: 6, value: [0, -1.5, 2] },
  types: { type: 5, value: [1, -1, 3] },
  map: { type: 0, value: [1, 2, 255] },
} as const
const tensors = [{ name: 'embedding', shape: [4, 3], type: 1, offset: 32 }]

describe.each([
  ['version 3', {}],
  ['version 2', { version: 2 }],
  ['big-endian', { bigEndian: true }],
])('a GGUF file of %s', (_, changes) => {
  const bytes = ggufFile(values, tensors, changes)

  it('gives values of every type', () => {
    const file = new Gguf(bytes)
    expect(file.names()).toEqual(Object.keys(values))
    expect(file.string('general.name')).toBe('a näme 🙂')
    expect(file.boolean('flag')).toBe(true)
    expect(file.strings('tokens')).toEqual(values.tokens)
    expect(file.countOf('tokens')).toBe(5)
    const texts: string[] = []
    file.eachText('tokens', (own, start, end, i) => {
      texts[i] = new TextDecoder().decode(own.subarray(start, end))
    })
    expect(texts).toEqual(values.tokens)
    const numbers = ['byte', 'signedByte', 'short', 'signedShort', 'count', 'integer', 'float', 'long']
    expect(numbers.map((name) => file.number(name))).toEqual([
      200,
      -2,
      40_000,
      -3,
      2 ** 32 - 1,
      -5,
      Math.fround(0.1),
      2 ** 40,
    ])
    expect([file.number('signedLong'), file.number('double')]).toEqual([-7, 0.1])
    expect([...file.numbers('scores')!]).toEqual([0, -1.5, 2])
    expect([...file.numbers('types')!]).toEqual([1, -1, 3])
    expect([...file.bytes('map')!]).toEqual([1, 2, 255])
    expect(file.tensors()).toEqual(tensors)
    expect([file.has('none'), file.number('none'), file.strings('none')]).toEqual([
      false,
      undefined,
      undefined,
    ])
  })

  it('is refused where it is cut off', () => {
    for (let end = 0; end < bytes.length; end++) {
      const read = (): unknown => new Gguf(bytes.subarray(0, end)).tensors()
      expect(read, String(end)).toThrow(FormatError)
    }
  })
})

describe('a GGUF file', () => {
  it('is read from the disk in parts, and only what is asked for', () => {
    const bytes = ggufFile({ before: 'x'.repeat(3 * 2 ** 20), tokens: ['a', 'b'] })
    let read = 0
    const source = {
      length: bytes.length,
      slice: (begin: number, end: number) => {
        read += end - begin
        return bytes.slice(begin, end)
      },
    }
    const file = new Gguf(source)
    expect(file.strings('tokens')).toEqual(['a', 'b'])
    expect(read).toBeLessThan(2 * 2 ** 20)
    expect(file.string('before')).toHaveLength(3 * 2 ** 20)
  })

  it.each<[string, Uint8Array, string]>([
    ['of another kind', new TextEncoder().encode('{"version":"1.0"}'), "'GGUF'"],
    ['of version 1', ggufFile({}, [], { version: 1 }), 'version 2 or 3'],
    ['of more values than bytes', patched(ggufFile({}), 16, 1e6), 'values'],
    ['of more tensors than bytes', patched(ggufFile({}), 8, 1e6), 'tensors'],
    ['with a name of a gigabyte', patched(ggufFile({ a: 'b' }), 24, 2 ** 30), 'a name of at most'],
    ['with a text of a gigabyte', patched(ggufFile({ a: 'b' }), 24 + 8 + 1 + 4, 2 ** 30), 'bytes'],
    ['with a list of a billion texts', patched(ggufFile({ a: ['b'] }), 24 + 8 + 1 + 8, 2 ** 30), 'values of'],
    ['with a type that there is not', patched(ggufFile({ a: 'b' }), 24 + 8 + 1, 13, 4), 'a type of 0 to 12'],
    ['with a list of lists', patched(ggufFile({ a: ['b'] }), 24 + 8 + 1 + 4, 9, 4), 'lists of lists'],
  ])('%s is refused', (_, bytes, message) => {
    const read = (): unknown => new Gguf(bytes)
    expect(read).toThrow(FormatError)
    expect(read).toThrow(message)
  })

  it('says of a value what it is instead', () => {
    const file = new Gguf(ggufFile(values))
    expect(() => file.number('general.name')).toThrow('general.name to be a number, found string')
    expect(() => file.string('tokens')).toThrow('tokens to be a text, found a list of string')
    expect(() => file.strings('scores')).toThrow('scores to be a list of texts, found a list of f32')
    expect(() => file.bytes('types')).toThrow('types to be a list of bytes')
  })

  it('of texts that are no UTF-8 is refused when they are read, also cut between two texts', () => {
    const bytes = ggufFile({ tokens: ['aé', 'b'] })
    const at = bytes.indexOf(0xc3)
    const broken = Uint8Array.from(bytes)
    broken[at] = 0x62
    expect(() => new Gguf(broken).strings('tokens')).toThrow('text in UTF-8')
    expect(() => new Gguf(broken).eachText('tokens', () => {})).toThrow('text in UTF-8')
    const cut = Uint8Array.from(bytes)
    cut.copyWithin(at + 1, at + 2)
    cut[24 + 8 + 6 + 16] = 2
    expect(() => new Gguf(cut).strings('tokens')).toThrow(FormatError)
    expect(() => new Gguf(cut).eachText('tokens', () => {})).toThrow(FormatError)
  })

  it('with any byte changed is read or refused', () => {
    const bytes = ggufFile(values, tensors)
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(255), (at, byte) => {
        const changed = Uint8Array.from(bytes)
        changed[at] = byte
        try {
          const file = new Gguf(changed)
          file.tensors()
          for (const name of file.names()) if (file.countOf(name) === undefined) file.string(name)
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError)
        }
      }),
    )
  })
})

function patched(bytes: Uint8Array, at: number, value: number, size = 8): Uint8Array {
  const changed = Uint8Array.from(bytes)
  const view = new DataView(changed.buffer)
  view.setUint32(at, value, true)
  if (size === 8) view.setUint32(at + 4, 0, true)
  return changed
}
