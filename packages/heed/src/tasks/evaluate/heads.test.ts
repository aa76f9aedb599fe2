import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { encoderStates, loadModel, ofFamily, type Running } from '../../models/index.js'
import { collect, headScores } from '../../observe/index.js'
import { type Tensor, tensor } from '../../tensor/index.js'
import { temporaryFolder, writeTiny } from '../testing/tiny.js'
import { textOf, tinyDecoder } from './testing/records.js'
import {
  ablateHeads,
  type EvaluateOptions,
  headTable,
  measureClassification,
  measurePerplexity,
} from './index.js'

const { path, remove } = temporaryFolder()
const fast: EvaluateOptions = { samples: 200 }

beforeAll(async () => {
  await writeTiny(path, {
    architectures: ['BertForSequenceClassification'],
    id2label: { 0: 'contradiction', 1: 'entailment', 2: 'neutral' },
  })
})
afterAll(remove)

describe('heads', () => {
  const records = Array.from({ length: 60 }, (_, i) => ({
    text: textOf(i),
    pair: textOf(i + 1000, 3),
    label: i % 3,
  }))

  test('without a head is without its rows of the output projection', async () => {
    const model = await loadModel(path)
    const found = await ablateHeads(model, (own) => measureClassification(model, records, own), fast)
    expect(found.heads.map(({ layer, head }) => `${layer}.${head}`)).toEqual(['0.0', '0.1', '1.0', '1.1'])
    const all = Uint32Array.from(records, (_, i) => i)
    const accuracy = async (one: Running): Promise<number> =>
      (await measureClassification(one, records)).own.metrics['accuracy']!(all)
    expect(found.score.value).toBe(await accuracy(model))
    for (const { layer, head, value, cost } of found.heads) {
      const { blocks, ...rest } = model.model as never as { blocks: Block[] }
      const keep = tensor([head === 0 ? 0 : 1, head === 1 ? 0 : 1], { head: 2 })
      const changed = blocks.map((block, i) => (i === layer ? withoutHead(block, keep) : block))
      const other = {
        ...model,
        tokenizer: model.tokenizer,
        model: { ...rest, blocks: changed },
      } as never as Running
      expect(value).toBe(await accuracy(other))
      expect(cost.value).toBeCloseTo(found.score.value - value, 12)
    }
  })

  test('the table of heads is the mean of their scores over texts', async () => {
    const loaded = ofFamily(await loadModel(path), 'encoder')
    const texts = [textOf(1), [textOf(2), textOf(3)]] as const
    const rows = await headTable(loaded, texts)
    expect(rows.map(({ layer, head }) => `${layer}.${head}`)).toEqual(['0.0', '0.1', '1.0', '1.1'])
    const scores = texts.map((text) => {
      const [first, pair] = typeof text === 'string' ? [text] : text
      const { ids, typeIds, sequenceIds } = loaded.tokenizer.encode(
        first!,
        pair === undefined ? {} : { pair },
      )
      const shape = { batch: 1, position: ids.length }
      const input = tensor(ids, shape, { dtype: 'i32' })
      const tokenTypes = tensor(typeIds, shape, { dtype: 'i32' })
      const { values } = collect(['blocks.1.attention.filter'], () =>
        encoderStates(loaded.model, loaded.config, input, { tokenTypes }),
      )
      const filter = values.get('blocks.1.attention.filter')!.withAxes('batch', 'head', 'query', 'key')
      const own = filter.at('batch', 0).at('head', 1)
      const weights = own.values(['query', 'key'])
      const crossing = [...weights.keys()].filter(
        (at) => sequenceIds[at % ids.length]! + sequenceIds[Math.floor(at / ids.length)]! === 1,
      )
      const other = crossing.reduce((sum, at) => sum + weights[at]!, 0)
      return { ...headScores(own, ids), other: other / sequenceIds.filter((text) => text >= 0).length }
    })
    for (const name of ['entropy', 'previous', 'first', 'induction', 'other'] as const)
      expect(rows[3]![name]).toBeCloseTo((scores[0]![name] + scores[1]![name]) / 2, 6)
    expect(rows[3]!.other).toBeGreaterThan(0.01)
    const decoder = { ...(await tinyDecoder(path)), attentions: loaded.attentions }
    expect((await headTable(decoder, [textOf(4, 4)])).length).toBe(4)
    await expect(headTable(loaded, [])).rejects.toThrow('at least one text')
  })

  test('of perplexity, more is worse', async () => {
    const { attentions } = await loadModel(join(import.meta.dirname, '../../../../../models/first-light'))
    const loaded = { ...(await tinyDecoder(path)), attentions: attentions.slice(0, 2) }
    const measure = (own: EvaluateOptions): ReturnType<typeof measurePerplexity> =>
      measurePerplexity(loaded, [{ text: textOf(1, 4) }, { text: textOf(2, 5) }], own)
    const found = await ablateHeads(loaded, measure, fast)
    expect([found.lower, found.heads.length]).toEqual([true, 4])
    for (const { value, cost } of found.heads) expect(cost.value).toBeCloseTo(value - found.score.value, 9)
  })

  test('a head that attends alike to all', async () => {
    const model = await loadModel(path)
    const measure = (own: EvaluateOptions): ReturnType<typeof measureClassification> =>
      measureClassification(model, records, own)
    const found = await ablateHeads(model, measure, { ...fast, ablation: 'uniform', metric: 'macro F1' })
    expect([found.ablation, found.metric, found.heads.length]).toEqual(['uniform', 'macro F1', 4])
    await expect(ablateHeads(model, measure, { ...fast, metric: 'F1' })).rejects.toThrow(
      "a metric of the task: accuracy, macro F1, Matthews, found 'F1'",
    )
    await expect(ablateHeads(model, () => measureClassification(model, records), fast)).rejects.toThrow(
      'runs the model by `around`',
    )
  })
})

interface Block {
  readonly attention: { readonly output: { readonly weight: Tensor<'head' | 'headWidth' | 'width'> } }
}

function withoutHead(block: Block, keep: Tensor<'head'>): Block {
  const { attention } = block
  const { output } = attention
  return { ...block, attention: { ...attention, output: { ...output, weight: output.weight.mul(keep) } } }
}
