import { caseFoldings, complement, foldingOf, rangesOf, union } from '../unicode/index.js'
import type { Ranges } from '../unicode/index.js'
import { includes } from './ranges.js'
import type { PatternNode } from './syntax-tree.js'

/** What characters fold to → those characters. */
let unfolds: Map<string, string[]> | undefined

function load(): Map<string, string[]> {
  if (unfolds === undefined) {
    unfolds = new Map()
    for (const [point, fold] of [...caseFoldings()].sort(([a], [b]) => a - b)) {
      const others = unfolds.get(fold)
      if (others === undefined) unfolds.set(fold, [String.fromCodePoint(point)])
      else others.push(String.fromCodePoint(point))
    }
  }
  return unfolds
}

const pointOf = (character: string): number => character.codePointAt(0)!

function setOf(characters: readonly string[]): Ranges {
  return rangesOf(characters.flatMap((character) => [pointOf(character), pointOf(character)]))
}

const classOf = (characters: readonly string[]): PatternNode => ({ kind: 'class', set: setOf(characters) })

/** The characters that fold to the same as one that others fold to, and itself. */
const alike = (character: string): string[] => [character, ...(load().get(character) ?? [])]

/** What a character folds to. */
export function foldedCharacter(point: number): string {
  return foldingOf(point) ?? String.fromCodePoint(point)
}

/** Several characters that one folds to, each in any case. */
const spelledOut = (fold: string): PatternNode => ({
  kind: 'sequence',
  items: [...fold].map((character) => classOf(alike(character))),
})

/**
 * Characters in a row whose case doesn't matter. Three or two of them that some character folds to match that
 * character too (`ss` matches ß), taken from the left; within a lookbehind only one for one.
 */
export function foldText(points: readonly number[], inLookbehind: boolean): PatternNode {
  const unfolded = load()
  const text = points.map((point) => String.fromCodePoint(point))
  const simple = text.map((character) => {
    const fold = foldingOf(pointOf(character))
    return fold !== undefined && [...fold].length === 1 ? fold : character
  })
  const items: PatternNode[] = []
  for (let at = 0; at < text.length;) {
    let length = inLookbehind ? 1 : 3
    for (; length > 1; length--) {
      const together = at + length <= text.length ? simple.slice(at, at + length).join('') : ''
      if (together !== '' && unfolded.has(together)) {
        items.push({
          kind: 'choice',
          items: [classOf(unfolded.get(together)!), spelledOut(together)],
        })
        break
      }
    }
    if (length === 1) {
      const fold = foldingOf(pointOf(text[at]!))
      if (fold === undefined || [...fold].length === 1) items.push(classOf(alike(fold ?? text[at]!)))
      else {
        const same = classOf(unfolded.get(fold)!)
        items.push(inLookbehind ? same : { kind: 'choice', items: [same, spelledOut(fold)] })
      }
    }
    at += length
  }
  return items.length === 1 ? items[0]! : { kind: 'sequence', items }
}

/**
 * A class in brackets where case doesn't matter: with every character those that fold to the same, and,
 * unless it is negated, with ß also ss.
 */
export function foldClass(set: Ranges, negated: boolean): PatternNode {
  const added: number[] = []
  const long: string[] = []
  for (const { points, fold } of groups()) {
    if (!points.some((point) => includes(set, point))) continue
    for (const point of points) added.push(point, point)
    if (fold !== undefined) long.push(fold)
  }
  const all = union(set, rangesOf(added))
  if (negated) return { kind: 'class', set: complement(all) }
  if (long.length === 0) return { kind: 'class', set: all }
  return { kind: 'choice', items: [{ kind: 'class', set: all }, ...long.map(spelledOut)] }
}

/** Characters that fold to the same; `fold` says to what where that is several characters. */
interface FoldingGroup {
  readonly points: readonly number[]
  readonly fold: string | undefined
}

let folding: readonly FoldingGroup[] | undefined

/** All groups; those that fold to two characters come before those that fold to three. */
function groups(): readonly FoldingGroup[] {
  folding ??= [...load()]
    .map(([fold, others]) => {
      const isLong = [...fold].length > 1
      const points = (isLong ? others : [fold, ...others]).map(pointOf)
      return { points, fold: isLong ? fold : undefined }
    })
    .sort((a, b) => [...(a.fold ?? '')].length - [...(b.fold ?? '')].length)
  return folding
}
