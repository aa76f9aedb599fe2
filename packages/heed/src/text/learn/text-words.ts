import { characterOfByte } from '../byte-alphabet.js'
import type { Normalizer, Splitter } from '../steps/pieces.js'
import { codePointOf } from './code-points.js'
import { type WordCounts, WordCounter, wordOf } from './word-counter.js'

/** Counts the words of texts, after they were normalized and cut. */
export class TextWords {
  readonly #normalize: Normalizer
  readonly #split: Splitter
  readonly #words = new WordCounter()
  /** Words whose characters stand for bytes. */
  readonly #bytes = new WordCounter()

  constructor(normalize: Normalizer, split: Splitter) {
    this.#normalize = normalize
    this.#split = split
  }

  add(content: string): void {
    const { text: normal } = this.#normalize({ text: content, offset: 0 })
    if (normal === '') return
    // Nobody asks where the words come from.
    const whole = Int32Array.of(0, normal.length)
    const { text, bounds, spelling } = this.#split({
      text: normal,
      offset: 0,
      bounds: whole,
      spelling: 'characters',
    })
    const words = spelling === 'bytes' ? this.#bytes : this.#words
    for (let i = 0; i < bounds.length; i += 2) words.add(text, bounds[i]!, bounds[i + 1]!)
  }

  /** All words, those of bytes spelled in the byte alphabet. */
  take(): WordCounts {
    if (this.#bytes.size === 0) return this.#words.take()
    const bytes = spelledInBytes(this.#bytes.take())
    if (this.#words.size === 0) return bytes
    for (let i = 0; i < bytes.counts.length; i++) {
      const word = wordOf(bytes, i)
      this.#words.add(word, 0, word.length, bytes.counts[i]!)
    }
    return this.#words.take()
  }
}

const unitOfByte = Uint16Array.from(characterOfByte, (character) => character.charCodeAt(0))

/** Words written as the characters of their bytes of UTF-8; different ones stay different. */
function spelledInBytes({ units, starts, counts }: WordCounts): WordCounts {
  const spelled = new Uint16Array(3 * units.length)
  const places = new Float64Array(starts.length)
  let length = 0
  for (let word = 0; word < counts.length; word++) {
    const end = starts[word + 1]!
    for (let at = starts[word]!; at < end; at++) {
      const point = codePointOf(units, at)
      if (point < 0x80) {
        spelled[length++] = unitOfByte[point]!
        continue
      }
      if (point < 0x800) spelled[length++] = unitOfByte[0xc0 | (point >> 6)]!
      else {
        if (point < 0x10000) spelled[length++] = unitOfByte[0xe0 | (point >> 12)]!
        else {
          spelled[length++] = unitOfByte[0xf0 | (point >> 18)]!
          spelled[length++] = unitOfByte[0x80 | ((point >> 12) & 0x3f)]!
          at++
        }
        spelled[length++] = unitOfByte[0x80 | ((point >> 6) & 0x3f)]!
      }
      spelled[length++] = unitOfByte[0x80 | (point & 0x3f)]!
    }
    places[word + 1] = length
  }
  return { units: spelled.subarray(0, length), starts: places, counts }
}
