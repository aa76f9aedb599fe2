import { checkNames, checkPositive, ShapeError, UsageError } from '../../base/index.js'
import { axisOf, type Tensor } from '../../tensor/index.js'
import type { Vectors } from './vectors.js'

/** At which lengths a Matryoshka loss is taken. */
export interface MatryoshkaOptions {
  /** Numbers that a shortened vector has, each at most the vectors' width. */
  readonly dimensions: readonly number[]
  /** How much each counts in the sum; default 1 each. */
  readonly weights?: readonly number[] | undefined
}

/**
 * A loss at several lengths of the same vectors (Kusupati et al. 2022, "Matryoshka Representation Learning",
 * eq. 1): Σ weight × the loss of the first so many numbers of each vector. The vectors can then be cut to any
 * of these lengths. A loss that compares by cosines, as those here do, sees each cut vector at length 1.
 *
 *     matryoshkaLoss([anchors, positives], (a, b) => inBatchNegativesLoss(a, b), { dimensions: [384, 64] })
 *
 * @param vectors batch width, each
 * @throws ShapeError for a dimension beyond a width; UsageError where there is none, or not a weight above 0
 * for each
 */
export function matryoshkaLoss<const V extends readonly Vectors[]>(
  vectors: V,
  loss: (...vectors: V) => Tensor<never>,
  options: MatryoshkaOptions,
): Tensor<never> {
  const operation = 'matryoshkaLoss'
  checkNames(operation, options, ['dimensions', 'weights'] satisfies (keyof MatryoshkaOptions)[])
  const { dimensions, weights = dimensions.map(() => 1) } = options
  if (dimensions.length === 0 || weights.length !== dimensions.length)
    throw new UsageError({
      operation,
      expected: 'at least one dimension, and a weight for each',
      found: `${dimensions.length} dimensions and ${weights.length} weights`,
      hint: 'leave the weights out for 1 each',
    })
  weights.forEach((weight, i) => checkPositive(operation, `weights[${i}]`, weight))
  return dimensions
    .map((dimension, i) =>
      loss(...(vectors.map((one) => cut(one, dimension)) as readonly Vectors[] as V)).mul(weights[i]!),
    )
    .reduce((sum, one) => sum.add(one))
}

/** The first numbers of each vector. */
function cut(vectors: Vectors, dimension: number): Vectors {
  const { size } = axisOf('matryoshkaLoss', vectors, 'width')
  if (!Number.isInteger(dimension) || dimension < 1 || dimension > size)
    throw new ShapeError({
      operation: 'matryoshkaLoss',
      axis: 'width',
      expected: `dimensions from 1 to ${size}`,
      found: String(dimension),
      hint: 'leave out those that the vectors do not have',
    })
  return dimension === size ? vectors : vectors.slice('width', 0, dimension)
}
