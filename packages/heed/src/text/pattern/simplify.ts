import { complement } from '../unicode/index.js'
import type { Ranges } from '../unicode/index.js'
import { foldText } from './case-folding.js'
import type { ParsedPattern } from './parser.js'
import { PatternError } from './pattern-error.js'
import { everything, newline, nothing } from './ranges.js'
import { emptyNode, lineEndNode, plainLineEndNode, plainSegmentNode, segmentNode } from './syntax-tree.js'
import type { PatternNode } from './syntax-tree.js'

/** Possessive repeats are taken apart up to this many optional ones. */
const mostOptional = 32

/**
 * Says a pattern in fewer kinds of nodes: no `text`, no groups that nobody refers to, of places only 'search
 * start' and 'segment boundary', lookarounds of one character as edges, and atomic groups only where nothing
 * simpler says the same.
 */
export function simplify({ node, named }: ParsedPattern): PatternNode {
  return new Simplifier(referredGroups(node), named).node(node, 'nowhere')
}

function referredGroups(node: PatternNode): ReadonlySet<number> {
  const referred = new Set<number>()
  const pending = [node]
  for (let one = pending.pop(); one !== undefined; one = pending.pop()) {
    if (one.kind === 'reference') for (const group of one.groups) referred.add(group)
    if ('items' in one) for (const item of one.items) pending.push(item)
    if ('item' in one) pending.push(one.item)
  }
  return referred
}

/** Where a node stands: Oniguruma forbids some of them in lookbehinds. */
type Within = 'nowhere' | 'lookbehind' | 'negative lookbehind'

class Simplifier {
  /** Groups that references name. */
  readonly #referred: ReadonlySet<number>
  readonly #named: ReadonlySet<number>

  constructor(referred: ReadonlySet<number>, named: ReadonlySet<number>) {
    this.#referred = referred
    this.#named = named
  }

  node(node: PatternNode, within: Within): PatternNode {
    switch (node.kind) {
      case 'text':
        return foldText(node.points, within !== 'nowhere')
      case 'sequence':
        return sequence(node.items.map((item) => this.node(item, within)))
      case 'choice':
        return { kind: 'choice', items: node.items.map((item) => this.node(item, within)) }
      case 'repeat': {
        const item = this.node(node.item, within)
        return node.maximum === 0 ? emptyNode : { ...node, item }
      }
      case 'atomic': {
        if (within === 'nowhere') {
          if (node === lineEndNode) return plainLineEndNode
          if (node === segmentNode) return plainSegmentNode
          return atomic(this.node(node.item, within))
        }
        if (node === lineEndNode) refuseInLookbehind('\\R')
        // A lookbehind's item doesn't see what is behind the place it ends at.
        if (node === segmentNode) return segmentNode.item
        const item = this.node(node.item, within)
        return hasOneWay(item) ? item : { kind: 'atomic', item }
      }
      case 'group': {
        const keeps = this.#named.size === 0 ? node.number > 0 : this.#named.has(node.number)
        if (keeps && within === 'negative lookbehind') refuseInLookbehind('a group that keeps its text')
        const item = this.node(node.item, within)
        return this.#referred.has(node.number) ? { ...node, item } : item
      }
      case 'look':
        return this.#look(node, within)
      case 'place':
        if (within !== 'nowhere' && node.place.startsWith('text end')) refuseInLookbehind(node.place)
        return place(node)
      default:
        return node
    }
  }

  #look(node: PatternNode & { kind: 'look' }, within: Within): PatternNode {
    const { behind, negated } = node
    if (within !== 'nowhere' && (!behind || (negated && within === 'lookbehind')))
      refuseInLookbehind(behind ? 'a negative lookbehind' : 'a lookahead')
    const inside = !behind ? within : negated ? 'negative lookbehind' : 'lookbehind'
    const item = this.node(node.item, inside)
    if (item.kind === 'class')
      return {
        kind: 'edge',
        ahead: !behind,
        set: negated ? complement(item.set) : item.set,
        orNone: negated,
      }
    if (item.kind === 'edge') return negated ? notEdge(item) : item
    return { ...node, item }
  }
}

function refuseInLookbehind(what: string): never {
  throw new PatternError({
    operation: 'Pattern',
    expected:
      'a lookbehind without lookaheads and \\R, and a negative one without groups that keep their text',
    found: what,
    hint: 'use (?:…) within it, and look ahead outside of it',
  })
}

function sequence(parts: readonly PatternNode[]): PatternNode {
  const items = parts.flatMap((part) => (part.kind === 'sequence' ? part.items : [part]))
  return items.length === 1 ? items[0]! : { kind: 'sequence', items }
}

const edge = (ahead: boolean, set: Ranges, orNone: boolean): PatternNode & { kind: 'edge' } => ({
  kind: 'edge',
  ahead,
  set,
  orNone,
})

function notEdge({ ahead, set, orNone }: PatternNode & { kind: 'edge' }): PatternNode {
  return edge(ahead, complement(set), !orNone)
}

function place(node: PatternNode & { kind: 'place' }): PatternNode {
  switch (node.place) {
    case 'text start':
      return edge(false, nothing, true)
    case 'text end':
      return edge(true, nothing, true)
    case 'line start':
      // Behind a newline that ends the text no line starts.
      return {
        kind: 'choice',
        items: [
          edge(false, nothing, true),
          sequence([edge(false, newline, false), edge(true, everything, false)]),
        ],
      }
    case 'line end':
      return edge(true, newline, true)
    case 'text end or last newline':
      return {
        kind: 'choice',
        items: [
          edge(true, nothing, true),
          {
            kind: 'look',
            behind: false,
            negated: false,
            item: sequence([{ kind: 'class', set: newline }, edge(true, nothing, true)]),
          },
        ],
      }
    case 'word boundary': {
      const word = node.set!
      const other = complement(word)
      const sides = (behind: boolean, ahead: boolean): PatternNode =>
        sequence([edge(false, behind ? word : other, !behind), edge(true, ahead ? word : other, !ahead)])
      return {
        kind: 'choice',
        items: node.negated
          ? [sides(true, true), sides(false, false)]
          : [sides(true, false), sides(false, true)],
      }
    }
    default:
      return node
  }
}

/** A group that isn't tried otherwise once it matched, in plainer terms where there are any. */
function atomic(item: PatternNode): PatternNode {
  if (hasOneWay(item)) return item
  if (item.kind === 'repeat' && hasOneWay(item.item) && shortestMatch(item.item) > 0) {
    const { minimum, maximum, greedy } = item
    const required: PatternNode = { ...item, maximum: minimum }
    if (!greedy) return minimum === 0 ? emptyNode : required
    const no = notAhead(item.item)
    if (maximum === Infinity) return sequence([item, no])
    if (maximum - minimum <= mostOptional) {
      // One more, or none where there is none.
      let optional: PatternNode = emptyNode
      for (let i = minimum; i < maximum; i++)
        optional = { kind: 'choice', items: [sequence([item.item, optional]), no] }
      return minimum === 0 ? optional : sequence([required, optional])
    }
  }
  if (item.kind === 'choice' && item.items.every(hasOneWay)) {
    const items: PatternNode[] = []
    const none: PatternNode[] = []
    for (const one of item.items) {
      items.push(sequence([...none, one]))
      none.push(notAhead(one))
    }
    if (none.length <= 3) return { kind: 'choice', items }
  }
  if (item.kind === 'sequence' && item.items.slice(0, -1).every(hasOneWay))
    return sequence([...item.items.slice(0, -1), atomic(item.items.at(-1)!)])
  return { kind: 'atomic', item }
}

function notAhead(item: PatternNode): PatternNode {
  return item.kind === 'class'
    ? edge(true, complement(item.set), true)
    : { kind: 'look', item, behind: false, negated: true }
}

/** Whether a node can match in one way at most, at any place. */
function hasOneWay(node: PatternNode): boolean {
  switch (node.kind) {
    case 'class':
    case 'edge':
    case 'place':
    case 'look':
    case 'atomic':
      return true
    case 'sequence':
      return node.items.every(hasOneWay)
    case 'repeat':
      return node.minimum === node.maximum && hasOneWay(node.item)
    case 'choice':
      return (
        node.items.every((item) => item.kind === 'class' || item.kind === 'edge') && node.items.length < 2
      )
    default:
      return false
  }
}

/** The fewest characters that a match can have. */
export function shortestMatch(node: PatternNode): number {
  switch (node.kind) {
    case 'class':
      return 1
    case 'text':
      return 1
    case 'sequence':
      return node.items.reduce((sum, item) => sum + shortestMatch(item), 0)
    case 'choice':
      return node.items.reduce((least, item) => Math.min(least, shortestMatch(item)), Infinity)
    case 'repeat':
      return node.minimum === 0 ? 0 : node.minimum * shortestMatch(node.item)
    case 'atomic':
    case 'group':
      return shortestMatch(node.item)
    default:
      return 0
  }
}
