import { describe, expect, test } from 'vitest'
import { atomMap } from '../../../../../recipes/reactions/atom-map.js'
import type { Side } from '../../../../../recipes/reactions/smiles.js'
import { collect } from '../../observe/index.js'
import { scope, tensor, type Tensor } from '../../tensor/index.js'
import { encoderOutput, encoderStates, type LoadedEncoder, ofFamily, pooledOf, readModel } from '../index.js'
import { hasReal, readReal, realNote, weightsFolder } from '../testing/real.js'
import { largestDifference } from '../testing/reference.js'

interface Reaction {
  readonly text: string
  readonly ids: readonly number[]
  readonly reactant: Side
  readonly product: Side
  readonly mapping: readonly number[]
  readonly confidences: readonly number[]
  readonly confidence: number
  readonly masked_positions?: readonly number[]
}

interface Cases {
  readonly tolerance: Readonly<Record<string, number>>
  readonly states_of: readonly number[]
  readonly reactions: readonly Reaction[]
  readonly masked_language_model: {
    readonly tokens: number
    readonly first: number
    readonly among_five: number
  }
}

const weights = 'rxnmapper-albert'
const mappingLayer = 10
const mappingHead = 5

describe.skipIf(!hasReal('rxnmapper', weights))(`${weights} (${realNote})`, () => {
  const read = (): LoadedEncoder => ofFamily(readModel(weightsFolder(weights)), 'encoder')
  const real = hasReal('rxnmapper', weights) ? readReal<Cases>('rxnmapper') : undefined
  const idsOf = (ids: readonly number[]): Tensor<'batch' | 'position'> =>
    tensor(ids, { batch: 1, position: ids.length }, { dtype: 'i32' })
  const expectNear = (found: ArrayLike<number>, name: string, most: number): void =>
    expect(largestDifference(found, real!.numbers(name)), name).toBeLessThan(most)

  test('ids', () => {
    const { tokenizer } = read()
    for (const { text, ids } of real!.json.reactions)
      expect([...tokenizer.encode(text, { truncation: null, padding: null }).ids].join()).toBe(ids.join())
  })

  test('states, filters, the pooler and masked tokens', () => {
    const { model, config, attentions } = read()
    const { reactions, states_of: listed, tolerance } = real!.json
    const states = tolerance['hidden states']!
    for (const i of listed)
      scope(() => {
        const ids = idsOf(reactions[i]!.ids)
        const { result, values } = collect(['blocks.*.residualBefore', 'blocks.*.attention.filter'], () =>
          encoderStates(model, config, ids),
        )
        const each = Array.from(
          { length: config.layers },
          (_, layer) => values.get(`blocks.${layer}.residualBefore`) as Tensor,
        )
        const first = [...each, result as never as Tensor].flatMap((x) => [...x.at('position', 0).values()])
        expectNear(first, `reaction${i}.cls`, states)
        expectNear(result.values(['batch', 'position', 'width']), `reaction${i}.last`, states)
        expectNear(pooledOf(model, config, result).values(), `reaction${i}.pooled`, states)
        for (const layer of [0, config.layers - 1]) {
          const filter = values.get(attentions[layer]!.name) as Tensor
          const name = `reaction${i}.filters.${layer}`
          expectNear(filter.values(['batch', 'head', 'query', 'key']), name, tolerance['filters']!)
        }
        const masked = encoderOutput(model, config, idsOf([...real!.numbers(`reaction${i}.masked_ids`)]))
        const logits = (masked as { logits: unknown }).logits as Tensor
        const top = reactions[i]!.masked_positions!.flatMap((position, row) => {
          const all = logits.at('position', position).values()
          const chosen = real!.numbers(`reaction${i}.masked.top_ids`).slice(row * 10, (row + 1) * 10)
          return [...chosen].map((id) => all[id]!)
        })
        expectNear(top, `reaction${i}.masked.top_logits`, tolerance['logits']!)
      })
  })

  test('atom maps', () => {
    const { model, config, attentions } = read()
    const { name } = attentions[mappingLayer]!
    const { reactions, tolerance } = real!.json
    reactions.forEach((reaction, i) => {
      const filter = scope(() => {
        const { values } = collect([name], () => encoderStates(model, config, idsOf(reaction.ids)))
        const own = (values.get(name) as Tensor).at('head', mappingHead)
        return Float32Array.from(own.values(['batch', 'query', 'key']))
      })
      expectNear(filter, `reaction${i}.filter`, tolerance['filters']!)
      const { mapping, confidences } = atomMap(reaction, filter)
      expect(mapping).toEqual(reaction.mapping)
      const product = confidences.reduce((all, one) => all * one, 1)
      expect(Math.abs(product - reaction.confidence)).toBeLessThan(tolerance['confidence']!)
    })
  })

  test('every token masked alone', () => {
    const { model, config, tokenizer } = read()
    const { reactions, masked_language_model: expected } = real!.json
    const mask = tokenizer.id('[MASK]')!
    let [tokens, first, five] = [0, 0, 0]
    for (const { ids } of reactions)
      scope(() => {
        // One text behind the other, each with another token masked.
        const inside = ids.map((_, i) => i).slice(1, -1)
        const texts = inside.flatMap((at) => ids.map((id, i) => (i === at ? mask : id)))
        const made = encoderOutput(model, config, idsOf(texts), { rows: inside.map(() => ids.length) })
        const logits = (made as { logits: unknown }).logits as Tensor
        inside.forEach((at, row) => {
          const all = [...logits.at('position', row * ids.length + at).values()]
          const better = all.filter((logit) => logit > all[ids[at]!]!).length
          tokens++
          if (better === 0) first++
          if (better < 5) five++
        })
      })
    expect(tokens).toBe(expected.tokens)
    expect(Math.abs(first / tokens - expected.first)).toBeLessThan(0.003)
    expect(Math.abs(five / tokens - expected.among_five)).toBeLessThan(0.003)
  })
})
