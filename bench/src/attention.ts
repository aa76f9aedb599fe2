/** Attention, 12 heads of 64: time forward, time forward and backward, memory. */
import { milliseconds, timeWorks, weighWorks, type Result } from './measure.js'
import type { Options } from './options.js'
import type { AttentionWork } from './peer.js'
import { isMain, report } from './report.js'

const workOf = (length: number, causal: boolean, gradient: boolean): AttentionWork => ({
  kind: 'attention',
  heads: 12,
  length,
  width: 64,
  causal,
  gradient,
})
const both = (lengths: number[], gradient: boolean): AttentionWork[] =>
  lengths.flatMap((length) => [false, true].map((causal) => workOf(length, causal, gradient)))

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
      'arithmetic',
      milliseconds,
      options,
    )),
    ...(await weighWorks(
      weighed.map((length) => workOf(length, true, false)),
      options,
    )),
    ...(await weighWorks(
      backward.map((length) => workOf(length, true, true)),
      options,
    )),
  ]
}

if (isMain(import.meta.url)) await report(attention)
