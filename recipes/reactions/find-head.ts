/**
 * node dist/reactions/find-head.js FOLDER
 *
 * Prints the table of all heads of rxnmapper's ALBERT, which of them maps atoms, and its score.
 */
import { readFileSync } from 'node:fs'
import { loadEncoder } from 'heed'
import { bestRow, headTable, type KnownReaction, likeliestHead, rightMaps, rightWithoutOwn } from './heads.js'

const [folder] = process.argv.slice(2)
if (folder === undefined) throw new Error('name the folder of the weights: rxnmapper-albert')
// The recipe's folder lies beside dist, where this file is built.
const known = readFileSync(new URL('../../reactions/reactions.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as KnownReaction)

const loaded = await loadEncoder(folder)
const rows = headTable(
  loaded,
  known.map(({ text }) => text),
)
console.log('layer head  entropy previous first  induction  bonds kept  atoms  reactions')
for (const row of rows) {
  const { atoms, reactions } = rightMaps(row, known)
  const { layer, head, entropy, previous, first, induction, keptBonds } = row
  const numbers = [entropy, previous, first, induction, keptBonds].map((value) =>
    value.toFixed(3).padStart(9),
  )
  console.log(
    String(layer).padStart(5),
    String(head).padStart(4),
    ...numbers,
    String(atoms).padStart(6),
    String(reactions).padStart(6),
  )
}
const head = likeliestHead(rows)
console.log(`\nBonds alone say: head ${head}.`)
const best = bestRow(rows, known)
const { atoms, reactions } = rightMaps(best, known)
console.log(
  `Most atoms right: layer ${best.layer}, head ${best.head}: ${atoms} atoms, ${reactions} of ${known.length} reactions.`,
)
console.log(
  `Each reaction by the row that is best for the others: ${rightWithoutOwn(rows, known)} of ${known.length}.`,
)
