/** How good classes are that were chosen. Classes are whole numbers from 0. */
import { checkWhole, UsageError } from '../../base/index.js'

type Classes = ArrayLike<number>

/** What one class reached. */
export interface ClassScores {
  /** Of what was called so, the share that is. */
  readonly precision: number
  /** Of what is so, the share that was called so. */
  readonly recall: number
  /** The harmonic mean of both. */
  readonly f1: number
  /** How many are of this class. */
  readonly count: number
}

/** What a classifier reached. */
export interface ClassificationScores {
  /** The share that is right. With one class an item it is also the micro-averaged F1. */
  readonly accuracy: number
  /** The mean of the classes' F1, over the classes that occur or were chosen. */
  readonly macroF1: number
  /** The mean of the classes' F1, by how many are of each. */
  readonly weightedF1: number
  /** Matthews' correlation, −1 to 1 (Gorodkin 2004 for several classes); 0 where it is undefined. */
  readonly matthews: number
  readonly classes: readonly ClassScores[]
  /** How many of class `confusion[is][called]`. */
  readonly confusion: readonly (readonly number[])[]
  readonly count: number
}

/**
 * The scores of classes that were chosen against the true ones. A share of nothing is 0.
 *
 * @param classes how many there are; default: one more than the largest
 * @throws UsageError for lists of different lengths, none at all, or numbers that are no classes
 */
export function classificationScores(
  found: Classes,
  truth: Classes,
  classes: number = 1 + Math.max(largest(found), largest(truth)),
): ClassificationScores {
  const count = truth.length
  if (found.length !== count || count === 0)
    throw new UsageError({
      operation: 'classificationScores',
      expected: 'two lists of the same length, of at least one class',
      found: `lists of ${found.length} and ${count}`,
      hint: 'give the class that was chosen and the true one for each item',
    })
  checkWhole('classificationScores', 'classes', classes, 1)
  const confusion = Array.from({ length: classes }, () => new Array<number>(classes).fill(0))
  for (let i = 0; i < count; i++) {
    const row = confusion[truth[i]!]
    if (row?.[found[i]!] === undefined)
      throw new UsageError({
        operation: 'classificationScores',
        expected: `classes from 0 to ${classes - 1}`,
        found: `${found[i]} for ${truth[i]}`,
        hint: 'map labels to numbers first',
      })
    row[found[i]!]!++
  }
  const rows = confusion.map((row) => sumOf(row))
  const columns = confusion.map((_, called) => sumOf(confusion.map((row) => row[called]!)))
  const scores = confusion.map((row, c) => classScoresOf(row[c]!, columns[c]!, rows[c]!))
  const right = sumOf(confusion.map((row, c) => row[c]!))
  const present = scores.filter((_, c) => rows[c]! + columns[c]! > 0)
  return {
    accuracy: right / count,
    macroF1: sumOf(present.map(({ f1 }) => f1)) / present.length,
    weightedF1: sumOf(scores.map(({ f1, count: weight }) => f1 * weight)) / count,
    matthews: matthewsOf(right, count, rows, columns),
    classes: scores,
    confusion,
    count,
  }
}

/** Precision, recall and F1 from counts; a share of nothing is 0. */
export function classScoresOf(right: number, called: number, count: number): ClassScores {
  return {
    precision: called > 0 ? right / called : 0,
    recall: count > 0 ? right / count : 0,
    f1: called + count > 0 ? (2 * right) / (called + count) : 0,
    count,
  }
}

function matthewsOf(
  right: number,
  count: number,
  rows: readonly number[],
  columns: readonly number[],
): number {
  const together = sumOf(rows.map((row, c) => row * columns[c]!))
  const spread = (sums: readonly number[]): number => count * count - sumOf(sums.map((sum) => sum * sum))
  const below = Math.sqrt(spread(rows)) * Math.sqrt(spread(columns))
  return below > 0 ? (right * count - together) / below : 0
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0)
}

function largest(values: Classes): number {
  let most = 0
  for (let i = 0; i < values.length; i++) most = Math.max(most, values[i]!)
  return most
}
