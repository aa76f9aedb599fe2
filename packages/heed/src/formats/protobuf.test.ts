import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FormatError } from '../base/index.js'
import { ProtobufReader } from './index.js'
import { protobufMessage } from './testing/protobuf-message.js'

const inner = protobufMessage([
  [1, '▁the'],
  [2, { float: -1.5 }],
])
const message = protobufMessage([
  [1, inner],
  [2, 300],
  [3, -2],
  [16, ''],
  [2 ** 29 - 1, 2 ** 53 - 1],
])

const reader = (bytes: Uint8Array): ProtobufReader => new ProtobufReader(bytes, 'test', 'a.model')

describe('a message', () => {
  it('is read field by field, of every kind', () => {
    const outer = reader(message)
    expect(outer.next()).toBe(true)
    const nested = outer.message()
    expect([nested.next(), nested.field, nested.string()]).toEqual([true, 1, '▁the'])
    expect([nested.next(), nested.field, nested.float()]).toEqual([true, 2, -1.5])
    expect(nested.next()).toBe(false)
    expect([outer.next(), outer.field, outer.unsigned(), outer.integer()]).toEqual([true, 2, 300, 300])
    expect([outer.next(), outer.field, outer.integer(), outer.boolean()]).toEqual([true, 3, -2, true])
    expect([outer.next(), outer.field, outer.string()]).toEqual([true, 16, ''])
    expect([outer.next(), outer.field, outer.unsigned()]).toEqual([true, 2 ** 29 - 1, 2 ** 53 - 1])
    expect(outer.next()).toBe(false)
  })

  it.each<[string, number[], string]>([
    ['ends within a number', [0x08, 0x80], 'a number that ends'],
    ['has a number of eleven bytes', [0x08, ...Array<number>(11).fill(0x80)], 'at most 10 bytes'],
    ['has a text longer than itself', [0x0a, 5, 1], 'at most 1 bytes'],
    ['has a text of 2^63 bytes', [0x0a, ...Array<number>(9).fill(0xff), 1], 'at most 0 bytes'],
    ['has a field 0', [0x00, 1], 'a field of 1 to'],
    ['has a group', [0x0b, 0x0c], 'a kind of 0, 1, 2 or 5'],
    ['ends within 4 bytes', [0x0d, 1, 2, 3], 'at most 3 bytes'],
  ])('that %s is refused', (_, bytes, expected) => {
    const read = (): unknown => reader(Uint8Array.from(bytes)).next()
    expect(read).toThrow(FormatError)
    expect(read).toThrow(expected)
  })

  it('refuses a field of another kind, and text that is no UTF-8', () => {
    const number = reader(protobufMessage([[1, 2]]))
    number.next()
    expect(() => number.string()).toThrow('field 1 to be of kind 2')
    const text = reader(Uint8Array.of(0x0a, 1, 0xff))
    text.next()
    expect(() => text.string()).toThrow('text in UTF-8')
  })

  it('of any bytes is read or refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        try {
          for (const one = reader(bytes); one.next();) if (one.kind === 2) one.message().next()
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError)
        }
      }),
    )
  })
})
