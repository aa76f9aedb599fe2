import { unassignedInUnicode9 } from '../unicode/index.js'

// A character's decomposition never changes once it is assigned (Unicode's stability policy). So the engine's
// own, of one character of Unicode 9, is that of Unicode 9 whatever the engine's version is.

/** 256 decompositions; null: there is none. */
type Page = readonly (string | undefined)[] | null

const hangul = 0xac00
const hangulEnd = 0xd7a4

/** The full decompositions of characters in Unicode 9: canonical (NFD) or compatible (NFKD). */
export class Decompositions {
  readonly #form: 'NFD' | 'NFKD'
  readonly #pages: (Page | undefined)[] = []

  constructor(form: 'NFD' | 'NFKD') {
    this.#form = form
  }

  /** What a character becomes; undefined where it stays. */
  of(point: number): string | undefined {
    if (point >= hangul && point < hangulEnd) return hangulLetters(point)
    const page = this.#pages[point >> 8]
    if (page === null) return undefined
    return (page === undefined ? this.#build(point >> 8) : page)?.[point & 255]
  }

  #build(number: number): Page {
    const first = number * 256
    const characters: string[] = []
    for (let point = first; point < first + 256; point++) {
      const isLetter = point > 0x1f && (point < 0xd800 || point > 0xdfff)
      characters.push(isLetter ? String.fromCodePoint(point) : ' ')
    }
    // Line breaks between them keep the characters apart.
    const together = characters.join('\n')
    const decomposed = together.normalize(this.#form)
    if (decomposed === together) return (this.#pages[number] = null)
    const page = decomposed
      .split('\n')
      .map((text, i) => (text === characters[i] || unassignedInUnicode9.has(first + i) ? undefined : text))
    return (this.#pages[number] = page)
  }
}

/** The two or three letters of a Hangul syllable (The Unicode Standard, section 3.12). */
function hangulLetters(syllable: number): string {
  const index = syllable - hangul
  const trailing = index % 28
  const letters = String.fromCharCode(
    0x1100 + Math.floor(index / 588),
    0x1161 + Math.floor((index % 588) / 28),
  )
  return trailing === 0 ? letters : letters + String.fromCharCode(0x11a7 + trailing)
}

let canonicalOnes: Decompositions | undefined
let compatibleOnes: Decompositions | undefined

export function decompositions(isCompatible: boolean): Decompositions {
  return isCompatible
    ? (compatibleOnes ??= new Decompositions('NFKD'))
    : (canonicalOnes ??= new Decompositions('NFD'))
}
