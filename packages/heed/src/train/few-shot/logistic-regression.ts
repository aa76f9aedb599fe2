/** Softmax regression on vectors: convex, so that there is one solution, found without chance. */
import { checkNames, checkPositive, checkWhole, UsageError } from '../../base/index.js'
import { leastOf } from './limited-memory.js'

/** How a regression is fitted. */
export interface RegressionOptions {
  /** How much the examples count against Σ weight² / 2; scikit-learn's C. Default 1. */
  readonly strength?: number | undefined
  /** `balanced`: each class counts as much as any other. Default: each example. */
  readonly classes?: 'balanced' | undefined
}

/** A linear classifier of vectors. */
export interface LinearClassifier {
  readonly width: number
  readonly labels: number
  /** labels × width numbers. */
  readonly weights: Float64Array
  readonly bias: Float64Array
}

/**
 * Softmax regression with a Gaussian prior on the weights, none on the bias (Bishop 2006, section 4.3.4):
 * what scikit-learn's LogisticRegression minimizes, ½ Σ w² − C Σ ln p(label), by L-BFGS. In f64.
 *
 * @param vectors of one length
 * @param labels of each vector, from 0; each label has at least one
 * @throws UsageError where numbers do not fit, or options make no sense
 */
export function logisticRegression(
  vectors: readonly ArrayLike<number>[],
  labels: ArrayLike<number>,
  options: RegressionOptions = {},
): LinearClassifier {
  const operation = 'logisticRegression'
  checkNames(operation, options, ['strength', 'classes'] satisfies (keyof RegressionOptions)[])
  const { strength = 1, classes } = options
  checkPositive(operation, 'strength', strength)
  const width = vectors[0]?.length ?? 0
  const counts: number[] = []
  for (let i = 0; i < labels.length; i++) {
    checkWhole(operation, `labels[${i}]`, labels[i]!)
    if (labels[i]! >= 2 ** 14) throw refused(operation, 'labels below 16,384', String(labels[i]))
    counts[labels[i]!] = (counts[labels[i]!] ?? 0) + 1
  }
  const count = counts.length
  if (count < 2 || Array.from(counts, (one) => one ?? 0).includes(0))
    throw refused(operation, 'at least two labels, each with a vector', `${count} labels`)
  if (labels.length !== vectors.length || width === 0 || vectors.some(({ length }) => length !== width))
    throw refused(operation, `a label for each vector, all of ${width} numbers`, `${labels.length} labels`)
  const importance = counts.map((own) =>
    classes === 'balanced' ? (strength * vectors.length) / (count * own) : strength,
  )
  const size = count * (width + 1)
  const logits = new Float64Array(count)
  const parameters = leastOf(size, (x, gradient) => {
    let value = 0
    for (let i = 0; i < size; i++) {
      const isWeight = i % (width + 1) < width
      gradient[i] = isWeight ? x[i]! : 0
      if (isWeight) value += x[i]! ** 2 / 2
    }
    vectors.forEach((vector, n) => {
      const label = labels[n]!
      let largest = -Infinity
      for (let c = 0; c < count; c++) {
        const row = c * (width + 1)
        let sum = x[row + width]!
        for (let i = 0; i < width; i++) sum += x[row + i]! * vector[i]!
        logits[c] = sum
        largest = Math.max(largest, sum)
      }
      let total = 0
      for (let c = 0; c < count; c++) total += Math.exp(logits[c]! - largest)
      const share = importance[label]!
      value += share * (largest + Math.log(total) - logits[label]!)
      for (let c = 0; c < count; c++) {
        const error = share * (Math.exp(logits[c]! - largest) / total - (c === label ? 1 : 0))
        const row = c * (width + 1)
        for (let i = 0; i < width; i++) gradient[row + i]! += error * vector[i]!
        gradient[row + width]! += error
      }
    })
    return value
  })
  const weights = new Float64Array(count * width)
  const bias = new Float64Array(count)
  // Of the biases only differences count: their mean is 0.
  let mean = 0
  for (let c = 0; c < count; c++) mean += parameters[c * (width + 1) + width]! / count
  for (let c = 0; c < count; c++) {
    const row = c * (width + 1)
    weights.set(parameters.subarray(row, row + width), c * width)
    bias[c] = parameters[row + width]! - mean
  }
  return { width, labels: count, weights, bias }
}

/** The logit of each label. Throws UsageError for a vector of another length. */
export function linearLogits(
  { width, labels, weights, bias }: LinearClassifier,
  vector: ArrayLike<number>,
): Float64Array {
  if (vector.length !== width)
    throw refused('linearLogits', `a vector of ${width} numbers`, `one of ${vector.length}`)
  const logits = Float64Array.from(bias)
  for (let c = 0; c < labels; c++)
    for (let i = 0; i < width; i++) logits[c]! += weights[c * width + i]! * vector[i]!
  return logits
}

/** The probability of each label. Throws UsageError for a vector of another length. */
export function labelShares(classifier: LinearClassifier, vector: ArrayLike<number>): Float64Array {
  const logits = linearLogits(classifier, vector)
  const largest = logits.reduce((most, x) => Math.max(most, x), -Infinity)
  const powers = logits.map((x) => Math.exp(x - largest))
  const total = powers.reduce((sum, x) => sum + x, 0)
  return powers.map((x) => x / total)
}

function refused(operation: string, expected: string, found: string): UsageError {
  return new UsageError({ operation, expected, found, hint: 'give vectors of one encoder and their labels' })
}
