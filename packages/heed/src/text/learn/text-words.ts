import { spelledOut } from '../split/index.js'
import { type Normalizer, type Splitter, wholePiece } from '../steps/pieces.js'
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
    const { text, bounds, spelling } = this.#split(wholePiece(this.#normalize({ text: content, offset: 0 })))
    const words = spelling === 'bytes' ? this.#bytes : this.#words
    for (let i = 0; i < bounds.length; i += 2) words.add(text, bounds[i]!, bounds[i + 1]!)
  }

  /** All words, those of bytes spelled in the byte alphabet. */
  take(): WordCounts {
    const bytes = this.#bytes.take()
    for (let i = 0; i < bytes.counts.length; i++) {
      const { text } = spelledOut({ ...wholePiece({ text: wordOf(bytes, i), offset: 0 }), spelling: 'bytes' })
      this.#words.add(text, 0, text.length, bytes.counts[i]!)
    }
    return this.#words.take()
  }
}
