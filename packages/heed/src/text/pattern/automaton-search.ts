import { UsageError } from '../../base/index.js'
import { unitsBefore } from '../byte-alphabet.js'
import { Automaton, unknown } from './automaton.js'
import type { CharacterClasses } from './character-classes.js'
import { noneClass, splitClass } from './character-classes.js'
import type { MatchList } from './match-list.js'
import type { PlaceBits } from './place-bits.js'
import type { Program } from './program.js'

/** Work on states that a search may cost, and more for each character of the text. */
const mostWork = 2 ** 24
/** Characters that may be looked at in vain, and more for each character of the text. */
const mostVain = 2 ** 27

/** Finds the matches of a program that an automaton can follow. */
export class AutomatonSearch {
  readonly #automaton: Automaton
  readonly #classes: CharacterClasses
  readonly #bits: PlaceBits

  constructor(program: Program, classes: CharacterClasses, bits: PlaceBits) {
    this.#automaton = new Automaton(program, classes, bits.count, true)
    this.#classes = classes
    this.#bits = bits
  }

  /** Adds the matches in text[start, end) to a list. */
  find(text: string, start: number, end: number, list: MatchList): void {
    const automaton = this.#automaton
    const classes = this.#classes
    const length = end - start
    const work = mostWork + 8 * length
    const bitCount = this.#bits.count
    const bits = bitCount === 0 ? undefined : this.#bits.read(text, start, end, work)
    automaton.work = work
    let vain = mostVain + 64 * length
    const { asksBehind } = automaton
    let transitions = automaton.transitions
    let searchStart = start
    let last = -1
    for (let from = start; from <= end;) {
      let state = automaton.start(
        asksBehind && from > start
          ? classes.at(text, from - unitsBefore(text, from, start), from)
          : noneClass,
        from === searchStart,
      )
      let stop = -1
      let at = from
      for (; ; at++) {
        let column = at < end ? classes.ofUnit[text.charCodeAt(at)]! : noneClass
        let units = 0
        if (column === splitClass) {
          column = classes.at(text, at, end)
          const low = at + 1 < end ? text.charCodeAt(at + 1) : 0
          if ((low & 0xfc00) === 0xdc00) units = 1
        }
        if (bits !== undefined) column = (column << bitCount) | bits[at - start]!
        let transition = transitions[state + column]!
        if (transition === unknown) {
          transition = automaton.follow(state, column)
          transitions = automaton.transitions
        }
        if (transition & 1) stop = at
        state = transition >> 1
        if (state === 0) break
        at += units
      }
      if (stop < 0 || (stop === from && last === from)) {
        vain -= at - from
        if (vain < 0) refuseVain()
        from += unitsAt(text, from, end)
        if (stop >= 0) searchStart = from
        continue
      }
      vain -= at - stop
      if (vain < 0) refuseVain()
      list.push(from, stop)
      last = searchStart = from = stop
    }
  }
}

function unitsAt(text: string, at: number, end: number): number {
  return (text.charCodeAt(at) & 0xfc00) === 0xd800 &&
    at + 1 < end &&
    (text.charCodeAt(at + 1) & 0xfc00) === 0xdc00
    ? 2
    : 1
}

function refuseVain(): never {
  throw new UsageError({
    operation: 'Pattern.matches',
    expected: 'a pattern that sees soon whether it matches',
    found: 'one that looks at the same characters again and again',
    hint: 'use a pattern whose repeats do not overlap, or split the text before',
  })
}
