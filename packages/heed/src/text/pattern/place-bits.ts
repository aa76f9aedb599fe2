import { unitsBefore } from '../byte-alphabet.js'
import { Automaton, unknown } from './automaton.js'
import type { CharacterClasses } from './character-classes.js'
import { noneClass } from './character-classes.js'
import { unitsAt } from './character-units.js'
import type { PlaceBit } from './program.js'
import { markBoundaries } from './segments.js'

/** Answers, for every place of a text, the questions that a pattern has about more than a character. */
export class PlaceBits {
  readonly #classes: CharacterClasses
  readonly #bits: readonly PlaceBit[]
  readonly #automata: readonly (Automaton | undefined)[]

  constructor(bits: readonly PlaceBit[], classes: CharacterClasses) {
    this.#bits = bits
    this.#classes = classes
    this.#automata = bits.map((bit) =>
      bit.kind === 'look' ? new Automaton(bit.program, classes, bits.length, false) : undefined,
    )
  }

  get count(): number {
    return this.#bits.length
  }

  trim(): void {
    for (const automaton of this.#automata) automaton?.trim()
  }

  /**
   * The bits of each place from `start` to `end` of a text, those of `start` first.
   *
   * @param work how many places of programs may be looked at
   */
  read(text: string, start: number, end: number, work: number): Uint8Array {
    const bits = new Uint8Array(end - start + 1)
    for (const [index, bit] of this.#bits.entries()) {
      const automaton = this.#automata[index]
      if (bit.kind !== 'look' || automaton === undefined) {
        markBoundaries(text, start, end, bits, 1 << index)
        continue
      }
      automaton.work = work
      markMatches(automaton, this.#classes, bit.behind, text, start, end, bits, bits, 1 << index)
    }
    return bits
  }
}

/**
 * Marks the places of a text where a match of a program begins, looking from its end, or ends, looking
 * `forward`.
 *
 * @param asked the bits of the places that the program asks for
 * @param marked gets `mask` at those places
 */
export function markMatches(
  automaton: Automaton,
  classes: CharacterClasses,
  forward: boolean,
  text: string,
  start: number,
  end: number,
  asked: Uint8Array | undefined,
  marked: Uint8Array,
  mask: number,
): void {
  const { bitCount } = automaton
  const last = forward ? end : start
  let state = automaton.start(noneClass, false)
  for (let at = forward ? start : end; ;) {
    let units = 0
    let ahead = noneClass
    if (at !== last) {
      const unit = text.charCodeAt(forward ? at : at - 1)
      units = forward ? 1 : -1
      if ((unit & 0xf800) === 0xd800) {
        units = forward ? unitsAt(text, at, end) : -unitsBefore(text, at, start)
        ahead = classes.at(text, forward ? at : at + units, forward ? end : at)
      } else ahead = classes.ofUnit[unit]!
    }
    const column = asked === undefined ? ahead : (ahead << bitCount) | asked[at - start]!
    let transition = automaton.transitions[state + column]!
    if (transition === unknown) transition = automaton.follow(state, column)
    if (transition & 1) marked[at - start]! |= mask
    if (units === 0) return
    state = transition >> 1
    at += units
  }
}
