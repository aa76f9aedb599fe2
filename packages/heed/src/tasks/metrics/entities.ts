/**
 * How good the entities are that labels of words spell: `B-PER I-PER O B-LOC`. An entity is right where its
 * type, its beginning and its end are. The rules are those of the CoNLL-2000 script (Tjong Kim Sang and
 * Buchholz 2000), which take IOB1, IOB2, IOE and IOBES alike.
 */
import { inWords, UsageError } from '../../base/index.js'
import { type ClassScores, classScoresOf } from './classification.js'

/** Words that are of one entity. */
export interface LabelledEntity {
  readonly type: string
  /** Its first word. */
  readonly start: number
  /** The word after its last. */
  readonly end: number
}

/** What entities reached. */
export interface EntityScores extends ClassScores {
  /** The mean of the types' F1. */
  readonly macroF1: number
  readonly types: Readonly<Record<string, ClassScores>>
}

/**
 * The entities that labels spell, in order. A label without a type is of type `_`.
 *
 * @throws UsageError for anything but a list of texts
 */
export function entitiesIn(labels: readonly string[]): LabelledEntity[] {
  checkLabels('entitiesIn', labels)
  const found: LabelledEntity[] = []
  let [before, typeBefore, start] = ['O', '', 0]
  for (let i = 0; i <= labels.length; i++) {
    const label = labels[i] ?? 'O'
    const tag = label[0] ?? 'O'
    const dash = label.indexOf('-', 1)
    const type = (dash < 0 ? label.slice(1) : label.slice(dash + 1)) || '_'
    const changes = type !== typeBefore
    if (before !== 'O' && (before === 'E' || before === 'S' || 'BSO'.includes(tag) || changes))
      found.push({ type: typeBefore, start, end: i })
    if (tag !== 'O' && ('BS'.includes(tag) || 'ESO'.includes(before) || changes)) start = i
    ;[before, typeBefore] = [tag, type]
  }
  return found
}

/**
 * Precision, recall and F1 of entities over all texts, and by type.
 *
 * @param found the labels of each text's words
 * @throws UsageError where texts or words are missing, or for anything but labels
 */
export function entityScores(
  found: readonly (readonly string[])[],
  truth: readonly (readonly string[])[],
): EntityScores {
  const counts = new Map<string, [right: number, called: number, count: number]>()
  const of = (type: string): [number, number, number] => {
    const known = counts.get(type) ?? [0, 0, 0]
    counts.set(type, known)
    return known
  }
  for (const lists of [found, truth])
    for (const labels of Array.isArray(lists) ? lists : [lists]) checkLabels('entityScores', labels)
  if (found.length !== truth.length) throw uneven('texts', truth.length, found.length)
  truth.forEach((labels, i) => {
    if (found[i]!.length !== labels.length)
      throw uneven(`labels of text ${i}`, labels.length, found[i]!.length)
    const key = ({ type, start, end }: LabelledEntity): string => `${start} ${end} ${type}`
    const there = entitiesIn(labels)
    const keys = new Set(there.map(key))
    for (const { type } of there) of(type)[2]++
    for (const entity of entitiesIn(found[i]!)) {
      of(entity.type)[1]++
      if (keys.has(key(entity))) of(entity.type)[0]++
    }
  })
  const types = [...counts].sort(([a], [b]) => (a < b ? -1 : 1))
  const total = (which: 0 | 1 | 2): number => types.reduce((sum, [, count]) => sum + count[which], 0)
  const scores = types.map(
    ([type, [right, called, count]]) => [type, classScoresOf(right, called, count)] as const,
  )
  return {
    ...classScoresOf(total(0), total(1), total(2)),
    macroF1: scores.reduce((sum, [, { f1 }]) => sum + f1, 0) / Math.max(1, scores.length),
    types: Object.fromEntries(scores),
  }
}

function checkLabels(operation: string, labels: unknown): void {
  if (Array.isArray(labels) && labels.every((label) => typeof label === 'string')) return
  throw new UsageError({
    operation,
    expected: 'a list of labels for each text',
    found: Array.isArray(labels) ? 'a list with something else' : inWords(labels),
    hint: 'give texts such as B-PER and O, one for each word',
  })
}

function uneven(what: string, expected: number, found: number): UsageError {
  return new UsageError({
    operation: 'entityScores',
    expected: `${expected} ${what}`,
    found: String(found),
    hint: 'give a label for each word of each text',
  })
}
