import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import { mutated } from '../text/files/testing/mutated.js'
import { bytesInMemory } from './bytes-in-memory.js'
import { openWeights, readSafetensors, type StoredTensor, writeSafetensors } from './index.js'
import { llama2cIn } from './llama2c.js'
import { safetensorsIn } from './safetensors-read.js'
import { storedArray, storedDtypes } from './stored-dtypes.js'
import { type HostileKind, testReadOrRefused } from './testing/read-or-refused.js'

// A million files in all, many times that by HEED_LONG: they are read or refused, by an error with a type.

const folder = mkdtempSync(join(tmpdir(), 'heed-long-'))
afterAll(() => rmSync(folder, { recursive: true }))

const data = Uint8Array.from({ length: 16 }, (_, i) => 37 * i)
const file = writeSafetensors(
  new Map<string, StoredTensor>(
    storedDtypes.map((dtype, i) => {
      const numbers = storedArray(dtype, data)
      const shape = i % 2 === 0 ? [numbers.length] : [1, numbers.length, 1]
      return [`layer.${i}.weight`, { dtype, shape, data: numbers }]
    }),
  ),
  new Map([
    ['format', 'pt'],
    ['é"\n', '\u{1f600}'],
  ]),
)
const headerBytes = Number(new DataView(file.buffer).getBigUint64(0, true))
const llama2c = new Uint8Array(28 + 4 * 136)
llama2c.set(new Uint8Array(Int32Array.of(4, 3, 1, 1, 1, 4, 2).buffer))

/** Every tensor of what can be read. */
function readAll(bytes: Uint8Array): void {
  for (const { shape, data: numbers } of readSafetensors(bytes).tensors.values())
    if (numbers.length !== shape.reduce((product, size) => product * size, 1)) throw new Error('sizes')
}

/** The header of a file, changed, with the length that it now has. */
function withHeader(header: Uint8Array): Uint8Array {
  const whole = new Uint8Array(8 + header.length + file.length - 8 - headerBytes)
  new DataView(whole.buffer).setBigUint64(0, BigInt(header.length), true)
  whole.set(header, 8)
  whole.set(file.subarray(8 + headerBytes), 8 + header.length)
  return whole
}

/** The header of a real model, changed, before as many bytes as the model has. */
const real = new Uint8Array(
  readFileSync(new URL('../../../../models/first-light/model.safetensors', import.meta.url)),
)
const realHeader = Number(new DataView(real.buffer).getBigUint64(0, true))
function readReal(header: Uint8Array): void {
  const start = new Uint8Array(8 + header.length)
  new DataView(start.buffer).setBigUint64(0, BigInt(header.length), true)
  start.set(header, 8)
  safetensorsIn({
    length: start.length + real.length - 8 - realHeader,
    path: undefined,
    slice: (begin, end) => start.slice(begin, end),
    copy: () => {},
  })
}

const json = fc.json({ maxDepth: 4 }).map((text) => new TextEncoder().encode(text))
const written = (name: string, bytes: Uint8Array): string => {
  const path = join(folder, name)
  writeFileSync(path, bytes)
  return path
}
const list = new TextEncoder().encode(
  '{"metadata": {"total_size": 256}, "weight_map": {"layer.0.weight": "a.safetensors", "é": "b/c.safetensors"}}',
)
const openList = (bytes: Uint8Array): unknown =>
  openWeights(written('model.safetensors.index.json', bytes), ({ tensors }) => tensors.size)

const kinds: readonly HostileKind[] = [
  ['safetensors that were changed', 0.25, mutated(file), readAll],
  [
    'headers of safetensors that were changed',
    0.3,
    mutated(file.slice(8, 8 + headerBytes)).map(withHeader),
    readAll,
  ],
  ['headers of a real model that were changed', 0.1, mutated(real.slice(8, 8 + realHeader)), readReal],
  ['headers of any JSON', 0.1, json.map(withHeader), readAll],
  ['any bytes', 0.1, fc.uint8Array({ maxLength: 100 }), readAll],
  ['files of llama2.c that were changed', 0.1, mutated(llama2c), (bytes) => llama2cIn(bytesInMemory(bytes))],
  ['lists of files that were changed', 0.04, mutated(list), openList],
  ['lists of any JSON', 0.01, json, openList],
]

test('what is changed is right before', () => {
  readAll(file)
  readReal(real.slice(8, 8 + realHeader))
  expect(readSafetensors(withHeader(file.slice(8, 8 + headerBytes))).tensors.size).toBe(storedDtypes.length)
  expect(llama2cIn(bytesInMemory(llama2c)).tensors.size).toBe(11)
  expect(() => openList(list)).toThrow(/ENOENT/)
})

testReadOrRefused(kinds)
