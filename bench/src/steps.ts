/**
 * A training loop of 10,000 steps: what it adds to the process's memory and to heed's heap once it has warmed
 * up.
 */
import { currentDevice, memoryUse } from 'heed'
import { load } from './heed.js'
import { inputsOf } from './inputs.js'
import type { Figures, Result } from './measure.js'
import type { Options } from './options.js'
import type { TrainWork } from './peer.js'
import { isMain, report } from './report.js'
import { summaryOf } from './statistics.js'

const work: TrainWork = {
  kind: 'train',
  layers: 2,
  width: 32,
  heads: 2,
  context: 16,
  vocabulary: 65,
  batch: 2,
}

export async function steps({ quick, target }: Options): Promise<Result[]> {
  const [warm, all] = quick ? [200, 1000] : [1000, 10_000]
  const peer = await load(target)
  const training = await peer.train!(work, inputsOf(work))[0]!.prepare()
  const { heap } = currentDevice()
  const now = (): { resident: number; heap: number; tensors: number } => ({
    resident: process.memoryUsage.rss(),
    heap: heap.memory.buffer.byteLength,
    tensors: memoryUse().bytes,
  })
  for (let step = 0; step < warm; step++) await training.run()
  const before = now()
  for (let step = warm; step < all; step++) await training.run()
  const after = now()
  const result = (what: string, part: keyof typeof before): Result => {
    const figures: Figures = {
      participant: { name: 'heed', role: 'heed', module: '', variant: '' },
      target: peer.target,
      how: '',
      summary: summaryOf([(after[part] - before[part]) / 1e6]),
    }
    return {
      work: `steps ${warm} to ${all}: ${what} added`,
      unit: 'MB',
      higherIsBetter: false,
      figures: [figures],
    }
  }
  return [
    result('resident memory', 'resident'),
    result('heap', 'heap'),
    result('memory of tensors', 'tensors'),
  ]
}

if (isMain(import.meta.url)) {
  await report(steps)
  process.exit()
}
