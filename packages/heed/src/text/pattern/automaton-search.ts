import { UsageError } from '../../base/index.js'
import { unitsBefore } from '../byte-alphabet.js'
import { Automaton, unknown } from './automaton.js'
import type { CharacterClasses } from './character-classes.js'
import { noneClass, splitClass } from './character-classes.js'
import { unitsAt } from './character-units.js'
import type { MatchList } from './match-list.js'
import { markMatches } from './place-bits.js'
import type { PlaceBits } from './place-bits.js'
import type { Program } from './program.js'

/** Work on states that a search may cost, and more for each character of the text. */
const mostWork = 2 ** 22
const workPerCharacter = 8
/** Characters that may be looked at in vain, and more for each character of the text. */
const mostVain = 2 ** 25
const vainPerCharacter = 32
/** So many in vain, and more for each character, and it is worked out first where matches begin. */
const vainBeforeMarks = 2 ** 12
const vainPerCharacterBeforeMarks = 4

/** Finds the matches of a program that an automaton can follow. */
export class AutomatonSearch {
  readonly #automaton: Automaton
  readonly #classes: CharacterClasses
  readonly #bits: PlaceBits
  /** From the end of a text to its beginning; undefined where that can't be. */
  readonly #backward: Automaton | undefined
  #vain = 0
  #beforeMarks = 0
  /** Where matches begin, once it was worked out. */
  #beginnings: Uint8Array | undefined
  #at = 0

  /**
   * @param backward the program that goes backwards, of any beginning, if there can be one
   * @param most numbers that the automaton may keep
   */
  constructor(
    program: Program,
    backward: Program | undefined,
    classes: CharacterClasses,
    bits: PlaceBits,
    most?: number,
  ) {
    this.#automaton = new Automaton(program, classes, bits.count, true, most)
    this.#backward =
      backward === undefined ? undefined : new Automaton(backward, classes, bits.count, false, most)
    this.#classes = classes
    this.#bits = bits
  }

  /** Adds the matches in text[start, end) to a list. */
  find(text: string, start: number, end: number, list: MatchList): void {
    const length = end - start
    const work = mostWork + workPerCharacter * length
    this.#vain = mostVain + vainPerCharacter * length
    this.#beforeMarks = vainBeforeMarks + vainPerCharacterBeforeMarks * length
    this.#beginnings = undefined
    this.#automaton.work = work
    try {
      const bits = this.#bits.count === 0 ? undefined : this.#bits.read(text, start, end, work)
      if (bits === undefined && !this.#automaton.asksStart) this.#findPlain(text, start, end, list)
      else this.#findAsking(text, start, end, bits, list)
    } finally {
      this.#automaton.trim()
      this.#backward?.trim()
      this.#bits.trim()
      this.#beginnings = undefined
    }
  }

  /** Where only characters matter that a match has, and the one behind it. */
  #findPlain(text: string, start: number, end: number, list: MatchList): void {
    const automaton = this.#automaton
    const { ofUnit } = this.#classes
    let first = automaton.start(noneClass, false)
    // A new state may need a longer list: it is asked for last.
    let { transitions } = automaton
    let last = -1
    for (let from = start; from <= end;) {
      let at = from
      let state = first
      let transition = unknown
      // Goes on while a match may, and doesn't remember yet where one ended.
      while (at < end) {
        transition = transitions[state + ofUnit[text.charCodeAt(at)]!]!
        if (transition < 2) break
        state = transition >> 1
        at++
      }
      if (at === end) transition = transitions[state + noneClass]!
      if (transition === unknown) {
        // Now with characters of two units, and transitions that nobody needed before.
        this.#at = at
        transition = this.#goOn(state, text, end)
        at = this.#at
        first = automaton.start(noneClass, false)
        transitions = automaton.transitions
      }
      let stop = at
      if (transition === 0 && at === from) stop = -1
      else if (transition !== 1) {
        this.#spend(at - from)
        stop = this.#lastStop(text, from, at, end)
        first = automaton.start(noneClass, false)
        transitions = automaton.transitions
      }
      if (stop > from || (stop === from && last !== from)) {
        list.push(from, stop)
        last = from = stop
        continue
      }
      this.#beforeMarks -= at - from
      from += unitsAt(text, from, end)
      // Passes what no match begins with.
      while (from < end && transitions[first + ofUnit[text.charCodeAt(from)]!] === 0) from++
      if (this.#beforeMarks < 0) from = this.#nextBeginning(text, start, from, end, undefined)
    }
  }

  /**
   * Follows a text from `#at` on until nothing goes on, and leaves `#at` there; gives the last transition.
   */
  #goOn(from: number, text: string, end: number): number {
    let state = from
    for (let at = this.#at; ; at++) {
      const transition = this.#follow(state, text, at, end)
      if (transition < 2 || at >= end) {
        this.#at = at
        return transition & 1
      }
      state = transition >> 1
      at += unitsAt(text, at, end) - 1
    }
  }

  /** Where the match from `from` on ended last, before `to`, or -1. */
  #lastStop(text: string, from: number, to: number, end: number): number {
    const { ofUnit } = this.#classes
    let state = this.#automaton.start(noneClass, false)
    let { transitions } = this.#automaton
    let stop = -1
    for (let at = from; at < to; at++) {
      let transition = transitions[state + ofUnit[text.charCodeAt(at)]!]!
      const isKnown = transition !== unknown
      if (!isKnown) {
        transition = this.#follow(state, text, at, end)
        transitions = this.#automaton.transitions
      }
      if (transition & 1) stop = at
      state = transition >> 1
      if (!isKnown) at += unitsAt(text, at, end) - 1
    }
    return stop
  }

  #follow(state: number, text: string, at: number, end: number): number {
    const column = at < end ? this.#classes.at(text, at, end) : noneClass
    const transition = this.#automaton.transitions[state + column]!
    return transition === unknown ? this.#automaton.follow(state, column) : transition
  }

  #findAsking(text: string, start: number, end: number, bits: Uint8Array | undefined, list: MatchList): void {
    const automaton = this.#automaton
    const classes = this.#classes
    const { ofUnit } = classes
    const bitCount = this.#bits.count
    let { transitions } = automaton
    let searchStart = start
    let last = -1
    for (let from = start; from <= end;) {
      let behind = from > start ? ofUnit[text.charCodeAt(from - 1)]! : noneClass
      if (from > start && (text.charCodeAt(from - 1) & 0xf800) === 0xd800)
        behind = classes.at(text, from - unitsBefore(text, from, start), from)
      let state = automaton.start(behind, from === searchStart)
      transitions = automaton.transitions
      let stop = -1
      let at = from
      while (true) {
        let column = at < end ? ofUnit[text.charCodeAt(at)]! : noneClass
        if (bits !== undefined && column !== splitClass) column = (column << bitCount) | bits[at - start]!
        let transition = transitions[state + column]!
        let units = 1
        if (transition === unknown) {
          transition = this.#followAsking(state, text, at, end, bits === undefined ? 0 : bits[at - start]!)
          transitions = automaton.transitions
          units = unitsAt(text, at, end)
        }
        if (transition & 1) stop = at
        state = transition >> 1
        if (state === 0) break
        at += units
      }
      this.#spend(at - Math.max(from, stop))
      if (stop < 0 || (stop === from && last === from)) {
        this.#beforeMarks -= at - from
        from += unitsAt(text, from, end)
        if (stop >= 0) searchStart = from
        else if (this.#beforeMarks < 0) from = this.#nextBeginning(text, start, from, end, bits)
      } else {
        list.push(from, stop)
        last = searchStart = from = stop
      }
    }
  }

  #followAsking(state: number, text: string, at: number, end: number, bits: number): number {
    const one = at < end ? this.#classes.at(text, at, end) : noneClass
    const column = (one << this.#bits.count) | bits
    const transition = this.#automaton.transitions[state + column]!
    return transition === unknown ? this.#automaton.follow(state, column) : transition
  }

  /** The first place from `from` on where a match begins, which is worked out for all places in one go. */
  #nextBeginning(
    text: string,
    start: number,
    from: number,
    end: number,
    bits: Uint8Array | undefined,
  ): number {
    const backward = this.#backward
    if (backward === undefined) return from
    if (this.#beginnings === undefined) {
      this.#beginnings = new Uint8Array(end - start + 1)
      backward.work = mostWork + workPerCharacter * (end - start)
      markMatches(backward, this.#classes, false, text, start, end, bits, this.#beginnings, 1)
    }
    const index = this.#beginnings.indexOf(1, from - start)
    return index < 0 ? end + 1 : start + index
  }

  #spend(characters: number): void {
    this.#vain -= characters
    if (this.#vain < 0) refuseVain()
  }
}

function refuseVain(): never {
  throw new UsageError({
    operation: 'Pattern.matches',
    expected: 'a pattern that sees soon whether it matches',
    found: 'one that looks at the same characters again and again',
    hint: 'use a pattern whose repeats do not overlap, or split the text before',
  })
}
