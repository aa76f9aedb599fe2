/** What texts and pairs can be classified by without reading them: for the scores beside a model's. */
import { partOf } from '../../../train/index.js'
import { type Features, learnLogistic } from './logistic.js'
import { plainWords, rarityIn } from './words.js'

/** A text, or a pair, and its class. */
export interface ClassExample {
  readonly text: string
  readonly pair?: string | undefined
  readonly label: number
}

/** The classes that each baseline chose. */
export type ClassBaselines = Readonly<Record<string, readonly number[]>>

const folds = 5

/**
 * Baselines of classification. For all: `majority`, the most frequent class. For texts: `bag of words`. For
 * pairs: `hypothesis only`, a bag of the second text's words and pairs of words; `overlap`, features of what
 * both texts share; `words and overlap`, both together. All but the first are logistic regressions. They
 * learn from other examples: those given, or else, fold by fold, the four fifths that are not chosen for;
 * equal first texts fall into one fold.
 *
 * @param others to learn from
 */
export function classBaselines(
  examples: readonly ClassExample[],
  classes: number,
  others?: readonly ClassExample[],
): ClassBaselines {
  const isPair = examples.every(({ pair }) => pair !== undefined)
  const rarity = rarityIn(
    [...examples, ...(others ?? [])].flatMap(({ text, pair }) => [plainWords(text), plainWords(pair ?? '')]),
  )
  const kinds: Readonly<Record<string, (one: ClassExample) => Features>> = isPair
    ? {
        'hypothesis only': ({ pair }) => bagOf(pair!),
        overlap: (one) => overlapOf(one, rarity),
        'words and overlap': (one) => new Map([...bagOf(one.pair!), ...overlapOf(one, rarity)]),
      }
    : { 'bag of words': ({ text }) => bagOf(text) }
  const found: Record<string, number[]> = {
    majority: fromOthers(examples, others, (learned) => {
      const counts = new Array<number>(classes).fill(0)
      for (const { label } of learned) counts[label]!++
      const most = counts.indexOf(Math.max(...counts))
      return () => most
    }),
  }
  for (const [name, features] of Object.entries(kinds))
    found[name] = fromOthers(examples, others, (learned) => {
      const labels = learned.map(({ label }) => label)
      const classify = learnLogistic(learned.map(features), labels, classes)
      return (one) => classify(features(one)).label
    })
  return found
}

/** What is learned of others says something of each: of `others`, or of the other folds. */
export function fromOthers<E extends { readonly text: string }, T>(
  examples: readonly E[],
  others: readonly E[] | undefined,
  learn: (examples: readonly E[]) => (example: E) => T,
): T[] {
  if (others !== undefined) {
    const say = learn(others)
    return examples.map(say)
  }
  const places = examples.map(({ text }) => partOf(text.trim(), folds))
  const learned = Array.from({ length: folds }, (_, fold) => {
    const rest = examples.filter((_, i) => places[i] !== fold)
    return places.includes(fold) && rest.length > 0 ? learn(rest) : undefined
  })
  return examples.map((one, i) => (learned[places[i]!] ?? learn(examples))(one))
}

/** Words and pairs of words that are there. */
function bagOf(text: string): Features {
  const words = plainWords(text)
  const bag = new Map<string, number>()
  words.forEach((word, i) => {
    bag.set(word, 1)
    bag.set(`${words[i - 1] ?? '^'} ${word}`, 1)
  })
  return bag
}

const negations = new Set(
  "no not never nobody nothing none neither nor nowhere cannot without hardly n't isn't aren't don't doesn't didn't won't can't wasn't weren't couldn't wouldn't shouldn't haven't hasn't".split(
    ' ',
  ),
)

/** What a premise and a hypothesis share. */
function overlapOf({ text, pair = '' }: ClassExample, rarity: (word: string) => number): Features {
  const [premise, hypothesis] = [plainWords(text), plainWords(pair)]
  const there = new Set(premise)
  const shared = hypothesis.filter((word) => there.has(word))
  const missing = hypothesis.filter((word) => !there.has(word))
  const weight = (words: readonly string[]): number => words.reduce((sum, word) => sum + rarity(word), 0)
  const bigrams = (words: readonly string[]): string[] =>
    words.slice(1).map((word, i) => `${words[i]} ${word}`)
  const pairs = new Set(bigrams(premise))
  const own = bigrams(hypothesis)
  const share = shared.length / Math.max(1, hypothesis.length)
  const weighed = weight(shared) / Math.max(1e-9, weight(hypothesis))
  const together = own.filter((both) => pairs.has(both)).length / Math.max(1, own.length)
  const negated = (words: readonly string[]): boolean =>
    words.some((word) => negations.has(word.replace('’', "'")))
  const [first, second] = [negated(premise), negated(hypothesis)]
  return new Map<string, number>([
    ['#shared', share],
    ['#weighed', weighed],
    ['#covered', shared.length / Math.max(1, premise.length)],
    ['#pairs', together],
    ['#missing', Math.log1p(missing.length)],
    ['#rarest missing', missing.reduce((most, word) => Math.max(most, rarity(word)), 0) / 10],
    ['#length', Math.log((1 + hypothesis.length) / (1 + premise.length))],
    ['#hypothesis length', Math.log1p(hypothesis.length)],
    [`#missing ${Math.min(6, missing.length)}`, 1],
    [`#weighed ${Math.floor(weighed * 8)}`, 1],
    [`#negated ${first} ${second}`, 1],
  ])
}
