import { describe, expect, test } from 'vitest'
import { hasReal, readReal, realNote, weightsFolder } from '../models/testing/real.js'
import { largestDifference } from '../models/testing/reference.js'
import type { ChatMessage } from '../text/index.js'
import { pipeline } from './index.js'

const minutes = 60_000

interface Continuations {
  readonly continuations: readonly {
    readonly text: string
    readonly messages?: readonly ChatMessage[]
    readonly continuation: string
    readonly continuation_ids: readonly number[]
    readonly smallest_gap: number
  }[]
}

describe(`real weights (${realNote})`, () => {
  test.skipIf(!hasReal('smollm2', 'SmolLM2-135M-Instruct'))(
    'text-generation: SmolLM2 goes on, and answers messages, as in PyTorch',
    { timeout: 10 * minutes },
    async () => {
      const { continuations } = readReal<Continuations>('smollm2').json
      const write = await pipeline('text-generation', weightsFolder('SmolLM2-135M-Instruct'))
      const chosen = continuations.filter(({ smallest_gap: gap }) => gap > 2e-3)
      expect(chosen.length).toBe(5)
      for (const { text, messages, continuation, continuation_ids: ids } of chosen) {
        const options = { max_new_tokens: ids.length, return_full_text: false } as const
        const [found] =
          messages === undefined
            ? await write(text, { ...options, specials: 'allow' })
            : await write(messages, options)
        const made = found!.generated_text
        const expected = continuation.replace('<|im_end|>', '')
        expect(typeof made === 'string' ? made : made.at(-1)!.content).toBe(expected)
        expect(found!.tokens).toBe(ids.length)
        expect(found!.finish_reason).toBe(expected === continuation ? 'length' : 'stop')
      }
      write.dispose()
    },
  )

  test.skipIf(!hasReal('minilm', 'all-MiniLM-L6-v2'))(
    'feature-extraction, sentence-similarity and late interaction: MiniLM',
    { timeout: 10 * minutes },
    async () => {
      const real = readReal<{ readonly sentences: readonly { readonly text: string }[] }>('minilm')
      const texts = real.json.sentences.map(({ text }) => text)
      const extract = await pipeline('feature-extraction', weightsFolder('all-MiniLM-L6-v2'))
      const found = await extract(texts, { pooling: 'model' })
      const numbers = found.flatMap(({ data }) => Array.from(data))
      expect(largestDifference(numbers, real.numbers('embeddings'))).toBeLessThan(1e-4)
      // The same by hand, as users of transformers.js write it.
      const mean = await extract(texts, { pooling: 'mean', normalize: true })
      expect(
        largestDifference(
          mean.flatMap(({ data }) => Array.from(data)),
          numbers,
        ),
      ).toBeLessThan(1e-5)
      const compare = await pipeline('sentence-similarity', extract.model)
      const animal = 'A dog is running in the park.'
      const sentences = ['The stock market fell.', 'An animal moves quickly outside.', 'He cooked pasta.']
      expect((await compare({ source_sentence: animal, sentences }, { top_k: 1 }))[0]!.index).toBe(1)
      const rerank = await pipeline('rerank', extract.model)
      for (const method of ['late', 'embeddings'] as const)
        expect((await rerank({ query: animal, documents: sentences }, { method }))[0]!.index).toBe(1)
      extract.dispose()
    },
  )
})
