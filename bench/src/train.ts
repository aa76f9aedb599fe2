/** Training a small character model: tokens per second. */
import { timeWorks, type Result, type Unit } from './measure.js'
import type { Options } from './options.js'
import type { TrainWork } from './peer.js'
import { isMain, report } from './report.js'

export const characterModel: TrainWork = {
  kind: 'train',
  layers: 6,
  width: 384,
  heads: 6,
  context: 256,
  vocabulary: 65,
  batch: 8,
}
const unit: Unit = {
  unit: 'tokens/s',
  higherIsBetter: true,
  figure: (seconds) => (characterModel.batch * characterModel.context) / seconds,
}

export const train = (options: Options): Promise<Result[]> =>
  timeWorks([characterModel], { ...unit, bound: 'arithmetic' }, options)

if (isMain(import.meta.url)) await report(train)
