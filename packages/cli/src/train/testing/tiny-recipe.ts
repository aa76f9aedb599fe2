import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createCheckpoint, trainTokenizer } from 'heed'
import { presets } from '../../tokenize/presets.js'

const subjects = ['the cat', 'a dog', 'the old man', 'a child', 'the bird']
const verbs = ['sleeps', 'eats', 'sings', 'runs', 'reads']

/** Pairs of sentences: the second is the first, or has another verb. */
export function pairs(count: number): { premise: string; hypothesis: string; label: string }[] {
  return Array.from({ length: count }, (_, i) => {
    const subject = subjects[i % subjects.length]!
    const verb = verbs[Math.floor(i / 5) % verbs.length]!
    const same = i % 2 === 0
    const other = same ? verb : verbs[(Math.floor(i / 5) + 1 + (i % 4)) % verbs.length]!
    return {
      premise: `${subject} ${verb} here`,
      hypothesis: `${subject} ${other}`,
      label: other === verb ? 'yes' : 'no',
    }
  })
}

/** Writes a tiny BERT and a table of pairs into a folder. */
export async function writeTiny(folder: string): Promise<void> {
  const { special, normalizer, preTokenizer, postProcessor, decoder } = presets.bert!
  const tokenizer = await trainTokenizer([...subjects, ...verbs, 'here'], {
    model: 'WordPiece',
    vocabularySize: 80,
    special,
    normalizer,
    preTokenizer,
    postProcessor,
    decoder,
    unknownToken: '[UNK]',
  })
  mkdirSync(folder, { recursive: true })
  const config = {
    model_type: 'bert',
    hidden_size: 16,
    num_hidden_layers: 2,
    num_attention_heads: 2,
    intermediate_size: 32,
    max_position_embeddings: 32,
    hidden_dropout_prob: 0.1,
    attention_probs_dropout_prob: 0.1,
  }
  await createCheckpoint(join(folder, 'tiny'), { config, tokenizer, seed: 1 })
  const rows = pairs(60).map(({ premise, hypothesis, label }) => `${premise},${hypothesis},${label}`)
  const scores = pairs(60).map(
    ({ premise, hypothesis, label }) => `${premise},${hypothesis},${label === 'yes' ? 1 : 0}`,
  )
  writeFileSync(join(folder, 'scored.csv'), `text,pair,score\n${scores.join('\n')}\n`)
  writeFileSync(join(folder, 'pairs.csv'), `premise,hypothesis,label\n${rows.join('\n')}\n`)
}
