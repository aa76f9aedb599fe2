// README's lines of input and output, one for each task that a model is shipped for: runs `heed run` on each
// example, and compares what README has between its markers.
//
//   node scripts/task-lines.mjs [--write]     --write puts the lines into README

import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const readme = join(root, 'README.md')
const [begin, end] = ['<!-- lines of scripts/task-lines.mjs -->\n', '<!-- end of the lines -->']

const score = (value) => value.toFixed(2)
const document = 'William of Normandy came to England in 1066, and won the battle of Hastings.'
/** What each task is, an example, and what of the result stands in its line. */
const examples = [
  {
    what: 'reading comprehension',
    words: ['question-answering', 'When did William come to England?', document],
    said: ({ answer, score: own }) => `**${answer}** ${score(own)}`,
  },
  {
    what: 'textual entailment',
    words: ['text-classification', 'A man plays a guitar on a stage.', 'Somebody makes music.'],
    said: ([{ label, score: own }]) => `**${label}** ${score(own)}`,
  },
  {
    what: 'labels that no model was trained on',
    words: ['zero-shot-classification', 'The match ended in a draw.', 'sport', 'politics', 'science'],
    said: ({ labels, scores }) => labels.map((label, i) => mark(i, label, scores[i])).join(', '),
  },
  {
    what: 'sentences that mean the same',
    words: ['sentence-similarity', 'A cat sleeps.', 'A kitten naps.', 'Stocks fell.'],
    said: (found) => found.map(({ sentence, score: own }, i) => mark(i, sentence, own)).join(', '),
  },
  {
    what: 'search: documents in order',
    words: [
      'rerank',
      'When did people land on the moon?',
      'The moon is made of rock.',
      'Apollo 11 came down there in 1969.',
    ],
    said: ([{ document: best }]) => `**${best}**`,
  },
  {
    what: 'a vector of a text',
    words: ['feature-extraction', 'The cat sat on the mat.', '--normalize'],
    said: (vector) => `${vector.slice(0, 3).map(score).join(', ')}, … (${vector.length} numbers)`,
  },
  {
    what: 'writing on',
    words: ['text-generation', 'The river flows through', '--max-new-tokens', '5'],
    said: ([{ generated_text: text }]) => text.replace(/\s+/g, ' ').trim(),
  },
]

/** The first is the answer. */
function mark(i, text, value) {
  return `${i === 0 ? `**${text}**` : text} ${score(value)}`
}

/** The line of an example; undefined where no model is there for it. */
function lineOf({ what, words, said }) {
  const command = join(root, 'packages/cli/bin/heed.js')
  const { status, stdout, stderr } = spawnSync(process.execPath, [command, 'run', ...words, '--json'], {
    encoding: 'utf8',
    env: { ...process.env, NO_COLOR: '1' },
  })
  if (status !== 0) {
    console.error(`left out: ${stderr.trim()}`)
    return undefined
  }
  const shown = words.map((word) => (/^[\w-]+$/.test(word) ? word : `"${word}"`)).join(' ')
  const cells = [what, `\`heed run ${shown}\``, said(JSON.parse(stdout).result)]
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
}

const text = readFileSync(readme, 'utf8')
const from = text.indexOf(begin) + begin.length
const to = text.indexOf(end)
if (from < begin.length || to < from) throw new Error('README.md has no markers of task-lines')
const lines = examples.map(lineOf).filter((line) => line !== undefined)
const wanted = ['| task | input | output |', '|---|---|---|', ...lines, ''].join('\n')
if (process.argv.includes('--write')) writeFileSync(readme, text.slice(0, from) + wanted + text.slice(to))
else if (text.slice(from, to) !== wanted) {
  console.error(`README.md's lines of tasks are stale: run node scripts/task-lines.mjs --write\n\n${wanted}`)
  process.exitCode = 1
}
