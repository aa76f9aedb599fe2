import { unitsBefore } from '../byte-alphabet.js'
import { Automaton, unknown } from './automaton.js'
import type { CharacterClasses } from './character-classes.js'
import { noneClass } from './character-classes.js'
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
      this.#look(automaton, bit.behind, text, start, end, bits, 1 << index)
    }
    return bits
  }

  #look(
    automaton: Automaton,
    forward: boolean,
    text: string,
    start: number,
    end: number,
    bits: Uint8Array,
    mask: number,
  ): void {
    const classes = this.#classes
    const { length: bitCount } = this.#bits
    let state = automaton.start(noneClass, false)
    let at = forward ? start : end
    while (true) {
      const units =
        at === (forward ? end : start)
          ? 0
          : forward
            ? text.codePointAt(at)! > 0xffff && at + 1 < end
              ? 2
              : 1
            : -unitsBefore(text, at, start)
      const ahead = units === 0 ? noneClass : classes.at(text, forward ? at : at + units, forward ? end : at)
      const column = (ahead << bitCount) | bits[at - start]!
      let transition = automaton.transitions[state + column]!
      if (transition === unknown) transition = automaton.follow(state, column)
      if (transition & 1) bits[at - start]! |= mask
      if (units === 0) return
      state = transition >> 1
      at += units
    }
  }
}
