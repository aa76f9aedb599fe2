/**
 * heed's side of `embedding.ts`: `node embedding-heed.js FOLDER TEXTS.json`. Answers `ids SET`,
 * `vectors SET` and `time SET` by a line of JSON each, and `equal SET`, which adds a set of as many tokens
 * in texts of equal length. With `first` in place of the file: prints the vector of one text, and ends.
 */
import { readFileSync } from 'node:fs'
import { currentDevice, type Encoding, loadSentenceEncoder, SentenceEncoder } from 'heed'
import { answerLines, spent } from './line-answers.js'

const [folder, from, text = ''] = process.argv.slice(2) as [string, string, string?]
const stored = await loadSentenceEncoder(folder)
// As many tokens as the model takes: the folder's own settings cut texts earlier.
const { loaded, pooling, modules, settings } = stored
const maximum = loaded.config.context
const encoder = new SentenceEncoder(loaded, pooling, modules, { ...settings, maximum })

const tokensOf = (text: string): Encoding =>
  settings.tokenizer.encode(text, {
    truncation: { max_length: maximum, strategy: 'LongestFirst', direction: 'Right', stride: 0 },
    padding: null,
  })

/** As many tokens, in as many texts, as equal as can be: whole words of the texts, each one token. */
function equalTexts(texts: readonly string[]): string[] {
  const encodings = texts.map(tokensOf)
  const total = encodings.reduce((sum, { length }) => sum + length, 0)
  const words = encodings.flatMap(({ tokens }) => tokens.filter((token) => /^[a-z]+$/.test(token)))
  const length = Math.round(total / texts.length)
  return Array.from({ length: Math.round(total / length) }, (_, i) =>
    Array.from({ length: length - 2 }, (_, j) => words[(i * (length - 2) + j) % words.length]!).join(' '),
  )
}

if (from === 'first') {
  const [vector] = encoder.encode([text])
  process.stdout.write(`${JSON.stringify([...vector!])}\n`, () => process.exit())
} else {
  const sets = JSON.parse(readFileSync(from, 'utf8')) as Record<string, string[]>
  await answerLines({
    ids: (name) => sets[name]!.map((each) => [...tokensOf(each).ids]),
    vectors: (name) => encoder.encode(sets[name]!).map((vector) => [...vector]),
    async time(name) {
      const taken = await spent(() => encoder.encode(sets[name]!))
      return { ...taken, heap: currentDevice().heap.memory.buffer.byteLength }
    },
    equal: (name) => (sets[`${name}, equal`] = equalTexts(sets[name]!)).length,
  })
}
