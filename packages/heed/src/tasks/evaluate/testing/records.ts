/** Texts of some words, and a decoder that reads them, for the tests of evaluation. */
import { randomKey, uniformAt } from '../../../base/index.js'
import { createDecoder, decoderConfig, loadModel, type Running } from '../../../models/index.js'
import { normalInitializer } from '../../../nn/index.js'

const words: readonly string[] =
  'the cat sat on a mat dog runs in park children play football there paris france'.split(' ')
/** A text of some words. */
export function textOf(number: number, length = 6): string {
  const key = randomKey(number, 'text')
  return Array.from({ length }, (_, i) => words[Math.floor(words.length * uniformAt(key, i))]).join(' ')
}

/** A decoder whose ids are those of the tokenizer in this folder. */
export async function tinyDecoder(folder: string): Promise<Extract<Running, { readonly family: 'decoder' }>> {
  const { tokenizer } = await loadModel(folder)
  const config = decoderConfig({ vocabulary: tokenizer.size, context: 24, width: 16, layers: 2, heads: 2 })
  const model = createDecoder(config, randomKey(3), { initializer: normalInitializer(0.4) })
  return { family: 'decoder', model, config, tokenizer, attentions: [] } as never
}
