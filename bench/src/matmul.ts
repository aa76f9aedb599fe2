/** Matrix product in f32: squares, the shapes of a BERT-base layer, sizes that no tile divides, one row. */
import { timeWorks, type Result } from './measure.js'
import type { Options } from './options.js'
import type { Work } from './peer.js'
import { isMain, report } from './report.js'
import { amountOf } from './work.js'

const shapes: [m: number, k: number, n: number][] = [
  [512, 512, 512],
  [128, 768, 768],
  [128, 768, 3072],
  [510, 510, 510],
  [512, 512, 510],
  [65, 127, 255],
  [7, 768, 50257],
  [1, 768, 768],
]

export function matmul(options: Options): Promise<Result[]> {
  const works = (options.quick ? [shapes[0]!, shapes[3]!] : shapes).map(([m, k, n]): Work => ({
    kind: 'matmul',
    m,
    k,
    n,
  }))
  const figure = (seconds: number, work: Work): number => amountOf(work) / seconds / 1e9
  return timeWorks(works, 'arithmetic', { unit: 'GFLOP/s', higherIsBetter: true, figure }, options)
}

if (isMain(import.meta.url)) await report(matmul)
