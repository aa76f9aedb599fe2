/**
 * Matrix product in f32: squares, the shapes of a BERT-base layer, sizes that no tile divides, one row; and a
 * decoder's output projection, which is bound by reading its weights.
 */
import { timeWorks, type Result } from './measure.js'
import type { Options } from './options.js'
import type { MatmulWork, Work } from './peer.js'
import { isMain, report } from './report.js'
import { amountOf, bytesOf } from './work.js'

const works = (shapes: [m: number, k: number, n: number][]): MatmulWork[] =>
  shapes.map(([m, k, n]) => ({ kind: 'matmul', m, k, n }))

const computing = works([
  [512, 512, 512],
  [128, 768, 768],
  [128, 768, 3072],
  [510, 510, 510],
  [512, 512, 510],
  [65, 127, 255],
  [1, 768, 768],
])
const reading = works([[7, 768, 50257]])

export async function matmul(options: Options): Promise<Result[]> {
  const flops = (seconds: number, work: Work): number => amountOf(work) / seconds / 1e9
  const bytes = (seconds: number, work: Work): number => bytesOf(work) / seconds / 1e9
  return [
    ...(await timeWorks(
      options.quick ? [computing[0]!, computing[3]!] : computing,
      { unit: 'GFLOP/s', higherIsBetter: true, figure: flops, bound: 'arithmetic' },
      options,
    )),
    ...(await timeWorks(
      reading,
      { unit: 'GB/s', higherIsBetter: true, figure: bytes, bound: 'reading' },
      options,
    )),
  ]
}

if (isMain(import.meta.url)) await report(matmul)
