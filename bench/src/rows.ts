/** Elementwise and row operations on 64 MB, by the bytes that must move at least. */
import { timeWorks, type Result } from './measure.js'
import type { Options } from './options.js'
import type { Work } from './peer.js'
import { isMain, report } from './report.js'
import { amountOf } from './work.js'

const floats = 2 ** 24
const works: Work[] = [
  { kind: 'rows', operation: 'add', rows: floats / 1024, columns: 1024 },
  { kind: 'rows', operation: 'gelu', rows: floats / 1024, columns: 1024 },
  { kind: 'rows', operation: 'softmax', rows: floats / 1024, columns: 1024 },
  { kind: 'rows', operation: 'norm', rows: Math.floor(floats / 768), columns: 768 },
]

export function rows(options: Options): Promise<Result[]> {
  const figure = (seconds: number, work: Work): number => amountOf(work) / seconds / 1e9
  return timeWorks(works, { unit: 'GB/s', higherIsBetter: true, figure, bound: 'moving' }, options)
}

if (isMain(import.meta.url)) await report(rows)
