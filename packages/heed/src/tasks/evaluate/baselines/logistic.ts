/**
 * Logistic regression over sparse features, by the gradient of one example after the other, each feature with
 * a rate of its own (AdaGrad; Duchi, Hazan and Singer 2011).
 */
import { permutation, randomKey } from '../../../base/index.js'

/** Features by their names; those that are not named are 0. */
export type Features = ReadonlyMap<string, number>

/** How it learns. */
export interface LogisticOptions {
  /** How often it goes through the examples. Default 15. */
  readonly epochs?: number | undefined
  /** Default 0.2. */
  readonly rate?: number | undefined
  /** Pulls weights to 0. Default 1e-4. */
  readonly decay?: number | undefined
  /** Default 0. */
  readonly seed?: number | undefined
}

/**
 * Learns to tell classes apart.
 *
 * @param classes of each example, from 0 to `count` − 1
 * @returns the class of other features, by the likeliest, with the scores (not normalized) of all
 */
export function learnLogistic(
  examples: readonly Features[],
  classes: ArrayLike<number>,
  count: number,
  { epochs = 15, rate = 0.2, decay = 1e-4, seed = 0 }: LogisticOptions = {},
): (features: Features) => { readonly label: number; readonly scores: Float64Array } {
  const numbers = new Map<string, number>()
  const indexed = examples.map((features) => {
    const ids = [...features.keys()].map((name) => {
      const known = numbers.get(name) ?? numbers.size
      numbers.set(name, known)
      return known
    })
    return { ids, values: [...features.values()] }
  })
  const size = numbers.size + 1
  const weights = new Float64Array(size * count)
  const squares = new Float64Array(size * count)
  const scores = new Float64Array(count)
  /** Adds one feature to the scores of all classes. */
  const addTo = (feature: number, value: number): void => {
    for (let c = 0; c < count; c++) scores[c]! += value * weights[feature * count + c]!
  }
  const step = (feature: number, value: number, errors: Float64Array): void => {
    for (let c = 0; c < count; c++) {
      const place = feature * count + c
      const gradient = value * errors[c]! + decay * weights[place]!
      squares[place]! += gradient * gradient
      if (gradient !== 0) weights[place]! -= (rate * gradient) / Math.sqrt(squares[place]! + 1e-8)
    }
  }
  for (let epoch = 0; epoch < epochs; epoch++) {
    const order = permutation(randomKey(seed, 'logistic', epoch), indexed.length)
    for (const example of order) {
      const { ids, values } = indexed[example]!
      scores.fill(0)
      addTo(size - 1, 1)
      ids.forEach((id, i) => addTo(id, values[i]!))
      const most = scores.reduce((a, b) => Math.max(a, b), -Infinity)
      const powers = scores.map((score) => Math.exp(score - most))
      const total = powers.reduce((a, b) => a + b, 0)
      const errors = powers.map((power, c) => power / total - (classes[example] === c ? 1 : 0))
      ids.forEach((id, i) => step(id, values[i]!, errors))
      step(size - 1, 1, errors)
    }
  }
  return (features) => {
    scores.fill(0)
    addTo(size - 1, 1)
    for (const [name, value] of features) {
      const id = numbers.get(name)
      if (id !== undefined) addTo(id, value)
    }
    let label = 0
    for (let c = 1; c < count; c++) if (scores[c]! > scores[label]!) label = c
    return { label, scores: scores.slice() }
  }
}
