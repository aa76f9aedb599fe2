/** Summaries and translations without a model: what scores beside a model's are of. */
import { bm25Index, termsOf, topOf } from '../../../search/index.js'
import {
  joinedPieces,
  learnLexicon,
  type Lexicon,
  piecesOf,
  type TranslatedText,
  wordByWord,
} from './lexicon.js'

/** What writes a text for another. */
export type Writer = (source: string) => string

/** Writes what stands with the source among these that BM25 finds first; nothing where none is like it. */
export function nearestTarget(pairs: readonly TranslatedText[]): Writer {
  const terms = termsOf()
  const index = bm25Index(pairs.map(({ source }) => terms(source)))
  return (source) => {
    const [first] = topOf(index.scores({ ids: terms(source) }), 1)
    return first === undefined || first.score <= 0 ? '' : pairs[first.document]!.target
  }
}

/** Translates by a memory of whole texts, or word by word. */
export interface TranslationMemory {
  readonly words: Writer
  /**
   * From left to right the longest run of words that is a whole source that was learned, by its target; what
   * is in none word by word.
   */
  readonly phrases: Writer
}

/**
 * The mark of a language in front of a source: `>>it<< `. What is learned of one is used for that one alone.
 */
const mark = /^>>[^<>\s]{1,20}<<\s*/

/** Learns to translate from pairs, each language that sources are marked with by itself. */
export function translationMemory(pairs: readonly TranslatedText[]): TranslationMemory {
  const byLanguage = new Map<string, TranslatedText[]>()
  for (const { source, target } of pairs) {
    const [language, text] = markedText(source)
    const known = byLanguage.get(language)
    if (known === undefined) byLanguage.set(language, [{ source: text, target }])
    else known.push({ source: text, target })
  }
  const learned = new Map(
    [...byLanguage].map(([language, own]) => [
      language,
      { lexicon: learnLexicon(own), phrases: phrasesOf(own) },
    ]),
  )
  const by =
    (
      write: (one: { readonly lexicon: Lexicon; readonly phrases: Phrases }, text: string) => string,
    ): Writer =>
    (source) => {
      const [language, text] = markedText(source)
      const own = learned.get(language)
      return own === undefined ? text : write(own, text)
    }
  return {
    words: by(({ lexicon }, text) => wordByWord(lexicon, text)),
    phrases: by(({ lexicon, phrases }, text) => byPhrases(phrases, lexicon, text)),
  }
}

function markedText(source: string): [mark: string, text: string] {
  const found = mark.exec(source)?.[0] ?? ''
  return [found.trim(), source.slice(found.length)]
}

interface Phrases {
  readonly targets: ReadonlyMap<string, string>
  /** Pieces of the longest one. */
  readonly longest: number
}

/** Of the same source the first target counts. */
function phrasesOf(pairs: readonly TranslatedText[]): Phrases {
  const targets = new Map<string, string>()
  let longest = 0
  for (const { source, target } of pairs) {
    const pieces = piecesOf(source.toLowerCase())
    longest = Math.max(longest, pieces.length)
    const key = pieces.join(' ')
    if (!targets.has(key)) targets.set(key, target)
  }
  return { targets, longest }
}

function byPhrases({ targets, longest }: Phrases, lexicon: Lexicon, source: string): string {
  const pieces = piecesOf(source)
  const small = pieces.map((piece) => piece.toLowerCase())
  const written: string[] = []
  for (let at = 0; at < pieces.length;) {
    let end = Math.min(pieces.length, at + longest)
    while (end > at + 1 && !targets.has(small.slice(at, end).join(' '))) end--
    // A word alone is the lexicon's.
    written.push(
      end > at + 1 ? targets.get(small.slice(at, end).join(' '))! : wordByWord(lexicon, pieces[at]!),
    )
    at = end
  }
  return joinedPieces(written)
}
