/** Sentence embeddings by a model of MiniLM-L6's size: sentences a second. */
import { timeWorks, type Result } from './measure.js'
import type { Options } from './options.js'
import type { EncoderWork, Work } from './peer.js'
import { isMain, report } from './report.js'

/** all-MiniLM-L6-v2's build. */
export const miniLm = (length: number, batch: number): EncoderWork => ({
  kind: 'encoder',
  layers: 6,
  width: 384,
  heads: 12,
  hidden: 1536,
  vocabulary: 30522,
  length,
  batch,
})

export function encoder(options: Options): Promise<Result[]> {
  const works = (options.quick ? [1] : [1, 32]).map((batch) => miniLm(128, batch))
  const figure = (seconds: number, work: Work): number => (work as EncoderWork).batch / seconds
  return timeWorks(works, { unit: 'sentences/s', higherIsBetter: true, figure, bound: 'arithmetic' }, options)
}

if (isMain(import.meta.url)) await report(encoder)
