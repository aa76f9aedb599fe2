import type { JsonValue } from '../../base/index.js'
import type { MatchList } from '../pattern/index.js'
import type { Bounds } from '../steps/pieces.js'
import { first, isolated, type Kind, last, other, removed } from './kinds.js'

/** What becomes of what a pre-tokenizer finds. */
export type SplitBehavior = 'Removed' | 'Isolated' | 'MergedWithPrevious' | 'MergedWithNext' | 'Contiguous'

export function readBehavior(value: JsonValue): SplitBehavior {
  return value.choice(['Removed', 'Isolated', 'MergedWithPrevious', 'MergedWithNext', 'Contiguous'])
}

/** The kind of characters that are found one by one. */
export function kindOfFound(behavior: SplitBehavior): Kind {
  switch (behavior) {
    case 'Removed':
      return removed
    case 'Isolated':
      return isolated
    case 'MergedWithPrevious':
      return last
    case 'MergedWithNext':
      return first
    case 'Contiguous':
      return other
  }
}

/**
 * Cuts text[start, end) at matches. What is between matches counts as found instead where `invert` says so.
 * A match may be empty: it is a part of its own, between others, which is left out only in the end.
 */
export function cutAtMatches(
  matches: MatchList,
  start: number,
  end: number,
  behavior: SplitBehavior,
  invert: boolean,
  found: Bounds,
): void {
  const { places } = matches
  const length = 2 * matches.length
  let from = start
  if (behavior === 'Isolated' || behavior === 'Removed') {
    const keepsMatches = behavior === 'Isolated' || invert
    const keepsRest = behavior === 'Isolated' || !invert
    for (let i = 0; i < length; i += 2) {
      if (keepsRest) found.push(from, places[i]!)
      from = places[i + 1]!
      if (keepsMatches) found.push(places[i]!, from)
    }
    if (keepsRest) found.push(from, end)
    return
  }
  // Parts are joined with the one before by what both are: matches, or what is between.
  let open = start
  let closed = start
  let isFirst = true
  let wasFound = false
  for (let i = 0; ;) {
    let to: number
    let isFound: boolean
    if (i === length) {
      if (from === end) break
      to = end
      isFound = invert
    } else if (from === places[i]!) {
      to = places[i + 1]!
      isFound = !invert
      i += 2
    } else {
      to = places[i]!
      isFound = invert
    }
    const joins =
      behavior === 'Contiguous'
        ? isFound === wasFound
        : isFound !== wasFound && isFound === (behavior === 'MergedWithPrevious')
    if (!joins && !isFirst) {
      found.push(open, closed)
      open = from
    }
    isFirst = false
    wasFound = isFound
    from = closed = to
  }
  found.push(open, closed)
}
