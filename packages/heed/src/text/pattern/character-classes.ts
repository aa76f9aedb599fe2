import { codePointAt } from '../byte-alphabet.js'
import type { Ranges } from '../unicode/index.js'
import { lastPoint } from './ranges.js'

/** The class of a code unit that begins a character of two units: which it is says `ofPoint`. */
export const splitClass = 0
/** The class of what isn't there: before the beginning and behind the end. */
export const noneClass = 1
const firstClass = 2

/**
 * Characters that no set of a pattern tells apart are one class. A character's class is looked up once, and
 * each set is a list of classes.
 */
export class CharacterClasses {
  /** Code unit → class. A lone surrogate has the class of U+FFFD. */
  readonly ofUnit: Uint16Array = new Uint16Array(0x10000)
  /** How many classes there are, `splitClass` and `noneClass` included. */
  readonly count: number
  /** For each set and class: 1 if the class is in the set. */
  readonly members: readonly Uint8Array[]
  /** Where stretches of one class begin, and which class. */
  readonly #starts: Int32Array
  readonly #classes: Uint16Array
  /** Classes of 256 code points a page, for those beyond U+FFFF, worked out when one is first needed. */
  readonly #pages: (Uint16Array | undefined)[] = []

  constructor(sets: readonly Ranges[]) {
    const edges = new Set<number>([0, 0x10000, lastPoint + 1])
    for (const set of sets)
      for (let i = 0; i < set.length; i += 2) {
        edges.add(set[i]!)
        edges.add(set[i + 1]! + 1)
      }
    const starts = Int32Array.from(edges).sort()
    const classes = new Uint16Array(starts.length).fill(firstClass)
    let count = firstClass + 1
    // Each set parts every class in those inside and those outside.
    for (const set of sets) {
      const parted = new Map<number, number>()
      for (let i = 0, at = 0; i < set.length; i += 2) {
        at = indexOf(starts, set[i]!, at)
        for (; starts[at]! <= set[i + 1]!; at++) {
          const before = classes[at]!
          let inside = parted.get(before)
          if (inside === undefined) parted.set(before, (inside = count++))
          classes[at] = inside
        }
      }
      if (count > 60_000) [count] = renumber(classes)
    }
    ;[count] = renumber(classes)
    this.count = count
    this.#starts = starts
    this.#classes = classes
    this.members = sets.map((set) => {
      const members = new Uint8Array(count)
      for (let i = 0, at = 0; i < set.length; i += 2) {
        at = indexOf(starts, set[i]!, at)
        for (; starts[at]! <= set[i + 1]!; at++) members[classes[at]!] = 1
      }
      return members
    })
    for (let i = 0; starts[i]! < 0x10000; i++) this.ofUnit.fill(classes[i]!, starts[i], starts[i + 1])
    this.ofUnit.fill(this.ofPoint(0xfffd), 0xd800, 0xe000)
    this.ofUnit.fill(splitClass, 0xd800, 0xdc00)
  }

  ofPoint(point: number): number {
    return (this.#pages[point >> 8] ?? this.#buildPage(point >> 8))[point & 255]!
  }

  #buildPage(page: number): Uint16Array {
    const classes = new Uint16Array(256)
    const first = page << 8
    let at = indexOf(this.#starts, first + 1, 0) - 1
    for (let i = 0; i < 256; i++) {
      if (this.#starts[at + 1]! <= first + i) at++
      classes[i] = this.#classes[at]!
    }
    return (this.#pages[page] = classes)
  }

  /** The class of the character at a place of a text. */
  at(text: string, at: number, end: number): number {
    const found = this.ofUnit[text.charCodeAt(at)]!
    return found === splitClass ? this.ofPoint(codePointAt(text, at, end)) : found
  }
}

/** The first index from `low` on whose value is at least `value`. */
function indexOf(starts: Int32Array, value: number, low: number): number {
  let high = starts.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (starts[middle]! < value) low = middle + 1
    else high = middle
  }
  return low
}

/** Numbers the classes that are in use from `firstClass` on; gives the next number. */
function renumber(classes: Uint16Array): [number] {
  const numbers = new Map<number, number>()
  for (let i = 0; i < classes.length - 1; i++) {
    let number = numbers.get(classes[i]!)
    if (number === undefined) numbers.set(classes[i]!, (number = firstClass + numbers.size))
    classes[i] = number
  }
  return [firstClass + numbers.size]
}
