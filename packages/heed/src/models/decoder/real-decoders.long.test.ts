import { describe, expect, test } from 'vitest'
import { collect } from '../../observe/index.js'
import { scope, tensor, type Tensor } from '../../tensor/index.js'
import { decoderLogits, decoderStates, loadDecoder, logitsOf, type LoadedDecoder } from '../index.js'
import { hasReal, readReal, realNote, type RealReference, weightsFolder } from '../testing/real.js'
import { largestDifference } from '../testing/reference.js'

// Decoders as people use them, from GGUF, with f32 weights: the tolerances are those of their references.

const models = [
  {
    name: 'smollm2',
    file: 'SmolLM2-135M-Instruct/SmolLM2-135M-Instruct.Q4_1.gguf',
    logits: 1e-3,
    perplexity: 1e-4,
  },
  { name: 'gemma-3-270m', file: 'gemma-3-270m/gemma-3-270m-q4_k_m.gguf', logits: 2e-3, perplexity: 2e-4 },
]

interface Cases {
  readonly perplexity: number
  readonly prompts: readonly {
    readonly text: string
    readonly ids: readonly number[]
    /** What the text was made of, where it is a conversation. */
    readonly messages?: unknown
  }[]
}

describe.each(models)('$name', ({ name, file, logits: tolerance, perplexity }) => {
  test.skipIf(!hasReal(name, file))(
    `numbers and perplexity (${realNote})`,
    async () => {
      const reference = readReal<Cases>(name)
      const loaded = await loadDecoder(weightsFolder(file))
      for (const [i, { text, ids, messages }] of reference.json.prompts.entries()) {
        // What a chat template made of messages has no text here.
        if (messages === undefined)
          expect([...loaded.tokenizer.encode(text).ids].join(), text).toBe(ids.join())
        expect(farthest(reference, loaded, i, ids), text).toBeLessThan(tolerance)
      }
      // Only one reference has them.
      if (name === 'gemma-3-270m') expect(statesAndFilters(reference, loaded)).toEqual([])

      const text = [...reference.numbers('text.ids')]
      const likelihoods = negativeLogLikelihoods(loaded, text)
      const expected = reference.numbers('text.negative_log_likelihood')
      expect(largestDifference(likelihoods, expected)).toBeLessThan(tolerance)
      const found = Math.exp(likelihoods.reduce((sum, one) => sum + one, 0) / likelihoods.length)
      expect(Math.abs(found / reference.json.perplexity - 1)).toBeLessThan(perplexity)
    },
    1_200_000,
  )
})

/** How far the largest logits of a prompt, their mean and their sum lie from the reference. */
function farthest(
  reference: RealReference<Cases>,
  { model, config }: LoadedDecoder,
  prompt: number,
  ids: readonly number[],
): number {
  const { vocabulary } = config
  const logits = scope(() => decoderLogits(model, config, row(ids)).values()) as Float32Array
  const top = reference.numbers(`prompt${prompt}.top_ids`)
  const each = top.length / ids.length
  const found = Array.from(top, (id, i) => logits[Math.floor(i / each) * vocabulary + id]!)
  const rows = ids.map((_, i) => logits.subarray(i * vocabulary, (i + 1) * vocabulary))
  return Math.max(
    ...[
      [found, 'top_logits'] as const,
      [rows.map(logSumExp), 'log_sum_exp'] as const,
      [rows.map((one) => one.reduce((sum, logit) => sum + logit, 0) / vocabulary), 'mean_logit'] as const,
    ].map(([numbers, name]) => largestDifference(numbers, reference.numbers(`prompt${prompt}.${name}`))),
  )
}

/** The states and filters of the first prompt that are not the reference's. */
function statesAndFilters(
  reference: RealReference<Cases>,
  { model, config, attentions }: LoadedDecoder,
): string[] {
  const names = attentions.map(({ name }) => name)
  const order = [...names.map((_, i) => `blocks.${i}.residualBefore`), 'finalNorm.output']
  const { ids } = reference.json.prompts[0]!
  return scope(() => {
    const { values } = collect([...names, ...order], () => decoderLogits(model, config, row(ids)))
    const expected = reference.numbers('prompt0.hidden')
    const wrong: string[] = []
    order.forEach((name, layer) => {
      const found = (values.get(name) as Tensor).values(['batch', 'position', 'width'])
      const width = found.length / ids.length
      for (let at = 0; at < found.length; at += width) {
        const here = expected.subarray(layer * found.length + at, layer * found.length + at + width)
        const most = here.reduce((largest, one) => Math.max(largest, Math.abs(one)), 0)
        const far = here.reduce((worst, one, i) => Math.max(worst, Math.abs(one - found[at + i]!)), 0)
        if (!(far < 1e-3 * most)) wrong.push(`${name} at ${at / width}: ${far} of ${most}`)
      }
    })
    const filters = names.flatMap((name) => [
      ...(values.get(name) as Tensor).values(['batch', 'head', 'query', 'key']),
    ])
    const far = largestDifference(filters, reference.numbers('prompt0.filters'))
    return far < 1e-4 ? wrong : [...wrong, `filters: ${far}`]
  })
}

/** Of each token but the first, given those before it, in nats. */
function negativeLogLikelihoods({ model, config }: LoadedDecoder, ids: readonly number[]): number[] {
  return scope(() => {
    const states = decoderStates(model, config, row(ids.slice(0, -1)))
    const { vocabulary } = config
    const part = 100
    return Array.from({ length: Math.ceil((ids.length - 1) / part) }, (_, i) => {
      const [from, to] = [i * part, Math.min((i + 1) * part, ids.length - 1)]
      const logits = scope(() =>
        logitsOf(model, config, states.slice('position', from, to)).values(),
      ) as Float32Array
      return Array.from({ length: to - from }, (__, at) => {
        const here = logits.subarray(at * vocabulary, (at + 1) * vocabulary)
        return logSumExp(here) - here[ids[from + at + 1]!]!
      })
    }).flat()
  })
}

function logSumExp(logits: Float32Array): number {
  const most = logits.reduce((largest, one) => Math.max(largest, one), -Infinity)
  return most + Math.log(logits.reduce((sum, one) => sum + Math.exp(one - most), 0))
}

function row(ids: readonly number[]): Tensor<'batch' | 'position'> {
  return tensor(ids, { batch: 1, position: ids.length }, { dtype: 'i32' })
}
