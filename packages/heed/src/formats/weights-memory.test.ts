import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { dispose, type Tensor } from '../tensor/index.js'
import { peakMemory } from '../testing/peak-memory.js'
import { openWeights } from './index.js'
import { storedBytes, type StoredDtype } from './stored-dtypes.js'

const folder = mkdtempSync(join(tmpdir(), 'heed-memory-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** 32 tensors of so many numbers each, all of them 0. */
function write(dtype: StoredDtype, count: number): string {
  const size = count * storedBytes[dtype]
  const entries = Array.from(
    { length: 32 },
    (_, i) =>
      `"${i}":{"dtype":"${dtype.toUpperCase()}","shape":[${count}],"data_offsets":[${i * size},${(i + 1) * size}]}`,
  )
  const header = new TextEncoder().encode(`{${entries.join(',')}}`)
  const length = new Uint8Array(8)
  new DataView(length.buffer).setBigUint64(0, BigInt(header.length), true)
  const path = join(folder, `${dtype}.safetensors`)
  const file = openSync(path, 'w')
  writeSync(file, length)
  writeSync(file, header)
  ftruncateSync(file, 8 + header.length + 32 * size)
  closeSync(file)
  return path
}

const count = 2 ** 20

/** The most memory that it takes to load a file, f32. */
function loaded(dtype: StoredDtype): number | undefined {
  const path = write(dtype, count)
  const kept: Tensor[] = []
  const peak = peakMemory(() => {
    openWeights(path, ({ tensors }) => {
      for (const tensor of tensors.values()) kept.push(tensor.toTensor({ row: count }) as Tensor)
    })
  })
  expect(kept.length).toBe(32)
  for (const tensor of kept) dispose(tensor)
  return peak
}

test('weights take their own size when they are loaded as f32, and no more than a tenth beside', () => {
  const size = 32 * 4 * count
  expect(loaded('f32') ?? 0).toBeLessThan(1.1 * size)
  // The heap keeps its memory, so these show what is taken beside it.
  const beside = (['f32', 'bf16', 'f16', 'f8_e4m3', 'f64'] as const).map((dtype) => [
    dtype,
    loaded(dtype) ?? 0,
  ])
  expect(beside.filter(([, bytes]) => (bytes as number) > 0.1 * size)).toEqual([])
})
