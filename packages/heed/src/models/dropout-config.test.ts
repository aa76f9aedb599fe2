import { expect, test } from 'vitest'
import { readJson } from '../base/index.js'
import { dropoutOf } from './dropout-config.js'
import type { StoredModel } from './stored-model.js'

/** What a configuration with these fields says. */
function rates(fields: object): string {
  const config = readJson(Buffer.from(JSON.stringify(fields)), { operation: 'test', file: 'config.json' })
  const { rate, head, filter } = dropoutOf({ config, path: 'folder' } as unknown as StoredModel)
  return `${rate} ${head} ${filter ?? 'none'}`
}

test.each([
  [{}, '0 0 none'],
  [{ hidden_dropout_prob: 0.1, attention_probs_dropout_prob: 0.2 }, '0.1 0.1 0.2'],
  [{ dropout: 0.1, attention_dropout: 0.3, classifier_dropout: 0.4 }, '0.1 0.4 0.3'],
  [{ resid_pdrop: 0.1, attn_pdrop: 0.05 }, '0.1 0.1 0.05'],
  [{ dropout_rate: 0.1 }, '0.1 0.1 0.1'],
  [{ hidden_dropout_prob: 0.1, attention_probs_dropout_prob: 0 }, '0.1 0.1 none'],
  [{ dropout: null, attention_dropout: 0 }, '0 0 none'],
])('%j has the rates %s', (fields, expected) => {
  expect(rates(fields)).toBe(expected)
})

test.each([1, -0.1, 'many'])('a rate of %j is refused', (rate) => {
  expect(() => rates({ attention_dropout: rate })).toThrow(/attention_dropout/)
})
