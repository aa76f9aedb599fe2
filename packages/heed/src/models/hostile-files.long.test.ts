import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { HeedError, readJson } from '../base/index.js'
import { loadTokenizer } from '../text/index.js'
import { parseDecoderConfig } from './decoder/index.js'
import { readSafetensors } from '../formats/index.js'

const runs = 50 * Number(process.env['HEED_LONG'] ?? 1)
const folder = new URL('../../../../models/first-light/', import.meta.url)
const bytesOf = (name: string): Uint8Array => new Uint8Array(readFileSync(new URL(name, folder)))

const change = fc.record({
  at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  cut: fc.nat(3),
  put: fc.oneof(
    fc.uint8Array({ maxLength: 3 }),
    fc.constantFrom(...'{}[]":,0-.eE\\'.split('')).map((text) => new TextEncoder().encode(text)),
  ),
})

/**
 * Errors without a type that reading a real file gives, or part of one, which was changed in a few places.
 */
function bareErrors(bytes: Uint8Array, read: (changed: Uint8Array) => unknown): unknown[] {
  const bare: unknown[] = []
  for (const changes of fc.sample(fc.array(change, { minLength: 1, maxLength: 4 }), {
    numRuns: runs,
    seed: 1,
  })) {
    let changed = bytes
    for (const { at, cut, put } of changes) {
      const place = Math.floor(at * changed.length)
      const rest = changed.subarray(Math.min(changed.length, place + cut))
      changed = Uint8Array.from([...changed.subarray(0, place), ...put, ...rest])
    }
    try {
      read(changed)
    } catch (error) {
      if (!(error instanceof HeedError)) bare.push(error)
    }
  }
  return bare
}

test('a configuration that was changed is read or refused', () => {
  const read = (bytes: Uint8Array): unknown => parseDecoderConfig(readJson(bytes, { operation: 'test' }))
  expect(bareErrors(bytesOf('config.json'), read)).toEqual([])
})

test('a tokenizer that was changed is read or refused', () => {
  expect(bareErrors(bytesOf('tokenizer.json'), (bytes) => loadTokenizer(bytes))).toEqual([])
})

test('weights whose header was changed are read or refused', () => {
  const file = bytesOf('model.safetensors')
  const length = Number(new DataView(file.buffer).getBigUint64(0, true))
  expect(bareErrors(file.subarray(0, 8 + length), (bytes) => readSafetensors(bytes))).toEqual([])
  const read = (bytes: Uint8Array): unknown => {
    const whole = new Uint8Array(8 + bytes.length + file.length - 8 - length)
    new DataView(whole.buffer).setBigUint64(0, BigInt(bytes.length), true)
    whole.set(bytes, 8)
    whole.set(file.subarray(8 + length), 8 + bytes.length)
    return readSafetensors(whole)
  }
  expect(bareErrors(file.slice(8, 8 + length), read)).toEqual([])
})
