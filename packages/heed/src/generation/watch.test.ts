import { expect, test } from 'vitest'
import { randomKey, UsageError } from '../base/index.js'
import { Device } from '../device/index.js'
import { createDecoder, decoderConfig } from '../models/index.js'
import { interpreter } from '../targets/index.js'
import { type Tensor, withDevice } from '../tensor/index.js'
import { type StepPlace, write } from './index.js'
import { recomputing } from './testing/recomputing.js'

const device = new Device(interpreter)
const config = decoderConfig({ vocabulary: 11, context: 16, width: 8, layers: 2, heads: 2, hidden: 12 })
const model = withDevice(device, () => createDecoder(config, randomKey(1)))

test('filters of each step, with whose they are', async () => {
  const seen: string[] = []
  const places: StepPlace[] = []
  await write(recomputing(model, config), [[1, 2, 3], [4]], {
    tokens: 2,
    device,
    watch: {
      'blocks.1.attention.filter': (filter, name, place) => {
        seen.push(`${name} ${filter.size('query')} ${filter.size('key')}`)
        places.push(place)
      },
    },
  })
  const name = 'blocks.1.attention.filter'
  expect(seen).toEqual([`${name} 3 3`, `${name} 1 1`, `${name} 4 4`, `${name} 2 2`])
  expect(places.map(({ step, rows }) => [step, ...rows])).toEqual([
    [0, 0, 1],
    [0, 0, 1],
    [1, 0, 1],
    [1, 0, 1],
  ])
  expect(places[0]!.ids).toEqual([[1, 2, 3], [4]])
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
