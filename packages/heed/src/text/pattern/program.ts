import { PatternError } from './pattern-error.js'
import type { Ranges } from '../unicode/index.js'
import { everything, nothing } from './ranges.js'
import { shortestMatch } from './simplify.js'
import type { PatternNode } from './syntax-tree.js'

/** What an instruction of a program does. All but `match` go on to another one. */
export const matchOp = 0
/** Takes a character of set a, goes on at b. */
export const characterOp = 1
/** Goes on at a, and if that fails at b. */
export const splitOp = 2
/** Goes on at b if the character ahead is in set a, or, if c is 1, there is none. */
export const aheadOp = 3
/** The same of the character behind. */
export const behindOp = 4
/** Goes on at b where the search started. */
export const searchStartOp = 5
/** Goes on at b where bit a of the place is c. */
export const bitOp = 6
/** Remembers the place as the beginning of a round of loop a, goes on at b. */
export const roundOp = 7
/** Ends a round of loop a: goes on at b, or at c if the round took nothing. */
export const roundEndOp = 8
/** Keeps the place in slot a, goes on at b. */
export const keepOp = 9
/** Takes the text of a group of list a, goes on at b; if c is 1, its case doesn't matter. */
export const referenceOp = 10
/** Begins what isn't tried otherwise once it is done; slot a remembers where; goes on at b. */
export const atomicOp = 11
/** Ends what `atomicOp` with slot a began, goes on at b; if c is 1, at the place where that began. */
export const atomicEndOp = 12
/** Goes on at a; if all of it fails, at b; `atomicEndOp` of slot c ends it. */
export const notOp = 13
/** Fails what `notOp` with slot a began. */
export const notEndOp = 14
/** Steps back a to b characters, and sets the end of what is seen to here; slot c keeps that end. */
export const backOp = 15
/** Goes on at b if here is where the lookbehind with slot a began; sets the end of what is seen back. */
export const backEndOp = 16

/** A question to a place that is answered for all places of a text in one go. */
export type PlaceBit =
  | { readonly kind: 'segment boundary' }
  /** Whether a match of the program begins here (which it looks for backwards), or ends here. */
  | { readonly kind: 'look'; readonly behind: boolean; readonly program: Program }

export interface Program {
  readonly ops: Uint8Array
  readonly a: Int32Array
  readonly b: Int32Array
  readonly c: Int32Array
  readonly start: number
}

/** What a program refers to by number. */
export interface Linked {
  readonly sets: readonly Ranges[]
  readonly bits: readonly PlaceBit[]
  readonly references: readonly (readonly number[])[]
  readonly slots: number
  /** The slots from 2 up to this are those of groups. */
  readonly groupSlots: number
}

const mostInstructions = 30_000
const mostSets = 500
const mostLoops = 24
/** A place's bits are one byte. */
export const mostBits = 8

/** Writes programs that share sets and bits. */
export class Compiler implements Linked {
  readonly sets: Ranges[] = []
  readonly bits: PlaceBit[] = []
  readonly references: (readonly number[])[] = []
  slots: number
  readonly groupSlots: number
  readonly #setNumbers = new Map<string, number>()
  readonly #known = new Map<Ranges, number>()
  readonly #looks = new Map<PatternNode, number>()
  #boundary = -1
  #steps = 0

  /** `groups`: how many groups keep what they matched; the places of group g are in slots 2 g and 2 g + 1. */
  constructor(groups: number) {
    this.slots = this.groupSlots = 2 * groups + 2
  }

  /**
   * @param how 'anywhere' and 'backward': with any beginning; 'backward': from a match's end to its beginning
   */
  compile(node: PatternNode, how: 'forward' | 'backward' | 'anywhere'): Program {
    const writer = new Writer(this, how === 'backward')
    const end = writer.add(matchOp)
    let start = writer.node(node, end)
    if (how !== 'forward') {
      // Of any beginning.
      const split = writer.add(splitOp, start)
      writer.b[split] = writer.add(characterOp, this.set(everything), split)
      start = split
    }
    return writer.finish(start)
  }

  set(set: Ranges): number {
    const known = this.#known.get(set)
    if (known !== undefined) return known
    const key = set.join()
    let number = this.#setNumbers.get(key)
    if (number === undefined) {
      if (this.sets.length === mostSets) tooMuch(`${mostSets} different sets of characters`)
      this.#setNumbers.set(key, (number = this.sets.length))
      this.sets.push(set)
    }
    this.#known.set(set, number)
    return number
  }

  boundary(): number {
    if (this.#boundary < 0) this.#boundary = this.#bit({ kind: 'segment boundary' })
    return this.#boundary
  }

  look(node: PatternNode & { kind: 'look' }): number {
    let bit = this.#looks.get(node.item)
    if (bit === undefined) {
      const program = this.compile(node.item, node.behind ? 'anywhere' : 'backward')
      bit = this.#bit({ kind: 'look', behind: node.behind, program })
      this.#looks.set(node.item, bit)
    }
    return bit
  }

  #bit(bit: PlaceBit): number {
    if (this.bits.length === mostBits) tooMuch(`${mostBits} lookarounds of several characters`)
    this.bits.push(bit)
    return this.bits.length - 1
  }

  spend(): void {
    if (++this.#steps > mostInstructions) tooMuch(`${mostInstructions} steps, with repeats written out`)
  }
}

function tooMuch(what: string): never {
  throw new PatternError({
    operation: 'Pattern',
    expected: `a pattern of at most ${what}`,
    found: 'more',
    hint: 'repeat less often, and use classes for alternatives of one character',
  })
}

class Writer {
  readonly ops: number[] = []
  readonly a: number[] = []
  readonly b: number[] = []
  readonly c: number[] = []
  readonly #compiler: Compiler
  readonly #backward: boolean
  #loops = 0

  constructor(compiler: Compiler, backward: boolean) {
    this.#compiler = compiler
    this.#backward = backward
  }

  add(op: number, a: number = 0, b: number = 0, c: number = 0): number {
    this.#compiler.spend()
    this.a.push(a)
    this.b.push(b)
    this.c.push(c)
    return this.ops.push(op) - 1
  }

  finish(start: number): Program {
    return {
      ops: Uint8Array.from(this.ops),
      a: Int32Array.from(this.a),
      b: Int32Array.from(this.b),
      c: Int32Array.from(this.c),
      start,
    }
  }

  /** Writes a node that goes on at `next`; gives where it begins. */
  node(node: PatternNode, next: number): number {
    const compiler = this.#compiler
    compiler.spend()
    switch (node.kind) {
      case 'class':
        return this.add(characterOp, compiler.set(node.set), next)
      case 'edge':
        return this.add(
          node.ahead === this.#backward ? behindOp : aheadOp,
          compiler.set(node.set),
          next,
          node.orNone ? 1 : 0,
        )
      case 'sequence': {
        const { items } = node
        let at = next
        for (let i = 0; i < items.length; i++)
          at = this.node(items[this.#backward ? i : items.length - 1 - i]!, at)
        return at
      }
      case 'choice': {
        let at = -1
        for (let i = node.items.length - 1; i >= 0; i--) {
          const one = this.node(node.items[i]!, next)
          at = at < 0 ? one : this.add(splitOp, one, at)
        }
        return at < 0 ? this.add(characterOp, compiler.set(nothing)) : at
      }
      case 'repeat':
        return this.#repeat(node, next)
      case 'place':
        return node.place === 'search start'
          ? this.add(searchStartOp, 0, next)
          : this.add(bitOp, compiler.boundary(), next, node.negated ? 0 : 1)
      case 'look':
        return isRegular(node.item)
          ? this.add(bitOp, compiler.look(node), next, node.negated ? 0 : 1)
          : this.#look(node, next)
      case 'group': {
        const end = this.add(keepOp, 2 * node.number + 1, next)
        return this.add(keepOp, 2 * node.number, this.node(node.item, end))
      }
      case 'keep':
        return this.add(keepOp, 0, next)
      case 'reference':
        compiler.references.push(node.groups)
        return this.add(referenceOp, compiler.references.length - 1, next, node.ignoreCase ? 1 : 0)
      case 'atomic': {
        const slot = compiler.slots++
        const end = this.add(atomicEndOp, slot, next)
        return this.add(atomicOp, slot, this.node(node.item, end))
      }
      case 'text':
        throw new Error('text is taken apart before')
    }
  }

  #repeat({ item, minimum, maximum, greedy }: PatternNode & { kind: 'repeat' }, next: number): number {
    const split = (more: number, done: number): number =>
      greedy ? this.add(splitOp, more, done) : this.add(splitOp, done, more)
    let at = next
    if (maximum === Infinity) {
      at = split(0, next)
      let more = at
      if (shortestMatch(item) === 0) {
        // Loops inside of each other have different numbers.
        const loop = this.#loops++
        if (loop === mostLoops) tooMuch(`${mostLoops} repeats inside of each other that may take nothing`)
        more = this.add(roundOp, loop, this.node(item, this.add(roundEndOp, loop, at, next)))
        this.#loops--
      } else more = this.node(item, at)
      ;(greedy ? this.a : this.b)[at] = more
    } else for (let i = minimum; i < maximum; i++) at = split(this.node(item, at), next)
    for (let i = 0; i < minimum; i++) at = this.node(item, at)
    return at
  }

  /** A lookaround that must be tried in its place. */
  #look({ item, behind, negated }: PatternNode & { kind: 'look' }, next: number): number {
    const compiler = this.#compiler
    const slot = compiler.slots++
    let end = negated ? this.add(notEndOp, slot) : this.add(atomicEndOp, slot, next, 1)
    let start: number
    if (behind) {
      const limit = compiler.slots
      compiler.slots += 2
      end = this.add(backEndOp, limit, end)
      start = this.add(backOp, 0, this.node(item, end), limit)
      this.a[start] = shortestMatch(item)
    } else start = this.node(item, end)
    return negated ? this.add(notOp, start, next, slot) : this.add(atomicOp, slot, start)
  }
}

/** Whether an automaton can follow a node; `searches`: from where a search started. */
export function isRegular(node: PatternNode, searches: boolean = false): boolean {
  switch (node.kind) {
    case 'sequence':
    case 'choice':
      return node.items.every((item) => isRegular(item, searches))
    case 'repeat':
      return isRegular(node.item, searches)
    case 'look':
      return isRegular(node.item)
    case 'place':
      return searches || node.place !== 'search start'
    case 'class':
    case 'edge':
      return true
    default:
      return false
  }
}
