/**
 * How captions are measured, as the server of COCO does it (Chen et al. 2015, "Microsoft COCO Captions: Data
 * Collection and Evaluation Server"): BLEU and CIDEr-D of the words without marks.
 */
import { bleuCounts } from './bleu.js'
import { runCounts } from './python-text.js'
import { checkPairs, summed } from './sums.js'

const longest = 4

/** Marks that the server leaves out. */
const marks = /^(?:''|'|``|`|\.|\?|!|,|:|-|--|\.\.\.|;)$/
/** Brackets, as they are called among words. */
const brackets: Readonly<Record<string, string>> = {
  '(': '-lrb-',
  ')': '-rrb-',
  '[': '-lsb-',
  ']': '-rsb-',
  '{': '-lcb-',
  '}': '-rcb-',
}

/**
 * The words of a caption, in small letters and without marks: what Stanford's PTBTokenizer makes of plain
 * English sentences. Of quotation marks, brackets and abbreviations it knows more.
 */
export function captionWords(text: string): string[] {
  return text
    .toLowerCase()
    .replace(/[“”"]|''|``/g, " '' ")
    .replace(/[‘’]/g, "'")
    .replace(/…/g, ' ... ')
    .replace(/[–—]/g, ' -- ')
    .replace(/(\.\.\.|--)/g, ' $1 ')
    .replace(/([;:?!()[\]{}]|,(?!\d)|(?<!\d),)/g, ' $1 ')
    .replace(/([a-z])(n't)(?![a-z])/g, '$1 $2')
    .replace(/(?<=[a-z0-9])('(?:s|m|d|ll|re|ve))(?![a-z])/g, ' $1')
    .replace(/(?<![a-z0-9])'(?!(?:s|m|d|ll|re|ve)\b)(?=[a-z])|(?<=[a-z0-9])'(?![a-z])/g, " ' ")
    .replace(/(?<=[^\s.])\.(?=\s*$)/, ' .')
    .replace(/\b(can)(not)\b/g, '$1 $2')
    .split(/\s+/)
    .filter((word) => word !== '' && !marks.test(word))
    .map((word) => brackets[word] ?? word)
}

/** Scores of captions. */
export interface CaptionScores {
  /** BLEU of runs of up to 1, 2, 3 and 4 words, 0 to 1. */
  readonly bleu: readonly [number, number, number, number]
  /** CIDEr-D, 0 to 10. */
  readonly cider: number
  /** CIDEr-D of each caption. */
  readonly ciders: readonly number[]
}

/**
 * BLEU and CIDEr-D of captions.
 *
 * @param found the words of each
 * @param wanted for each of them the words of what people wrote, at least one
 * @throws UsageError where there are not as many of both, or none
 */
export function captionScores(
  found: readonly (readonly string[])[],
  wanted: readonly (readonly (readonly string[])[])[],
): CaptionScores {
  checkPairs('captionScores', found, wanted)
  const ciders = ciderScores(found, wanted)
  return {
    bleu: captionBleu(summed(found.map((words, i) => bleuCounts(words, wanted[i]!)))),
    cider: ciders.reduce((sum, score) => sum + score, 0) / ciders.length,
    ciders,
  }
}

/** BLEU as the server has it, of sums of `bleuCounts`: without smoothing, so that one of no run is near 0. */
export function captionBleu(counts: ArrayLike<number>): [number, number, number, number] {
  const [small, tiny] = [1e-9, 1e-15]
  const ratio = (counts[0]! + tiny) / (counts[1]! + small)
  const brevity = ratio < 1 ? Math.exp(1 - 1 / ratio) : 1
  let product = 1
  return Array.from({ length: longest }, (_, n) => {
    product *= (counts[2 + n]! + tiny) / (counts[2 + longest + n]! + small)
    return product ** (1 / (n + 1)) * brevity
  }) as [number, number, number, number]
}

/** Lengths may differ by so much: the width of a normal distribution. */
const sigma = 6

interface Vectors {
  readonly weights: readonly ReadonlyMap<string, number>[]
  readonly norms: readonly number[]
  /** Pairs of words. */
  readonly length: number
}

/**
 * CIDEr-D of each caption (Vedantam, Zitnick and Parikh 2015, "CIDEr: Consensus-based Image Description
 * Evaluation", section 5): how near its runs of words are to those of people, each weighed by how few
 * pictures' captions it is in.
 */
export function ciderScores(
  found: readonly (readonly string[])[],
  wanted: readonly (readonly (readonly string[])[])[],
): number[] {
  const lengths = Array.from({ length: longest }, (_, i) => i + 1)
  const pictures = new Map<string, number>()
  for (const captions of wanted) {
    const runs = new Set(captions.flatMap((words) => lengths.flatMap((n) => [...runCounts(words, n).keys()])))
    for (const run of runs) pictures.set(run, (pictures.get(run) ?? 0) + 1)
  }
  const all = Math.log(wanted.length)
  const vectorsOf = (words: readonly string[]): Vectors => {
    const weights = lengths.map(
      (n) =>
        new Map(
          [...runCounts(words, n)].map(([run, count]) => [
            run,
            count * (all - Math.log(pictures.get(run) ?? 1)),
          ]),
        ),
    )
    const norms = weights.map((own) =>
      Math.sqrt([...own.values()].reduce((sum, value) => sum + value ** 2, 0)),
    )
    return { weights, norms, length: Math.max(0, words.length - 1) }
  }
  return found.map((words, i) => {
    const own = vectorsOf(words)
    const scores = wanted[i]!.map((other) => likeness(own, vectorsOf(other)))
    return (10 * scores.reduce((sum, score) => sum + score, 0)) / scores.length
  })
}

function likeness(found: Vectors, wanted: Vectors): number {
  const penalty = Math.exp(-((found.length - wanted.length) ** 2) / (2 * sigma ** 2))
  const cosines = found.weights.map((own, n) => {
    let sum = 0
    for (const [run, value] of own) {
      const other = wanted.weights[n]!.get(run) ?? 0
      sum += Math.min(value, other) * other
    }
    const norm = found.norms[n]! * wanted.norms[n]!
    return norm === 0 ? sum : sum / norm
  })
  return (penalty * cosines.reduce((sum, value) => sum + value, 0)) / longest
}
