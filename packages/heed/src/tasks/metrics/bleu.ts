/**
 * BLEU (Papineni et al. 2002, "BLEU: a Method for Automatic Evaluation of Machine Translation"), as sacrebleu
 * reports it (Post 2018, "A Call for Clarity in Reporting BLEU Scores"): words by the tokenizer 13a of
 * mteval, runs of up to four of them, `exp` smoothing.
 */
import { runCounts, sharedCount, spacedWords, withoutEndSpace } from './python-text.js'
import { checkPairs, summed } from './sums.js'

/** How BLEU was computed, in the words of sacrebleu's signature. */
export const bleuSignature = 'case:mixed|eff:no|tok:13a|smooth:exp'

const longest = 4

/** A score, 0 to 100. */
export interface BleuScore {
  readonly score: number
  /** Of runs of 1, 2, 3 and 4 words, 0 to 100. */
  readonly precisions: readonly number[]
  /** What is left of the score of texts that are too short, 0 to 1. */
  readonly brevity: number
  /** Words of what was written. */
  readonly length: number
  /** Words of what it should be: of several, the text whose length is closest. */
  readonly wantedLength: number
}

/** A text as mteval-v13a cuts it: marks stand alone, but in numbers. */
export function bleuWords(text: string): string[] {
  const plain = withoutEndSpace(text)
    .replaceAll('<skipped>', '')
    .replaceAll('-\n', '')
    .replaceAll('\n', ' ')
    .replaceAll('&quot;', '"')
    .replaceAll('&amp;', '&')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
  return spacedWords(
    ` ${plain} `
      .replace(/([{-~[-` -&(-+:-@/])/g, ' $1 ')
      .replace(/([^0-9])([.,])/g, '$1 $2 ')
      .replace(/([.,])([^0-9])/g, ' $1 $2')
      .replace(/([0-9])(-)/g, '$1 $2 '),
  )
}

/**
 * What BLEU counts of one text: its words, those of the closest other, then for runs of 1 to 4 words how many
 * are right, and how many there are. BLEU of several texts is that of the sums.
 */
export function bleuCounts(found: readonly string[], wanted: readonly (readonly string[])[]): number[] {
  const closest = wanted
    .map(({ length }) => length)
    .reduce((best, length) => {
      const [a, b] = [best, length].map((one) => Math.abs(one - found.length)) as [number, number]
      return b < a || (b === a && length < best) ? length : best
    }, Infinity)
  const [right, all]: [number[], number[]] = [[], []]
  for (let length = 1; length <= longest; length++) {
    const most = new Map<string, number>()
    for (const words of wanted)
      for (const [run, count] of runCounts(words, length)) most.set(run, Math.max(count, most.get(run) ?? 0))
    right.push(sharedCount(runCounts(found, length), most))
    all.push(Math.max(0, found.length - length + 1))
  }
  return [found.length, closest, ...right, ...all]
}

/**
 * The score of sums of `bleuCounts`.
 *
 * @param effective whether runs that are longer than the text are left out, as for single sentences
 */
export function bleuOf(counts: ArrayLike<number>, effective = false): BleuScore {
  const [length, wantedLength] = [counts[0]!, counts[1]!]
  const brevity = length >= wantedLength ? 1 : length === 0 ? 0 : Math.exp(1 - wantedLength / length)
  const precisions = Array.from({ length: longest }, () => 0)
  const found = { precisions, brevity, length, wantedLength }
  if (precisions.every((_, n) => counts[2 + n] === 0)) return { ...found, score: 0 }
  let [smooth, order] = [1, longest]
  for (let n = 0; n < longest; n++) {
    const [right, all] = [counts[2 + n]!, counts[2 + longest + n]!]
    if (all === 0) break
    if (effective) order = n + 1
    precisions[n] = right > 0 ? (100 * right) / all : 100 / ((smooth *= 2) * all)
  }
  const logs = precisions
    .slice(0, order)
    .map((precision) => (precision === 0 ? -9999999999 : Math.log(precision)))
  return { ...found, score: brevity * Math.exp(logs.reduce((sum, log) => sum + log, 0) / order) }
}

/**
 * BLEU of a corpus, equal to sacrebleu's.
 *
 * @param found a text each
 * @param wanted for each of them what it should be: a text, or several
 * @throws UsageError where there are not as many of both, or none
 */
export function bleu(found: readonly string[], wanted: readonly (string | readonly string[])[]): BleuScore {
  checkPairs('bleu', found, wanted)
  return bleuOf(
    summed(
      found.map((text, i) => {
        const others = wanted[i]!
        return bleuCounts(bleuWords(text), (typeof others === 'string' ? [others] : others).map(bleuWords))
      }),
    ),
  )
}
