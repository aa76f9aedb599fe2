/** Groups of texts that must not stand on both sides of a split. */
import { NearSets, shingleSet } from '../first-light/duplicates.js'
import { words } from '../first-light/clean.js'

/** A text and the family that it comes from. */
export type Grouped = { readonly source: string; readonly family: string }

/**
 * The group of each text: families are one group where a text of one is the same as a text of the other, or
 * as near as `threshold` (Jaccard similarity of sets of three words that follow each other; numbers count as
 * equal). A group is named by the first of its families in the order of their names.
 */
export function groupsOf(texts: readonly Grouped[], threshold: number): string[] {
  const parent = new Map<string, string>()
  const root = (family: string): string => {
    let at = family
    for (let up = parent.get(at) ?? at; up !== at; up = parent.get(at) ?? at) {
      parent.set(at, parent.get(up) ?? up)
      at = up
    }
    return at
  }
  const join = (a: string, b: string): void => {
    const [first, second] = [root(a), root(b)].sort() as [string, string]
    if (first !== second) parent.set(second, first)
  }
  const same = new Map<string, string>()
  const sets = new NearSets(threshold)
  const families: string[] = []
  for (const { source, family } of texts) {
    const key = words(source).join(' ')
    const known = same.get(key)
    if (known !== undefined) join(known, family)
    else {
      same.set(key, family)
      const set = shingleSet(source)
      if (set.length === 0) continue
      for (const number of sets.near(set, (near) => root(families[near]!) === root(family)))
        join(families[number]!, family)
      sets.remember(set)
      families.push(family)
    }
  }
  return texts.map(({ family }) => root(family))
}

/**
 * The share of texts that have one among the others that is the same or as near as `threshold`. Exact: each
 * text is compared with all that have a run of three words with it in common.
 */
export function nearShare(texts: readonly string[], others: readonly string[], threshold: number): number {
  const sets = texts.map(shingleSet)
  const numbers = new Map<string, number[]>()
  const holders = new Map<number, number[]>()
  texts.forEach((text, i) => push(numbers, words(text).join(' '), i))
  sets.forEach((set, i) => set.forEach((shingle) => push(holders, shingle, i)))
  const isNear = new Uint8Array(texts.length)
  const shared = new Uint32Array(texts.length)
  for (const other of others) {
    for (const i of numbers.get(words(other).join(' ')) ?? []) isNear[i] = 1
    const set = shingleSet(other)
    const met = new Set<number>()
    for (const shingle of set)
      for (const i of holders.get(shingle) ?? []) {
        shared[i]!++
        met.add(i)
      }
    for (const i of met) {
      if (shared[i]! >= threshold * (set.length + sets[i]!.length - shared[i]!)) isNear[i] = 1
      shared[i] = 0
    }
  }
  return isNear.reduce((sum, one) => sum + one, 0) / texts.length
}

function push<K>(map: Map<K, number[]>, key: K, value: number): void {
  const known = map.get(key)
  if (known === undefined) map.set(key, [value])
  else known.push(value)
}
