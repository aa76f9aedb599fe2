import { expect, test } from 'vitest'
import { randomKey, UsageError } from '../base/index.js'
import { Device } from '../device/index.js'
import { createDecoder, decoderConfig } from '../models/index.js'
import { interpreter } from '../targets/index.js'
import { type Tensor, withDevice } from '../tensor/index.js'
import { writable, write } from './index.js'
import { recomputing } from './testing/recomputing.js'

const device = new Device(interpreter)
const config = decoderConfig({ vocabulary: 11, context: 16, width: 8, layers: 2, heads: 2, hidden: 12 })
const model = withDevice(device, () => createDecoder(config, randomKey(1)))

test.each([
  ['with a cache', writable, ['0: 3 3', '1: 2 2', '0: 1 4', '1: 1 3']],
  ['without one', recomputing, ['?: 3 3', '?: 2 2', '?: 4 4', '?: 3 3']],
] as const)('filters of each step and text, %s', async (_, make, expected) => {
  const seen: string[] = []
  const steps: string[] = []
  await write(
    make(model, config),
    [
      [1, 2, 3],
      [4, 5],
    ],
    {
      tokens: 2,
      device,
      watch: {
        'blocks.1.attention.filter': (filter, name, { step, rows, ids, row }) => {
          expect(name).toMatch(/^blocks\.1\.attention\.(rows\.\d\.)?filter$/)
          seen.push(`${row ?? '?'}: ${filter.size('query')} ${filter.size('key')}`)
          steps.push(`${step}: ${rows.join(' ')}, ${ids.map(({ length }) => length).join(' ')}`)
        },
      },
    },
  )
  expect(seen).toEqual(expected)
  expect(steps).toEqual(['0: 0 1, 3 2', '0: 0 1, 3 2', '1: 0 1, 1 1', '1: 0 1, 1 1'])
})

test('a text that is left alone is row 0 of its step', async () => {
  const seen: string[] = []
  await write(writable(model, config), [[1, 2], [3]], {
    maxLength: 3,
    device,
    watch: { 'blocks.0.attn.hook_pattern': (_, __, { rows, row }) => void seen.push(`${rows[row!]}`) },
  })
  expect(seen).toEqual(['0', '1', '1'])
})

test('a watcher may replace a value, in beam search as well', async () => {
  const watch = { logits: (logits: Tensor): Tensor => logits.mul(-1) }
  for (const options of [{ temperature: 0 }, { beams: 2 }]) {
    const writing = { ...options, tokens: 3, device }
    const [plain] = await write(recomputing(model, config), [[1]], writing)
    const [turned] = await write(recomputing(model, config), [[1]], { ...writing, watch })
    expect(turned!.ids).not.toEqual(plain!.ids)
  }
})

test('a name that nothing has', async () => {
  const watch = { 'blocks.9.attention.filter': (): void => {} }
  await expect(write(recomputing(model, config), [[1]], { device, watch })).rejects.toThrow(UsageError)
})
