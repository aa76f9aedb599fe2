import {
  attentionFilter,
  causal,
  collect,
  createBlock,
  createCrossBlock,
  createDecoder,
  crossDecoderBlock,
  decoderConfig,
  decoderLogits,
  encoderBlock,
  normal,
  randomKey,
  ShapeError,
  softmax,
  tap,
  tensor,
  UsageError,
  within,
  type Tensor,
} from 'heed'
import { describe, expect, test } from 'vitest'
import { attentionPage, attentionResult, attentionText, type LabelsByName } from './attention.js'

const shape = { width: 8, heads: 2, hidden: 16 }
const source = ['The', ' cat', ' sat', ' on', ' it']
const target = ['Die', ' Katze', ' saß']
const output = { write: () => true, columns: 60 }
const environment = {}

function translated(): ReadonlyMap<string, Tensor<string>> {
  const sequence = (seed: number, position: number) =>
    normal(randomKey(seed), { batch: 1, position, width: 8 })
  const { values } = collect(['encoder.*.attention.filter', 'decoder.*.*.filter'], () => {
    const context = within('encoder.0', () =>
      encoderBlock(createBlock(randomKey(1), shape), sequence(2, source.length)),
    )
    const block = createCrossBlock(randomKey(3), shape)
    return within('decoder.0', () => crossDecoderBlock(block, sequence(4, target.length), context))
  })
  return values
}

const labels: LabelsByName = {
  'encoder.*.attention.filter': source,
  'decoder.*.attention.filter': target,
  'decoder.*.crossAttention.filter': { query: target, key: source },
}

/** What the page holds besides the filters. */
function payloadOf(html: string): {
  texts: { text: string }[][]
  layers: { name: string; queries: number; keys: number; causal: boolean; heads: number }[]
} {
  return JSON.parse(/id="payload">([^<]*)</.exec(html)![1]!) as ReturnType<typeof payloadOf>
}

describe('an encoder-decoder', () => {
  const values = translated()

  test('the filters are those of the run, with scores where they say something', () => {
    const { layers } = attentionResult(values, labels)
    expect(layers.map(({ name }) => name)).toEqual([
      'encoder 0 attention',
      'decoder 0 attention',
      'decoder 0 crossAttention',
    ])
    const cross = values.get('decoder.0.crossAttention.filter')!
    const numbers = [...cross.withAxes('batch', 'head', 'query', 'key').values()]
    expect(layers[2]!.heads.flatMap(({ filter }) => filter.flat())).toEqual(numbers)
    expect(layers[2]!.heads).toHaveLength(2)
    for (const { filter, entropy, first, previous, induction } of layers[2]!.heads) {
      expect(filter.map((row) => row.length)).toEqual([5, 5, 5])
      const mean = (of: (row: readonly number[]) => number) =>
        filter.reduce((sum, row) => sum + of(row), 0) / filter.length
      expect(first).toBeCloseTo(
        mean((row) => row[0]!),
        12,
      )
      expect(entropy).toBeCloseTo(
        mean((row) => -row.reduce((sum, weight) => sum + weight * Math.log(weight), 0)),
        12,
      )
      expect([previous, induction]).toEqual([Number.NaN, Number.NaN])
    }
    expect(layers[1]!.heads[0]!.previous).toBeGreaterThan(0)
  })

  test('the page has both texts once, and knows which layer is causal', () => {
    const { texts, layers } = payloadOf(attentionPage(values, labels, { title: 'A translation' }))
    expect(texts.map((tokens) => tokens.map(({ text }) => text))).toEqual([source, target])
    expect(layers).toMatchObject([
      { name: 'encoder 0 attention', queries: 0, keys: 0, causal: false, heads: 2 },
      { name: 'decoder 0 attention', queries: 1, keys: 1, causal: true, heads: 2 },
      { name: 'decoder 0 crossAttention', queries: 1, keys: 0, causal: false, heads: 2 },
    ])
  })

  test('the terminal has a map for each head, and where the last query of each text looks', () => {
    const text = attentionText(values, labels, { output, environment })
    for (const name of ['encoder 0 attention', 'decoder 0 attention', 'decoder 0 crossAttention']) {
      expect(text).toContain(`${name}\nH0`)
    }
    expect(text.match(/where the last token/g)).toHaveLength(3)
    expect(text).toMatch(/decoder 0 crossAttention +1 +\d\.\d\d +– +\d\.\d\d +–/)
    expect(text).not.toContain('what comes next')
    for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(60)
  })

  test('one head of cross-attention: queries by their text, keys named below', () => {
    const text = attentionText(values, labels, { output, environment, layer: 2, head: 1 })
    expect(text).toMatch(/^decoder 0 crossAttention, head 1\n\n +0 +1 +2 +3 +4\n0 Die +\d+/)
    expect(text).toContain('\nkeys: 0 The  1 ␣cat  2 ␣sat  3 ␣on  4 ␣it\n')
  })
})

test('a decoder: one list of labels for all, and what comes next', () => {
  const config = decoderConfig({ vocabulary: 9, context: 8, width: 8, layers: 2, heads: 2 })
  const ids = tensor([1, 2, 3, 1], { batch: 1, position: 4 }, { dtype: 'i32' })
  const { values } = collect(['blocks.*.attention.filter', 'logits'], () =>
    decoderLogits(createDecoder(config, randomKey(1)), config, ids),
  )
  const next = [{ id: 4, text: ' d', probability: 0.5 }]
  const result = attentionResult(values, ['a', 'b', 'c', 'a'], { next })
  expect(result).toMatchObject({ text: 'abca', next, layers: [{ name: '0' }, { name: '1' }] })
  expect(result.tokens.map(({ id, start, end }) => [id, start, end])).toEqual([
    [0, 0, 1],
    [1, 1, 2],
    [2, 2, 3],
    [0, 3, 4],
  ])
  const text = attentionText(values, ['a', 'b', 'c', 'a'], { next, output, environment })
  expect(text).toContain('layer 1\nH0')
  expect(text).toMatch(/what comes next\n0\.500 {2}␣d/)
})

test('one filter, one of a batch, names of any kind', () => {
  const query = normal(randomKey(1), { batch: 3, query: 2, width: 4 })
  const filter = attentionFilter(query, query.rename({ query: 'key' }), { mask: causal })
  const { layers } = attentionResult(filter, ['a', 'b'], { at: { batch: 2 } })
  expect(layers[0]!.heads[0]!.filter.flat()).toEqual([...filter.at('batch', 2).values()])
  expect(layers[0]!.name).toBe('attention')
  const own = attentionResult({ 'my.\u001b[8mlook': filter.at('batch', 0) }, ['a', 'b'])
  expect(own.layers[0]!.name).toBe('my \u001b[8mlook')
  const { values } = collect(['look'], () =>
    tap('look', softmax(normal(randomKey(1), { position: 2, key: 3 }), 'key').rename({ position: 'query' })),
  )
  const labelled = attentionText(values, { query: ['\u202e', '\udce6'], key: ['x', 'y', 'z'] }, { output })
  expect(labelled).toContain('the last token, “E6”')
  expect(attentionText({ '\u001b[8m.0.filter': filter.at('batch', 0) }, ['a', 'b'], { output })).not.toMatch(
    /\u001b\[8m/,
  )
})

test.each<[string, () => unknown, new () => Error, RegExp]>([
  ['no filter', () => attentionPage(new Map(), ['a']), UsageError as never, /query and key, found no values/],
  [
    'values of other axes',
    () => attentionPage({ logits: tensor([1], { vocabulary: 1 }) }, ['a']),
    UsageError as never,
    /found logits: f32 vocabulary 1; collect/,
  ],
  [
    'a pattern that names none',
    () => attentionPage(translated(), { 'encoder.*.filter': source }),
    UsageError as never,
    /a filter named 'encoder\.\*\.filter', found encoder\.0\.attention\.filter, /,
  ],
  [
    'too few labels',
    () => attentionPage(translated(), { 'encoder.*.attention.filter': source.slice(1) }),
    ShapeError as never,
    /5 labels for the axis query of encoder\.0\.attention\.filter, .* found 4; label padding too/,
  ],
  [
    'one list for cross-attention',
    () => attentionPage(translated(), { 'decoder.*.crossAttention.filter': target }),
    ShapeError as never,
    /5 labels for the axis key/,
  ],
  [
    'a batch of which none is chosen',
    () => attentionPage(tensor([1, 1], { batch: 2, query: 1, key: 1 }), ['a']),
    UsageError as never,
    /one position of the axis batch .* found 2; choose it: \{ at: \{ batch: 0 \} \}/,
  ],
  [
    'a position that there is not',
    () => attentionPage(tensor([1, 1], { batch: 2, query: 1, key: 1 }), ['a'], { at: { batch: 2 } }),
    UsageError as never,
    /from 0 to 1 of the axis batch .* found 2/,
  ],
  [
    'scores in place of a filter',
    () => attentionText(tensor([3], { query: 1, key: 1 }), ['a'], { output }),
    UsageError as never,
    /weights between 0 and 1/,
  ],
  [
    'a layer that there is not',
    () => attentionText(translated(), labels, { output, layer: 3 }),
    UsageError as never,
    /a layer from 0 to 2 and a head from 0 to 1.* found layer 3, head any/,
  ],
  [
    'no tokens',
    () => attentionText(tensor([], { query: 0, key: 0 }), [], { output }),
    UsageError as never,
    /at least one token/,
  ],
])('%s is refused', (_, act, kind, message) => {
  expect(act).toThrow(kind)
  expect(act).toThrow(message)
})
