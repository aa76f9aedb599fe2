import { codePointAt } from '../byte-alphabet.js'
import type { Ranges } from './ranges.js'

/**
 * A set of characters, asked by code point in constant time: a page of 256 answers is worked out when the
 * first character in it is asked for. A page that has all or none is shared.
 */
export class CharacterSet {
  readonly #source: Ranges | (() => Ranges)
  #ranges: Ranges | undefined
  readonly #pages: (Uint8Array | undefined)[] = []

  /** @param ranges or how to make them when they are first needed */
  constructor(ranges: Ranges | (() => Ranges)) {
    this.#source = ranges
  }

  /** [first, last] of each range of members, one after the other. */
  get ranges(): Ranges {
    return (this.#ranges ??= typeof this.#source === 'function' ? this.#source() : this.#source)
  }

  has(point: number): boolean {
    return (this.#pages[point >> 8] ?? this.#buildPage(point >> 8))[point & 255] === 1
  }

  /** Where the run of members that begins at `at` stops. */
  endOfRun(text: string, at: number, end: number): number {
    while (at < end) {
      const point = codePointAt(text, at, end)
      if (!this.has(point)) break
      at += point > 0xffff ? 2 : 1
    }
    return at
  }

  #buildPage(page: number): Uint8Array {
    const first = page * 256
    const ranges = this.ranges
    // The first range that ends at or after the page's beginning.
    let low = 0
    for (let high = ranges.length >> 1; low < high;) {
      const middle = (low + high) >> 1
      if (ranges[2 * middle + 1]! < first) low = middle + 1
      else high = middle
    }
    const answers = new Uint8Array(256)
    let members = 0
    for (let i = 2 * low; i < ranges.length && ranges[i]! < first + 256; i += 2) {
      const from = Math.max(0, ranges[i]! - first)
      const to = Math.min(256, ranges[i + 1]! + 1 - first)
      answers.fill(1, from, to)
      members += to - from
    }
    return (this.#pages[page] = members === 0 ? noneOfPage : members === 256 ? allOfPage : answers)
  }
}

const noneOfPage = new Uint8Array(256)
const allOfPage = new Uint8Array(256).fill(1)
