import type { Spelling } from '../steps/pieces.js'
import type { InitialSymbols } from './initial-symbols.js'
import type { SafeCuts } from './safe-cuts.js'

const notLooked = 0
const isCharacter = 1
const isBytes = 2
const isUnknown = 3

/** Finds where a text can be cut between its characters. */
export class EdgeTable {
  readonly #symbols: InitialSymbols
  readonly #spelling: Spelling
  readonly #cuts: SafeCuts
  /** Of the characters up to U+FFFF, and one more for each other: what it is, its first and last symbol. */
  readonly #kinds = new Uint8Array(0x10001)
  readonly #firsts = new Int32Array(0x10001)
  readonly #lasts = new Int32Array(0x10001)
  /** The last symbol before the place that was reached, or -1 where nothing is cut. */
  #last = -1
  /** Whether there are unknown characters whose symbol comes later. */
  #isPending = false

  constructor(symbols: InitialSymbols, spelling: Spelling, cuts: SafeCuts) {
    this.#symbols = symbols
    this.#spelling = spelling
    this.#cuts = cuts
  }

  /** Begins with another text. */
  begin(): void {
    this.#last = -1
    this.#isPending = false
  }

  /** Goes past a character, and answers whether the text can be cut in front of it. */
  cutsBefore(point: number): boolean {
    const at = Math.min(point, 0x10000)
    if (this.#kinds[at] === notLooked || at === 0x10000) this.#look(point, at)
    const kind = this.#kinds[at]!
    const cuts = this.#last >= 0 && kind !== isUnknown && this.#cuts.isSafe(this.#last, this.#firsts[at]!)
    if (kind === isUnknown) this.#isPending = true
    else if (kind === isCharacter) this.#isPending = false
    this.#last = this.#isPending ? -1 : this.#lasts[at]!
    return cuts
  }

  #look(point: number, at: number): void {
    const symbols = this.#symbols
    const isKnown = symbols.readInside(point, this.#spelling)
    this.#kinds[at] = !isKnown ? isUnknown : symbols.hasBytes ? isBytes : isCharacter
    if (!isKnown) return
    this.#firsts[at] = this.#cuts.firstOf(symbols.ids[0]!)
    this.#lasts[at] = this.#cuts.lastOf(symbols.ids[symbols.count - 1]!)
  }
}
