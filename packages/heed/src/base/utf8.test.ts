import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readUtf8, utf8Length, writeUtf8 } from './index.js'

describe('UTF-8', () => {
  it('is written as TextEncoder writes it, halves of pairs too', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.nat(3), fc.nat(3), (whole, from, less) => {
        const text = `\ud800${whole}\udc00\ud83d`
        const part = text.slice(from, text.length - less)
        const bytes = new Uint8Array(3 * text.length)
        const end = writeUtf8(text, from, Math.max(from, text.length - less), bytes, 0)
        expect(bytes.subarray(0, end).join()).toBe(new TextEncoder().encode(part).join())
        expect(readUtf8(bytes, 0, end)).toBe(new TextDecoder().decode(bytes.subarray(0, end)))
      }),
    )
  })

  it('is counted where a decoder takes it, and nowhere else', () => {
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
    const edges = [0, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1]
    const more = [0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff]
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...edges, ...more), { minLength: 1, maxLength: 4 }), (list) => {
        const bytes = Uint8Array.from(list)
        const length = utf8Length(bytes, 0)
        const counts = bytes
          .map((_, i) => i + 1)
          .filter((end) => {
            try {
              return [...decoder.decode(bytes.subarray(0, end))].length === 1
            } catch {
              return false
            }
          })
        expect(length).toBe(counts[0] ?? 0)
      }),
      { numRuns: 2000 },
    )
  })
})
