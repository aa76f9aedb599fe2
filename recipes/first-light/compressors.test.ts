import { describe, expect, it } from 'vitest'
import { gzipBytes, xzBytes } from './compressors.js'

const text = Buffer.from('the quick brown fox jumps over the lazy dog. '.repeat(200))

describe('gzipBytes', () => {
  it('is far below the size of text that repeats, and above it for none', () => {
    expect(gzipBytes(text)).toBeLessThan(text.length / 20)
    expect(gzipBytes(new Uint8Array(0))).toBeGreaterThan(0)
  })
})

describe('xzBytes', () => {
  it('is far below the size of text that repeats, or undefined where there is no xz', () => {
    const size = xzBytes(text)
    if (size === undefined) console.warn('xz is not on this machine: not checked')
    expect(size ?? 0).toBeLessThan(text.length / 20)
  })
})
