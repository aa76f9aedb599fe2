/**
 * chrF (Popović 2015, "chrF: character n-gram F-score for automatic MT evaluation") and chrF++ (Popović
 * 2017), as sacrebleu reports them: runs of one to six characters without white space; in chrF++ also words,
 * and pairs of them. β is 2: recall counts twice as much as precision.
 */
import { runCounts, sharedCount, spacedWords } from './python-text.js'
import { checkPairs, summed } from './sums.js'

/** How chrF was computed, in the words of sacrebleu's signature; the number of words follows. */
export const chrfSignature = 'case:mixed|eff:yes|nc:6|space:no'

const characters = 6
const beta = 2

/** The runs of a text, by kind. */
export type ChrfRuns = readonly ReadonlyMap<string, number>[]

/** @param wordOrder words of a run at most: 0 for chrF, 2 for chrF++ */
export function chrfRuns(text: string, wordOrder = 0): ChrfRuns {
  const spaced = spacedWords(text)
  const all = [...spaced.join('')]
  const words = wordOrder > 0 ? spaced.flatMap(withoutMark) : []
  return [
    ...Array.from({ length: characters }, (_, i) => runCounts(all, i + 1, '')),
    ...Array.from({ length: wordOrder }, (_, i) => runCounts(words, i + 1)),
  ]
}

const mark = /^[!-/:-@[-`{-~]$/

/** A word and the mark at its end, else the one at its beginning. */
function withoutMark(word: string): string[] {
  const letters = [...word]
  if (letters.length === 1) return [word]
  if (mark.test(letters.at(-1)!)) return [letters.slice(0, -1).join(''), letters.at(-1)!]
  return mark.test(letters[0]!) ? [letters[0]!, letters.slice(1).join('')] : [word]
}

/**
 * What chrF counts of one text, for each kind of run: those of the text, those of the other, and those that
 * are in both. Of several others, of the one that gives the best score.
 */
export function chrfCounts(found: ChrfRuns, wanted: readonly ChrfRuns[]): number[] {
  const counts = wanted.map((runs) =>
    runs.flatMap((theirs, kind) => {
      const ours = found[kind]!
      return [theirs.size > 0 ? total(ours) : 0, total(theirs), sharedCount(ours, theirs)]
    }),
  )
  return counts.reduce((best, one) => (chrfOf(one) > chrfOf(best) ? one : best))
}

function total(runs: ReadonlyMap<string, number>): number {
  let sum = 0
  for (const count of runs.values()) sum += count
  return sum
}

/** The score of sums of `chrfCounts`, 0 to 100. */
export function chrfOf(counts: ArrayLike<number>): number {
  let [precision, recall, kinds] = [0, 0, 0]
  for (let at = 0; at < counts.length; at += 3) {
    const [found, wanted, shared] = [counts[at]!, counts[at + 1]!, counts[at + 2]!]
    if (found === 0 || wanted === 0) continue
    precision += shared / found
    recall += shared / wanted
    kinds++
  }
  if (precision + recall === 0) return 0
  precision /= kinds
  recall /= kinds
  return (100 * (1 + beta ** 2) * precision * recall) / (beta ** 2 * precision + recall)
}

/**
 * chrF of a corpus, equal to sacrebleu's.
 *
 * @param found a text each
 * @param wanted for each of them what it should be: a text, or several
 * @param wordOrder 2 for chrF++. Default 0
 * @throws UsageError where there are not as many of both, or none
 */
export function chrf(
  found: readonly string[],
  wanted: readonly (string | readonly string[])[],
  wordOrder = 0,
): number {
  checkPairs('chrf', found, wanted)
  return chrfOf(
    summed(
      found.map((text, i) => {
        const others = wanted[i]!
        const runs = (typeof others === 'string' ? [others] : others).map((one) => chrfRuns(one, wordOrder))
        return chrfCounts(chrfRuns(text, wordOrder), runs)
      }),
    ),
  )
}
