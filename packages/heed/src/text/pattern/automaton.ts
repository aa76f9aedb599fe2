import { UsageError } from '../../base/index.js'
import type { CharacterClasses } from './character-classes.js'
import { noneClass } from './character-classes.js'
import {
  aheadOp, behindOp, bitOp, characterOp, matchOp, roundEndOp, roundOp, searchStartOp, splitOp,
} from './program.js' // prettier-ignore
import type { Program } from './program.js'

/** No transition is worked out yet. */
export const unknown = -1

/** Numbers in all transitions, and half as many in all lists of places in the program, that there may be. */
const mostNumbers = 2 ** 18
/** The same of what is kept until the next text. */
const mostKept = 2 ** 14

/**
 * A program as a deterministic automaton, whose states are worked out when a text first needs them. A state
 * is the list of places in the program where matches may go on, the preferred first, so that it finds what
 * backtracking would find.
 *
 * What is ahead decides about lookarounds of one character, so a state lists the places before they are
 * asked, and a match shows with the character behind it.
 */
export class Automaton {
  /**
   * At state + column: 2 × the state that follows, + 1 if a match ends before the character, or `unknown`.
   * States are multiples of `columns`, 0 is the state that nothing goes on from. Column `splitClass` stays
   * `unknown`.
   */
  transitions: Int32Array
  readonly columns: number
  /** How many bits a place has. A column is the class of what is ahead, then these. */
  readonly bitCount: number
  /** How many places may still be looked at to work out states. */
  work = 0
  readonly #program: Program
  readonly #classes: CharacterClasses
  readonly #first: boolean
  readonly #most: number
  /** For each class, which of those that `behind` questions tell apart. */
  readonly #kindOfClass: Uint16Array
  readonly #kinds: number[] = []
  readonly #searches: boolean
  /** For each class, and where a search started, the state in which a match begins behind it, or -1. */
  readonly #starts: Int32Array
  #states = new Map<string, number>()
  /** For each state its places, then the kind of the character behind, then 1 where the search started. */
  #lists: Uint16Array[] = []
  #places = 0
  /** For each place, when a list last got it, and when it was last passed outside of any round. */
  readonly #visited: Uint32Array
  readonly #passed: Uint32Array
  #visit = 0
  /** Places passed within rounds of loops that began here, with flags of those. */
  readonly #seen = new Set<number>()

  /**
   * @param bitCount how many bits a place has
   * @param first whether only the preferred match counts
   * @param most numbers in all transitions before they are forgotten
   */
  constructor(
    program: Program,
    classes: CharacterClasses,
    bitCount: number,
    first: boolean,
    most: number = mostNumbers,
  ) {
    this.#most = most
    this.#program = program
    this.#classes = classes
    this.bitCount = bitCount
    this.#first = first
    this.columns = classes.count << bitCount
    const { ops, a } = program
    this.#visited = new Uint32Array(ops.length)
    this.#passed = new Uint32Array(ops.length)
    this.#starts = new Int32Array(2 * classes.count)
    this.#searches = ops.includes(searchStartOp)
    const asked = [...new Set(a.filter((_, i) => ops[i] === behindOp))]
    const kinds = new Map<string, number>()
    this.#kindOfClass = new Uint16Array(classes.count)
    for (let one = 0; one < classes.count; one++) {
      const key = asked.map((set) => classes.members[set]![one]).join('') + (one === noneClass ? '-' : '')
      let kind = kinds.get(asked.length === 0 ? '' : key)
      if (kind === undefined) {
        kinds.set(asked.length === 0 ? '' : key, (kind = kinds.size))
        this.#kinds.push(one)
      }
      this.#kindOfClass[one] = kind
    }
    this.transitions = new Int32Array(0)
    this.#clear()
  }

  /** Whether what is behind the beginning of a match matters, or whether the search starts there. */
  get asksStart(): boolean {
    return this.#kinds.length > 1 || this.#searches
  }

  /** The state in which a match begins behind a character of the class. */
  start(classBehind: number, isSearchStart: boolean): number {
    const which = 2 * classBehind + (isSearchStart ? 1 : 0)
    const known = this.#starts[which]!
    if (known >= 0) return known
    const list = Uint16Array.of(
      this.#program.start,
      this.#kindOfClass[classBehind]!,
      this.#searches && isSearchStart ? 1 : 0,
    )
    return (this.#starts[which] = this.#stateOf(list))
  }

  /** Works out the transition of a state; `next` is the column of what is ahead. */
  follow(state: number, next: number): number {
    const classAhead = next >> this.bitCount
    const bits = next & ((1 << this.bitCount) - 1)
    const list = this.#lists[state / this.columns]!
    const following: number[] = []
    const matched = this.#close(list, classAhead, bits, following)
    let transition = matched
    if (following.length > 0) {
      following.push(this.#kindOfClass[classAhead]!, 0)
      if (this.#isFull(following.length)) this.#clear()
      transition += 2 * this.#stateOf(Uint16Array.from(following))
      // Where all was forgotten, `state` is no longer a state.
      if (this.#lists[state / this.columns] !== list) return transition
    }
    this.transitions[state + next] = transition
    return transition
  }

  /** Follows a list's places to those behind the character ahead; 1 if a match ends before that. */
  #close(list: Uint16Array, classAhead: number, bits: number, following: number[]): number {
    const { ops, a, b, c } = this.#program
    const { members } = this.#classes
    const places = list.length - 2
    const behind = this.#kinds[list[places]!]!
    const isSearchStart = list[places + 1] === 1
    const taken = ++this.#visit
    const visited = this.#visited
    const passed = this.#passed
    this.#seen.clear()
    const pending: number[] = []
    const rounds: number[] = []
    let matched = 0
    for (let i = 0; i < places && (matched === 0 || !this.#first); i++) {
      pending.push(list[i]!)
      rounds.push(0)
      while (pending.length > 0) {
        const at = pending.pop()!
        let round = rounds.pop()!
        if (--this.work < 0) refuseWork()
        const op = ops[at]!
        if (op === characterOp) {
          if (members[a[at]!]![classAhead] === 1 && visited[b[at]!] !== taken) {
            visited[b[at]!] = taken
            following.push(b[at]!)
          }
          continue
        }
        if (round === 0) {
          if (passed[at] === taken) continue
          passed[at] = taken
        } else {
          const key = at + round * 0x10000
          if (this.#seen.has(key)) continue
          this.#seen.add(key)
        }
        let next = b[at]!
        switch (op) {
          case matchOp:
            matched = 1
            if (!this.#first) continue
            pending.length = rounds.length = 0
            continue
          case splitOp:
            pending.push(next)
            rounds.push(round)
            next = a[at]!
            break
          case aheadOp:
          case behindOp: {
            const asked = op === aheadOp ? classAhead : behind
            if (asked === noneClass ? c[at] === 0 : members[a[at]!]![asked] === 0) continue
            break
          }
          case searchStartOp:
            if (!isSearchStart) continue
            break
          case bitOp:
            if (((bits >> a[at]!) & 1) !== c[at]) continue
            break
          case roundOp:
            round |= 1 << a[at]!
            break
          case roundEndOp:
            if ((round >> a[at]!) & 1) {
              round &= ~(1 << a[at]!)
              next = c[at]!
            }
            break
        }
        pending.push(next)
        rounds.push(round)
      }
    }
    return matched
  }

  #stateOf(list: Uint16Array): number {
    const key = String.fromCharCode(...list)
    let state = this.#states.get(key)
    if (state === undefined) {
      state = this.#lists.length * this.columns
      this.#states.set(key, state)
      this.#lists.push(list)
      this.#places += list.length
      if (state + this.columns > this.transitions.length) {
        const longer = new Int32Array(2 * (state + this.columns)).fill(unknown)
        longer.set(this.transitions)
        this.transitions = longer
      }
    }
    return state
  }

  /** Forgets the states if they take more memory than those of a tokenizer's pattern would. */
  trim(): void {
    if (this.transitions.length > mostKept || this.#places > mostKept) this.#clear()
  }

  #isFull(places: number): boolean {
    return (
      this.#lists.length * this.columns + this.columns > this.#most || this.#places + places > this.#most >> 1
    )
  }

  #clear(): void {
    this.#states = new Map()
    this.#lists = []
    this.#places = 0
    this.#starts.fill(-1)
    this.work -= this.columns
    this.transitions = new Int32Array(4 * this.columns).fill(unknown)
    // State 0: no places, nothing follows.
    this.#stateOf(Uint16Array.of(0, 0))
    this.transitions.fill(0, 1 << this.bitCount, this.columns)
  }
}

function refuseWork(): never {
  throw new UsageError({
    operation: 'Pattern.matches',
    expected: 'a pattern that few places of a text can go on with',
    found: 'one that many can',
    hint: 'repeat less often, or split the text before',
  })
}
