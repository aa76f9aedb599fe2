/**
 * ROUGE (Lin 2004, "ROUGE: A Package for Automatic Evaluation of Summaries"): what a summary has in common
 * with those that people wrote. Texts are cut into runs of ASCII letters and digits.
 */
import { checkNames } from '../../base/index.js'
import { porterStem } from './porter.js'
import { runCounts, sharedCount } from './python-text.js'

/** Shares from 0 to 1: of what was written, of what it should be, and their harmonic mean. */
export interface RougeScore {
  readonly precision: number
  readonly recall: number
  readonly f1: number
}

/** By words, pairs of words, the longest common subsequence; `rougeLsum` takes that sentence by sentence. */
export interface RougeScores {
  readonly rouge1: RougeScore
  readonly rouge2: RougeScore
  readonly rougeL: RougeScore
  /** A line is a sentence. */
  readonly rougeLsum: RougeScore
}

/** How texts are compared. */
export interface RougeOptions {
  /** Whether words of more than three letters are compared by their stems (Porter 1980). Default false. */
  readonly stemmer?: boolean | undefined
}

/**
 * How much a summary has in common with another. Of several others each score is that of the best one.
 *
 * @param found what was written
 * @param summaries what it should be: one text, or several
 */
export function rouge(
  found: string,
  summaries: string | readonly string[],
  options: RougeOptions = {},
): RougeScores {
  checkNames('rouge', options, ['stemmer'])
  const { stemmer = false } = options
  const own = partsOf(found, stemmer)
  const scores = (typeof summaries === 'string' ? [summaries] : summaries).map((summary) =>
    scoresOf(own, partsOf(summary, stemmer)),
  )
  const best = (name: keyof RougeScores): RougeScore =>
    scores.map((one) => one[name]).reduce((most, one) => (one.f1 > most.f1 ? one : most), none)
  return {
    rouge1: best('rouge1'),
    rouge2: best('rouge2'),
    rougeL: best('rougeL'),
    rougeLsum: best('rougeLsum'),
  }
}

const none: RougeScore = { precision: 0, recall: 0, f1: 0 }

/** The words that ROUGE compares. */
export function rougeWords(text: string, stemmer = false): string[] {
  const words = text.toLowerCase().match(/[a-z0-9]+/g) ?? []
  return stemmer ? words.map((word) => (word.length > 3 ? porterStem(word) : word)) : words
}

interface Parts {
  readonly words: readonly string[]
  readonly sentences: readonly (readonly string[])[]
}

function partsOf(text: string, stemmer: boolean): Parts {
  const lines = text.split('\n').filter((line) => line !== '')
  return { words: rougeWords(text, stemmer), sentences: lines.map((line) => rougeWords(line, stemmer)) }
}

function scoresOf(found: Parts, wanted: Parts): RougeScores {
  const runs = (length: number): RougeScore => {
    const [a, b] = [found, wanted].map(({ words }) => runCounts(words, length)) as [
      Map<string, number>,
      Map<string, number>,
    ]
    const count = ({ words }: Parts): number => Math.max(1, words.length - length + 1)
    return scoreOf(sharedCount(a, b), count(found), count(wanted))
  }
  const [a, b] = [found.words, wanted.words]
  const common = (): number => lengths(b, a)[b.length]![a.length]!
  return {
    rouge1: runs(1),
    rouge2: runs(2),
    rougeL: a.length === 0 || b.length === 0 ? none : scoreOf(common(), a.length, b.length),
    rougeLsum: bySentences(found.sentences, wanted.sentences),
  }
}

function scoreOf(shared: number, found: number, wanted: number): RougeScore {
  const [precision, recall] = [shared / found, shared / wanted]
  const sum = precision + recall
  return { precision, recall, f1: sum > 0 ? (2 * precision * recall) / sum : 0 }
}

/** How long the longest common subsequence is of the first i and j words. */
function lengths(a: readonly string[], b: readonly string[]): Uint32Array[] {
  const table = Array.from({ length: a.length + 1 }, () => new Uint32Array(b.length + 1))
  for (let i = 1; i <= a.length; i++)
    for (let j = 1; j <= b.length; j++)
      table[i]![j] =
        a[i - 1] === b[j - 1] ? table[i - 1]![j - 1]! + 1 : Math.max(table[i - 1]![j]!, table[i]![j - 1]!)
  return table
}

/** Section 3.2: the union of what each sentence has in common with those written; no word counts twice. */
function bySentences(
  found: readonly (readonly string[])[],
  wanted: readonly (readonly string[])[],
): RougeScore {
  const [left, right] = [found, wanted].map((sentences) => runCounts(sentences.flat(), 1)) as [
    Map<string, number>,
    Map<string, number>,
  ]
  const [count, all] = [found.flat().length, wanted.flat().length]
  if (count === 0 || all === 0) return none
  let hits = 0
  for (const sentence of wanted) {
    const union = new Set(found.flatMap((other) => places(sentence, other)))
    for (const place of [...union].sort((a, b) => a - b)) {
      const word = sentence[place]!
      const [ours, theirs] = [left.get(word) ?? 0, right.get(word) ?? 0]
      if (ours === 0 || theirs === 0) continue
      hits++
      left.set(word, ours - 1)
      right.set(word, theirs - 1)
    }
  }
  return scoreOf(hits, count, all)
}

/** Where in `a` the words of one longest common subsequence stand. */
function places(a: readonly string[], b: readonly string[]): number[] {
  const table = lengths(a, b)
  const found: number[] = []
  for (let [i, j] = [a.length, b.length]; i > 0 && j > 0;) {
    if (a[i - 1] === b[j - 1]) {
      found.push(--i)
      j--
    } else if (table[i]![j - 1]! > table[i - 1]![j]!) j--
    else i--
  }
  return found
}

/**
 * How much of a summary is new: how many of its runs of words are not in the text that it is of, and how many
 * there are (See, Liu and Manning 2017, section 6).
 *
 * @param length of a run. Default 1
 */
export function newRuns(
  summary: string,
  text: string,
  length = 1,
): { readonly new: number; readonly all: number } {
  const known = runCounts(rougeWords(text), length)
  let [fresh, all] = [0, 0]
  for (const [run, count] of runCounts(rougeWords(summary), length)) {
    all += count
    if (!known.has(run)) fresh += count
  }
  return { new: fresh, all }
}
