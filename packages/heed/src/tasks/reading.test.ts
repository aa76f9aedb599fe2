import fc from 'fast-check'
import { fileURLToPath } from 'node:url'
import { attentionPage, attentionText } from '@heed/studio'
import { beforeAll, describe, expect, test } from 'vitest'
import { HeedError } from '../base/index.js'
import {
  type FillMaskPipeline,
  pipeline,
  type TokenClassificationPipeline,
  wordAttention,
  type ZeroShotClassificationPipeline,
} from './index.js'

const folder = fileURLToPath(new URL('fixtures/', import.meta.url))
let judge: ZeroShotClassificationPipeline
let tag: TokenClassificationPipeline
let fill: FillMaskPipeline
beforeAll(async () => {
  judge = await pipeline('zero-shot-classification', `${folder}classification`)
  tag = await pipeline('ner', `${folder}tokens`)
  fill = await pipeline('fill-mask', `${folder}masks`)
})

const texts = fc.array(fc.string({ unit: 'grapheme', maxLength: 120 }), { minLength: 1, maxLength: 4 })
const tokensOfBatch = fc.integer({ min: 1, max: 120 })

describe('zero-shot classification', () => {
  test('batches change nothing; scores sum to 1, or each is one by itself', async () => {
    await fc.assert(
      fc.asyncProperty(texts, tokensOfBatch, fc.boolean(), async (inputs, batchTokens, multi_label) => {
        const labels = ['sport', 'politics', 'the weather']
        const together = await judge(inputs, labels, { batchTokens, multi_label })
        for (const [i, text] of inputs.entries()) {
          const { scores, labels: found } = together[i]!
          expect(JSON.stringify(together[i])).toBe(JSON.stringify(await judge(text, labels, { multi_label })))
          expect([...found].sort()).toEqual([...labels].sort())
          const total = scores.reduce((sum, score) => sum + score, 0)
          if (multi_label) for (const score of scores) expect(score).toBeLessThanOrEqual(1)
          else expect(total).toBeCloseTo(1, 9)
        }
      }),
      { numRuns: 10 },
    )
  })

  test('one label, and a template in which it stands as it is written', async () => {
    const { labels, scores } = await judge('The dog ran.', '$& sport', { hypothesis_template: 'It is {}.' })
    expect(labels).toEqual(['$& sport'])
    expect(scores[0]).toBeGreaterThan(0)
  })

  test.each([
    [[], {}, /at least one label/],
    [['sport'], { hypothesis_template: 'It is sport.' }, /\{\}/],
    [['sport', 3], {}, /each label to be a text, found 3/],
    [['sport', ''], {}, /labels with a word in them, found the text ""/],
    [['sport'], { multi_label: 'yes' }, /multi_label to be true or false/],
  ])('%j %j is refused', async (labels, options, message) => {
    await expect(judge('The dog', labels as string[], options as never)).rejects.toThrow(message)
  })

  test.each([undefined, null, 5, { text: 'The dog' }, new Map()])('%j is no text', async (wrong) => {
    const message = /expected the input to be a text/
    await expect(judge(wrong as never, ['sport'])).rejects.toThrow(message)
    await expect(tag(wrong as never)).rejects.toThrow(message)
    await expect(fill(wrong as never)).rejects.toThrow(message)
  })

  test('10⁶ characters, none, and what is no text', async () => {
    const long = 'The dog ran in the park. '.repeat(40_000)
    const found = await judge([long, '', '🎉', '\udc00', 3 as never], ['sport', 'politics'], {
      errors: 'return',
    })
    expect(found.map((one) => one instanceof HeedError)).toEqual([false, false, false, false, true])
  })

  test('a label that is longer than the model', async () => {
    const { scores } = await judge('The dog', ['sport '.repeat(100), 'politics'])
    expect(scores.length).toBe(2)
  })
})

describe('which words met', () => {
  test('each word of the hypothesis against those of the premise', async () => {
    const classify = await pipeline('text-classification', `${folder}classification`)
    const [text, text_pair] = ['A man plays a guitar outside.', 'The man plays music.']
    const { attention } = await classify({ text, text_pair }, { attention: true })
    const { filter, labels, queries, keys } = wordAttention(attention)
    expect(queries.map(({ start, end }) => text_pair.slice(start, end)).join(' ')).toBe(
      'The man plays music .',
    )
    expect(keys.map(({ start, end }) => text.slice(start, end)).join(' ')).toBe(
      'A man plays a guitar outside .',
    )
    expect(labels.query).toEqual(['the', 'man', 'plays', 'music', '.'])
    const page = attentionPage(filter, labels)
    expect(page).toContain('guitar')
    expect(attentionText(attention.filters, attention.labels)).toContain('layer 0')
    // By hand, of one layer and one head.
    const own = wordAttention(attention, { layers: [1], heads: [0], from: 0, to: 1 })
    const raw = attention.filters['blocks.1.attention.filter']!.at('head', 0).values(['query', 'key'])
    const count = attention.tokens!.length
    const [guitar, music] = [own.queries[4]!, own.keys[3]!]
    let sum = 0
    for (const i of guitar.positions) for (const j of music.positions) sum += raw[i * count + j]!
    expect(own.filter.at('query', 4).values()[3]).toBeCloseTo(sum / guitar.positions.length, 6)
    expect(() => wordAttention(attention, { layers: [2] })).toThrow(/layers from 0 to 1/)
    expect(() => wordAttention(attention, { heads: [] })).toThrow(/at least one/)
  })
})

describe('token classification', () => {
  const strategies = fc.constantFrom('none', 'simple', 'first', 'average', 'max')

  test('batches change nothing; spans are in order, and are what the text says', async () => {
    await fc.assert(
      fc.asyncProperty(texts, tokensOfBatch, strategies, async (inputs, batchTokens, strategy) => {
        const options = { aggregation_strategy: strategy, ignore_labels: [] }
        const together = await tag(inputs, { ...options, batchTokens })
        for (const [i, text] of inputs.entries()) {
          const found = together[i]!
          expect(JSON.stringify(found)).toBe(JSON.stringify(await tag(text, options)))
          let before = 0
          for (const { start, end, score } of found) {
            expect(start).toBeGreaterThanOrEqual(before)
            expect(end).toBeLessThanOrEqual(text.length)
            expect(text.slice(start, end).trim()).not.toBe('')
            expect(score).toBeLessThanOrEqual(1)
            before = strategy === 'none' ? start : end
          }
        }
      }),
      { numRuns: 15 },
    )
  })

  test('of a long text each token is given once, in whatever windows it is read', async () => {
    const text = 'Marie ran to Oxford. '.repeat(40)
    for (const stride of [0, 3, 20]) {
      const found = await tag(text, { ignore_labels: [], stride })
      const { ids } = tag.tokenizer.encode(text, { addSpecial: false, truncation: null })
      expect(found.map(({ index }) => index).join()).toBe(Array.from(ids, (_, i) => i + 1).join())
      expect(found.every(({ start }, i) => i === 0 || start >= found[i - 1]!.end)).toBe(true)
    }
    const attended = await tag(text, { aggregation_strategy: 'simple', attention: true })
    expect(attended.attention.tokens!.length).toBe(48)
  })

  test('10⁶ characters in one word, none, an emoji, half of one', async () => {
    const found = await tag(['x'.repeat(1e6), '', '🎉', '\ud83c', null as never], {
      errors: 'return',
      ignore_labels: [],
    })
    expect(found.map((one) => (one instanceof HeedError ? -1 : one.length)).join()).toBe('1,0,1,0,-1')
    await expect(tag('The dog '.repeat(99), { stride: 46 })).rejects.toThrow(/stride/)
    await expect(tag('The', { aggregation_strategy: 'last' as never })).rejects.toThrow(
      /aggregation_strategy/,
    )
  })
})

describe('fill-mask', () => {
  test('several masks, each with its place', async () => {
    const text = `Who ${fill.mask} 🎉 the ${fill.mask}?`
    const found = await fill(text, { top_k: 2 })
    expect(found.map(({ mask }) => mask).join()).toBe('0,0,1,1')
    for (const { start, end } of found) expect(text.slice(start, end)).toBe('[MASK]')
    const all = await fill(text, { top_k: 1e6 })
    const first = all.filter(({ mask }) => mask === 0)
    expect(first.reduce((sum, { score }) => sum + score, 0)).toBeCloseTo(1, 9)
  })

  test('a mask far behind is seen with what is around it', async () => {
    const far = `${'The weather was awful. '.repeat(100)}The cat sat on the [MASK]. ${'Rain and snow. '.repeat(100)}`
    const [best] = await fill(far, { top_k: 1 })
    expect(far.slice(best!.start, best!.end)).toBe('[MASK]')
    const short = await fill([far, 'The cat [MASK].'], { attention: true })
    expect(short[0]!.attention.labels).toContain('[MASK]')
  })

  test('batches change nothing', async () => {
    await fc.assert(
      fc.asyncProperty(texts, tokensOfBatch, async (inputs, batchTokens) => {
        const masked = inputs.map((text) => `${text} [MASK] ${text}`)
        const together = await fill(masked, { batchTokens })
        for (const [i, text] of masked.entries())
          expect(JSON.stringify(together[i])).toBe(JSON.stringify(await fill(text)))
      }),
      { numRuns: 8 },
    )
  })

  test('no mask, no such target, 10⁶ characters', async () => {
    const long = `${'x '.repeat(500_000)}[MASK]`
    const found = await fill([long, 'The cat', '', 3 as never], { errors: 'return', top_k: 1 })
    expect(found.map((one) => one instanceof HeedError)).toEqual([false, true, true, true])
    await expect(fill('The cat')).rejects.toThrow(/a text with \[MASK\]/)
    await expect(fill('[MASK]', { targets: [''] })).rejects.toThrow(/target/)
  })
})
