/**
 * Writing on with a decoder of GPT-2 small's size and a key/value cache of about 256 positions: tokens a
 * second.
 */
import { timeWorks, type Result } from './measure.js'
import type { Options } from './options.js'
import type { DecodeWork, WeightFormat, Work } from './peer.js'
import { isMain, report } from './report.js'

/** GPT-2 small's size. */
export const gpt2Small = (weights: WeightFormat): DecodeWork => ({
  kind: 'decode',
  layers: 12,
  width: 768,
  heads: 12,
  vocabulary: 50257,
  prompt: 248,
  tokens: 16,
  weights,
})

export function decode(options: Options): Promise<Result[]> {
  const formats: WeightFormat[] = options.quick ? ['f32', 'q8_0'] : ['f32', 'f16', 'q8_0', 'q4_0']
  const figure = (seconds: number, work: Work): number => (work as DecodeWork).tokens / seconds
  return timeWorks(
    formats.map(gpt2Small),
    { unit: 'tokens/s', higherIsBetter: true, figure, bound: 'reading' },
    options,
  )
}

if (isMain(import.meta.url)) await report(decode)
