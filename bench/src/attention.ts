/**
 * Attention, 12 heads of 64: time forward, time forward and backward, memory. At length 131,072 heed alone:
 * 12 heads with a window, and one causal head.
 */
import { milliseconds, timeWorks, weighWorks, type Result } from './measure.js'
import type { Options } from './options.js'
import type { AttentionWork } from './peer.js'
import { isMain, report } from './report.js'

/** 12 heads of 64. */
export const attentionWork = (length: number, causal: boolean, gradient: boolean): AttentionWork => ({
  kind: 'attention',
  heads: 12,
  length,
  width: 64,
  causal,
  gradient,
})
const both = (lengths: number[], gradient: boolean): AttentionWork[] =>
  lengths.flatMap((length) => [false, true].map((causal) => attentionWork(length, causal, gradient)))
const long: AttentionWork[] = [
  { ...attentionWork(131_072, true, false), window: 1024 },
  { ...attentionWork(131_072, true, false), heads: 1 },
]

export async function attention(options: Options): Promise<Result[]> {
  const [forward, backward, weighed] = options.quick
    ? [[128, 512], [512], [2048]]
    : [
        [128, 512, 2048, 8192],
        [512, 2048],
        [512, 2048, 8192],
      ]
  return [
    ...(await timeWorks(
      [...both(forward, false), ...both(backward, true)],
      { ...milliseconds, bound: 'arithmetic' },
      options,
    )),
    ...(await timeWorks(
      options.quick ? [] : long,
      { ...milliseconds, bound: 'arithmetic', alone: true },
      options,
    )),
    ...(await weighWorks(
      weighed.map((length) => attentionWork(length, true, false)),
      options,
    )),
    ...(await weighWorks(
      backward.map((length) => attentionWork(length, true, true)),
      options,
    )),
  ]
}

if (isMain(import.meta.url)) await report(attention)
