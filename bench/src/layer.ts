/** One encoder layer of BERT-base's size, batch 1. */
import { milliseconds, timeWorks, type Result } from './measure.js'
import type { Options } from './options.js'
import type { Work } from './peer.js'
import { isMain, report } from './report.js'

export const bertLayer = (length: number): Work => ({
  kind: 'layer',
  length,
  width: 768,
  heads: 12,
  hidden: 3072,
})

export function layer(options: Options): Promise<Result[]> {
  const works = (options.quick ? [128] : [128, 512]).map(bertLayer)
  return timeWorks(works, { ...milliseconds, bound: 'arithmetic' }, options)
}

if (isMain(import.meta.url)) await report(layer)
