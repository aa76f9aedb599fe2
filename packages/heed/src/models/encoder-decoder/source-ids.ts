import type { EncoderDecoderDesign } from './design.js'

/** The ids of a source as the model reads it: with what ends it, where the tokenizer hasn't added that. */
export function sourceIds({ sourceEnd }: EncoderDecoderDesign, ids: ArrayLike<number>): number[] {
  const own = Array.from(ids)
  return sourceEnd === undefined || own.at(-1) === sourceEnd ? own : [...own, sourceEnd]
}
