/** From a sequence to one vector: what a classifier or a sentence embedding reads. */
import { ShapeError } from '../base/index.js'
import { cast, gather, map, max, range, sum, type Tensor } from '../tensor/index.js'
import type { Sequence } from './sequence.js'

/** i32 or f32, 0 where a position is padding. */
export type RealPositions = Tensor<'batch' | 'position'>

/** One vector for each sequence. */
export type Pooled = Tensor<'batch' | 'width'>

/**
 * The first position, which BERT trains for the purpose ([CLS]; Devlin et al. 2019, section 3).
 *
 * @throws ShapeError if there is no position
 */
export function poolFirst(x: Sequence): Pooled {
  return x.at('position', 0)
}

/**
 * The last real position: where a causal model has seen the whole sequence. A sequence of padding alone gives
 * zeros.
 *
 * @throws ShapeError if there is no position
 */
export function poolLast(x: Sequence, real?: RealPositions): Pooled {
  const positions = positionsOf('poolLast', x)
  if (real === undefined) return x.at('position', positions - 1)
  const numbered = map(
    (is, position) => is.ne(0).select(position, -1),
    real,
    range('position', positions, { device: x.device }),
  )
  const last = max(numbered, 'position')
  const found = gather(
    x,
    cast(
      map((position) => position.max(0), last),
      'i32',
    ),
    'position',
  )
  return map((value, position) => position.ge(0).select(value, 0), found, last)
}

/**
 * The largest value of each feature over the real positions; its gradient goes to the position that has it,
 * shared evenly by equals. A sequence of padding alone gives zeros.
 *
 * @throws ShapeError if there is no position
 */
export function poolMax(x: Sequence, real?: RealPositions): Pooled {
  positionsOf('poolMax', x)
  if (real === undefined) return max(x, 'position')
  const largest = max(
    map((value, is) => is.ne(0).select(value, -Infinity), x, real),
    'position',
  )
  const some = max(
    map((is) => is.ne(0), real),
    'position',
  )
  return map((value, is) => is.ne(0).select(value, 0), largest, some)
}

/**
 * The mean over the real positions (Reimers and Gurevych 2019, section 3). A sequence of padding alone gives
 * zeros.
 *
 * @throws ShapeError if there is no position
 */
export function poolMean(x: Sequence, real?: RealPositions): Pooled {
  const positions = positionsOf('poolMean', x)
  if (real === undefined) return sum(x, 'position').mul(1 / positions)
  const total = sum(
    map((value, is) => is.ne(0).select(value, 0), x, real),
    'position',
  )
  const count = sum(
    map((is) => is.ne(0), real),
    'position',
  )
  return map((value, many) => value.div(many.max(1)), total, count)
}

function positionsOf(operation: string, x: Sequence): number {
  const positions = x.size('position')
  if (positions > 0) return positions
  throw new ShapeError({
    operation,
    axis: 'position',
    expected: 'at least one position',
    found: '0',
    hint: 'an empty sequence has nothing to pool',
  })
}
