import { UsageError } from '../../base/index.js'
import { codePointAt, unitsBefore } from '../byte-alphabet.js'
import { foldedCharacter } from './case-folding.js'
import type { CharacterClasses } from './character-classes.js'
import { noneClass } from './character-classes.js'
import type { MatchList } from './match-list.js'
import type { PlaceBits } from './place-bits.js'
import {
  aheadOp, atomicEndOp, atomicOp, backEndOp, backOp, behindOp, bitOp, characterOp, keepOp, matchOp, notEndOp, notOp,
  referenceOp, roundEndOp, roundOp, searchStartOp, splitOp,
} from './program.js' // prettier-ignore
import type { Linked, Program } from './program.js'

/** Instructions that a search may take, and more for each character of the text. */
const mostSteps = 2 ** 23
const stepsPerCharacter = 32
/** Numbers in the list of what may still be tried. */
const longestStack = 2 ** 22
/** Pairs of a place in the program and one in the text that are remembered. */
const mostTried = 2 ** 22

// What an entry of the stack says, with two numbers x and y.
/** Go on at instruction x, at place y of the text. */
const tryEntry = 0
/** Slot x was y. */
const slotEntry = 1
/** The round of loop x began at y. */
const roundEntry = 2
/** The text was seen up to y. */
const limitEntry = 3
/** Instruction x steps back from y by one more character. */
const backEntry = 4
/** Here begins what is tried as a whole; the place was y, and x the number of the whole around. */
const baseEntry = 5

/** Finds the matches of a program that needs more than an automaton, one way after the other. */
export class BacktrackingSearch {
  readonly #program: Program
  readonly #linked: Linked
  readonly #classes: CharacterClasses
  readonly #bits: PlaceBits
  readonly #slots: Int32Array
  readonly #rounds = new Int32Array(32)
  #stack: Int32Array = new Int32Array(3 * 256)
  #top = 0
  #steps = 0
  /** For each instruction the number of its row in `#tried`, or -1. */
  readonly #rows: Int32Array
  readonly #rowCount: number
  readonly #loops: number
  /** For each pair of a place in the program and in the text: within which whole it was tried last. */
  #tried: Int32Array | undefined
  /** The number of the innermost part, tried as a whole, that the search is in. */
  #whole = 0
  #wholes = 0

  constructor(program: Program, linked: Linked, classes: CharacterClasses, bits: PlaceBits) {
    this.#program = program
    this.#linked = linked
    this.#classes = classes
    this.#bits = bits
    this.#slots = new Int32Array(linked.slots)
    const { ops } = program
    this.#loops = 1 + ops.reduce((most, op, i) => (op === roundOp ? Math.max(most, program.a[i]!) : most), -1)
    let rows = 0
    this.#rows = Int32Array.from(ops, (op) => (op === splitOp ? rows++ : -1))
    this.#rowCount = rows
  }

  /** Adds the matches in text[start, end) to a list. */
  find(text: string, start: number, end: number, list: MatchList): void {
    const length = end - start
    this.#steps = mostSteps + stepsPerCharacter * length
    const bits =
      this.#bits.count === 0 ? undefined : this.#bits.read(text, start, end, mostSteps + 8 * length)
    const cells = this.#rowCount * (length + 1)
    this.#tried = cells > 0 && cells <= mostTried ? new Int32Array(cells) : undefined
    this.#wholes = this.#whole = 1
    let searchStart = start
    let last = -1
    for (let from = start; from <= end;) {
      const stop = this.#match(text, start, end, from, searchStart, bits)
      const units = from < end && codePointAt(text, from, end) > 0xffff ? 2 : 1
      const begin = stop < 0 || this.#slots[0]! < 0 ? from : this.#slots[0]!
      if (stop < 0 || (stop === begin && last === stop)) {
        from += units
        if (stop >= 0) searchStart = from
      } else {
        list.push(begin, stop)
        last = searchStart = from = stop
      }
      // After a match, what was tried for it may match again.
      if (stop >= 0) this.#whole = ++this.#wholes
    }
    this.#tried = undefined
    if (this.#stack.length > 2 ** 16) this.#stack = new Int32Array(3 * 256)
  }

  /** Where the match that begins at `from` ends, or -1. */
  #match(
    text: string,
    start: number,
    end: number,
    from: number,
    searchStart: number,
    bits: Uint8Array | undefined,
  ): number {
    const { ops, a, b, c } = this.#program
    const classes = this.#classes
    const { members } = classes
    const slots = this.#slots.fill(-1)
    const rounds = this.#rounds.fill(-1)
    this.#steps -= slots.length >> 3
    this.#top = 0
    let limit = end
    let at = from
    let place = this.#program.start
    while (true) {
      if (--this.#steps < 0) refuseSteps()
      const x = a[place]!
      let next = b[place]!
      let fails = false
      switch (ops[place]!) {
        case matchOp:
          return at
        case characterOp: {
          fails = at >= limit || members[x]![classes.at(text, at, limit)] === 0
          if (!fails) at += codePointAt(text, at, limit) > 0xffff ? 2 : 1
          break
        }
        case splitOp:
          if (this.#wasTried(place, at, start, end)) fails = true
          else {
            this.#push(tryEntry, next, at)
            next = x
          }
          break
        case aheadOp:
        case behindOp: {
          const asked =
            ops[place] === aheadOp
              ? at < end
                ? classes.at(text, at, end)
                : noneClass
              : at > start
                ? classes.at(text, at - unitsBefore(text, at, start), at)
                : noneClass
          fails = asked === noneClass ? c[place] === 0 : members[x]![asked] === 0
          break
        }
        case searchStartOp:
          fails = at !== searchStart
          break
        case bitOp:
          fails = ((bits![at - start]! >> x) & 1) !== c[place]
          break
        case roundOp:
          this.#push(roundEntry, x, rounds[x]!)
          rounds[x] = at
          break
        case roundEndOp:
          if (rounds[x] === at) next = c[place]!
          break
        case keepOp:
          this.#keep(x, at)
          // A group that begins anew has nothing until it ends.
          if (x > 0 && (x & 1) === 0) this.#keep(x + 1, -1)
          break
        case referenceOp: {
          const stop = this.#reference(this.#linked.references[x]!, c[place] === 1, text, at, limit)
          if (stop < 0) fails = true
          else at = stop
          break
        }
        case atomicOp:
          this.#keep(x, this.#top)
          this.#begin(at)
          break
        case atomicEndOp: {
          const before = this.#commit(slots[x]! + 6)
          if (c[place] === 1) at = before
          break
        }
        case notOp:
          this.#keep(c[place]!, this.#top)
          this.#push(tryEntry, next, at)
          this.#begin(at)
          next = x
          break
        case notEndOp: {
          // Back to where it began, and the way round it isn't taken.
          limit = this.#unwind(slots[x]! + 6, limit)
          this.#top -= 3
          fails = true
          break
        }
        case backOp: {
          const slot = c[place]!
          this.#keep(slot, at)
          this.#keep(slot + 1, limit)
          this.#push(limitEntry, 0, limit)
          limit = at
          for (let i = 0; i < x && at >= start; i++) at -= at > start ? unitsBefore(text, at, start) : 1
          fails = at < start
          if (!fails) this.#push(backEntry, place, at)
          break
        }
        case backEndOp:
          fails = at !== slots[x]
          this.#push(limitEntry, 0, limit)
          limit = slots[x + 1]!
          break
      }
      place = next
      while (fails) {
        if (this.#top === 0) return -1
        this.#top -= 3
        const stack = this.#stack
        const kind = stack[this.#top]!
        const which = stack[this.#top + 1]!
        const value = stack[this.#top + 2]!
        if (kind === tryEntry) {
          place = which
          at = value
          fails = false
        } else if (kind === backEntry) {
          if (value === start) continue
          at = value - unitsBefore(text, value, start)
          this.#push(backEntry, which, at)
          place = b[which]!
          fails = false
        } else limit = this.#undo(kind, which, value, limit)
      }
    }
  }

  /** The place behind what the last of the groups matched, if that stands here, or -1. */
  #reference(
    groups: readonly number[],
    ignoreCase: boolean,
    text: string,
    from: number,
    limit: number,
  ): number {
    for (let i = groups.length - 1; i >= 0; i--) {
      const start = this.#slots[2 * groups[i]!]!
      const end = this.#slots[2 * groups[i]! + 1]!
      if (start < 0 || end < 0) continue
      let at = from
      let wanted = start
      // Where case doesn't matter, what stands here may take no more bytes of UTF-8, and as many must follow.
      let bytes = ignoreCase ? bytesOf(text, start, end) : 0
      if (bytes > bytesOf(text, from, Math.min(limit, from + bytes))) continue
      for (; wanted < end && at < limit; this.#steps--) {
        const one = codePointAt(text, wanted, end)
        const other = codePointAt(text, at, limit)
        if (one !== other) {
          if (!ignoreCase || foldedCharacter(one) !== foldedCharacter(other)) break
        }
        const units = other > 0xffff ? 2 : 1
        if (ignoreCase && (bytes -= bytesOf(text, at, at + units)) < 0) break
        wanted += one > 0xffff ? 2 : 1
        at += units
        if (ignoreCase && bytes === 0) break
      }
      if (wanted >= end) return at
    }
    return -1
  }

  #push(kind: number, x: number, y: number): void {
    const stack = this.#stack
    const top = this.#top
    if (top === stack.length) {
      if (top > longestStack) refuseSteps()
      this.#stack = new Int32Array(2 * top)
      this.#stack.set(stack)
    }
    this.#stack[top] = kind
    this.#stack[top + 1] = x
    this.#stack[top + 2] = y
    this.#top = top + 3
  }

  #keep(slot: number, value: number): void {
    this.#push(slotEntry, slot, this.#slots[slot]!)
    this.#slots[slot] = value
  }

  #undo(kind: number, x: number, y: number, limit: number): number {
    if (kind === slotEntry) this.#slots[x] = y
    else if (kind === baseEntry) this.#whole = x
    else if (kind === roundEntry) this.#rounds[x] = y
    return kind === limitEntry ? y : limit
  }

  /** Begins what is tried as a whole. */
  #begin(at: number): void {
    this.#push(baseEntry, this.#whole, at)
    this.#whole = ++this.#wholes
  }

  /** Drops what may still be tried above `base`, not what is to be put back; gives the place at its base. */
  #commit(base: number): number {
    const stack = this.#stack
    this.#whole = stack[base - 2]!
    const at = stack[base - 1]!
    let kept = base - 3
    for (let i = base; i < this.#top; i += 3) {
      const kind = stack[i]!
      if (kind !== slotEntry && kind !== roundEntry && kind !== limitEntry) continue
      stack.copyWithin(kept, i, i + 3)
      kept += 3
    }
    this.#steps -= (this.#top - base) / 3
    this.#top = kept
    return at
  }

  /** Puts back what changed above `base`. */
  #unwind(base: number, limit: number): number {
    let before = limit
    while (this.#top > base) {
      this.#top -= 3
      const top = this.#top
      before = this.#undo(this.#stack[top]!, this.#stack[top + 1]!, this.#stack[top + 2]!, before)
    }
    return before
  }

  /** Whether this was tried before, in vain; if not, remembers that it is tried now. */
  #wasTried(place: number, at: number, start: number, end: number): boolean {
    const row = this.#rows[place]!
    const tried = this.#tried
    if (row < 0 || tried === undefined) return false
    this.#steps -= this.#linked.groupSlots >> 3
    // What a group matched may make the same place go on otherwise.
    for (let i = 2; i < this.#linked.groupSlots; i++) if (this.#slots[i]! >= 0) return false
    // A round that began here would end a loop, one that began before wouldn't.
    for (let i = 0; i < this.#loops; i++) if (this.#rounds[i] === at) return false
    const cell = row * (end - start + 1) + at - start
    if (tried[cell] === this.#whole) return true
    tried[cell] = this.#whole
    return false
  }
}

/** How many bytes text[start, end) takes in UTF-8. */
function bytesOf(text: string, start: number, end: number): number {
  let bytes = 0
  for (let at = start; at < end;) {
    const point = codePointAt(text, at, end)
    bytes += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4
    at += point > 0xffff ? 2 : 1
  }
  return bytes
}

function refuseSteps(): never {
  throw new UsageError({
    operation: 'Pattern.matches',
    expected: `a pattern that takes some ${stepsPerCharacter} steps a character`,
    found: 'one that takes far more',
    hint: 'use a pattern whose repeats do not overlap, or split the text before',
  })
}
