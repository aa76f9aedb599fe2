/** Labels of texts from a few examples of each: how right they are, draw by draw. */
import {
  dispose,
  fewShot,
  labelShares,
  loadSentenceEncoder,
  permutation,
  randomKey,
  type LabelledText,
  type LoadedEncoder,
  type SentenceEncoder,
} from 'heed'

/** Labelled texts: those that examples are drawn from, and others that are measured on. */
export interface LabelledSet<T extends LabelledText = LabelledText> {
  readonly name: string
  readonly examples: readonly T[]
  readonly test: readonly T[]
}

/** What a way of labelling reached on a set. */
export interface Reached {
  readonly set: string
  readonly method: string
  /** Examples of each label. */
  readonly each: number
  /** Accuracy of each draw of examples. */
  readonly accuracies: readonly number[]
  /** Of one draw, on the average. */
  readonly seconds: number
}

export interface CompareOptions {
  /** Folder or file of a sentence encoder. */
  readonly encoder: string
  /** Examples of each label: `[8, 16]`. */
  readonly each: readonly number[]
  readonly draws: number
  /** Pairs of each kind for each example, see `fewShot`. */
  readonly pairs: number
  readonly rate: number
  readonly told?: (what: string) => void
}

/** The share of texts whose label is the right one. */
export function accuracyOf(found: readonly string[], test: readonly LabelledText[]): number {
  return test.filter(({ label }, i) => found[i] === label).length / test.length
}

/** As many examples of each label; those of fewer are among those of more. */
export function drawn(examples: readonly LabelledText[], each: number, draw: number): LabelledText[] {
  const order = [...permutation(randomKey(draw, 'few-shot'), examples.length)].map((i) => examples[i]!)
  const labels = [...new Set(examples.map(({ label }) => label))].sort()
  return labels.flatMap((label) => order.filter((one) => one.label === label).slice(0, each))
}

/** A linear head on frozen vectors, and the same after contrastive training, on the same draws. */
export async function compareFewShot(
  { name: set, examples, test }: LabelledSet,
  { encoder: path, each: counts, draws, pairs, rate, told = () => {} }: CompareOptions,
): Promise<Reached[]> {
  const texts = test.map(({ text }) => text)
  const plain = await loadSentenceEncoder(path, { weights: 'f32' })
  const frozen = plain.encode(texts)
  const ways = [
    { method: 'linear head', pairs: 0 },
    { method: 'contrastive pairs, linear head', pairs },
  ]
  const reached: Reached[] = []
  for (const each of counts)
    for (const { method, pairs: own } of ways) {
      const accuracies: number[] = []
      const begin = performance.now()
      for (let draw = 0; draw < draws; draw++) {
        told(`${set}, ${each} of each label, ${method}: draw ${draw + 1} of ${draws}`)
        const made = await fewShot(plain, drawn(examples, each, draw), { pairs: own, rate, seed: draw })
        const vectors = own === 0 ? frozen : made.encoder.encode(texts)
        if (own > 0) freeEncoder(made.encoder)
        const found = vectors.map((vector) => {
          const shares = labelShares(made.head, vector)
          return made.labels[shares.indexOf(Math.max(...shares))]!
        })
        accuracies.push(accuracyOf(found, test))
      }
      reached.push({ set, method, each, accuracies, seconds: (performance.now() - begin) / 1000 / draws })
    }
  freeEncoder(plain)
  return reached
}

function freeEncoder({ loaded }: SentenceEncoder): void {
  dispose((loaded as LoadedEncoder).model)
}
