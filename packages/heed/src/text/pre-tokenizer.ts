import { numeric } from './character-class.js'
import { codePointAt } from './byte-alphabet.js'
import { gpt2Pattern, Pattern } from './pattern.js'

/** What becomes of the matches of a Split. */
export type SplitBehavior = 'Removed' | 'Isolated' | 'MergedWithPrevious' | 'MergedWithNext' | 'Contiguous'

/** Bytes as characters of GPT-2's alphabet; cut into words first where `useRegex` says so. */
export interface ByteLevelDefinition {
  readonly type: 'ByteLevel'
  /** Puts a space before a text that has none. */
  readonly add_prefix_space: boolean
  /**
   * As post-processor: spans leave out the white space at a token's ends. As pre-tokenizer: without effect.
   */
  readonly trim_offsets: boolean
  /** As pre-tokenizer: splits the text into GPT-2's words. */
  readonly use_regex: boolean
}

/** Cuts a text by a pattern or a string. */
export interface SplitDefinition {
  readonly type: 'Split'
  readonly pattern: { readonly String: string } | { readonly Regex: string }
  readonly behavior: SplitBehavior
  readonly invert: boolean
}

/** Digits apart from everything else. */
export interface DigitsDefinition {
  readonly type: 'Digits'
  readonly individual_digits: boolean
}

/** Pre-tokenizers one after another. */
export interface PreTokenizerSequence {
  readonly type: 'Sequence'
  readonly pretokenizers: readonly PreTokenizerDefinition[]
}

/** How a text is split into words, in the words of tokenizer.json. */
export type PreTokenizerDefinition =
  | ByteLevelDefinition
  | SplitDefinition
  | DigitsDefinition
  | PreTokenizerSequence

/**
 * Takes a word. It stands at `start` of the text that was split, in UTF-16 code units; where `prefixed`, its
 * first character is a space that was put before.
 */
export type WordSink = (word: string, start: number, prefixed: boolean) => void

/** Splits text[start, end) into words. */
export type PreTokenizer = (text: string, start: number, end: number, sink: WordSink) => void

type Span = readonly [start: number, end: number]
type Splitter = (
  text: string,
  start: number,
  end: number,
  found: (start: number, end: number, isMatch: boolean) => void,
) => void

/** Builds the pre-tokenizer of a definition whose last step is ByteLevel. */
export function createPreTokenizer(definition: PreTokenizerDefinition): PreTokenizer {
  const steps = stepsOf(definition)
  const patterns = steps.filter((step) => step.type === 'Split' && 'Regex' in step.pattern).length
  return steps.reduceRight<PreTokenizer>(
    (next, step) => {
      if (step.type === 'ByteLevel') return byteLevel(step)
      const cut = step.type === 'Digits' ? digits(step) : split(step, patterns)
      return (text, start, end, sink) => {
        for (const [from, to] of cut(text, start, end)) next(text, from, to, sink)
      }
    },
    () => {},
  )
}

/** A definition's steps, in order. */
export function stepsOf(
  definition: PreTokenizerDefinition,
): (ByteLevelDefinition | SplitDefinition | DigitsDefinition)[] {
  return definition.type === 'Sequence' ? definition.pretokenizers.flatMap(stepsOf) : [definition]
}

function byteLevel(definition: ByteLevelDefinition): PreTokenizer {
  const pattern = definition.use_regex ? new Pattern(gpt2Pattern) : undefined
  return (text, start, end, sink) => {
    if (start >= end) return
    if (definition.add_prefix_space && text[start] !== ' ') {
      const prefixed = ` ${text.slice(start, end)}`
      const place = (from: number, to: number): void =>
        sink(prefixed.slice(from, to), from === 0 ? start : start + from - 1, from === 0)
      if (pattern === undefined) place(0, prefixed.length)
      else pattern.split(prefixed, 0, prefixed.length, place)
    } else if (pattern === undefined) sink(text.slice(start, end), start, false)
    else pattern.split(text, start, end, (from, to) => sink(text.slice(from, to), from, false))
  }
}

function digits(definition: DigitsDefinition): (text: string, start: number, end: number) => Span[] {
  const splitter: Splitter = (text, start, end, found) => {
    let last = start
    for (let at = start; at < end;) {
      const point = codePointAt(text, at, end)
      const next = at + (point > 0xffff ? 2 : 1)
      if (numeric.has(point)) {
        if (last < at) found(last, at, false)
        found(at, next, true)
        last = next
      }
      at = next
    }
    if (last < end) found(last, end, false)
  }
  return cutter(splitter, definition.individual_digits ? 'Isolated' : 'Contiguous', false)
}

function split(
  definition: SplitDefinition,
  patterns: number,
): (text: string, start: number, end: number) => Span[] {
  const { pattern, behavior, invert } = definition
  if ('Regex' in pattern) {
    const compiled = new Pattern(pattern.Regex, patterns)
    return cutter((text, start, end, found) => compiled.split(text, start, end, found), behavior, invert)
  }
  const searched = pattern.String
  const splitter: Splitter = (text, start, end, found) => {
    let last = start
    while (last < end) {
      const at = text.indexOf(searched, last)
      if (at < 0 || at + searched.length > end) break
      if (last < at) found(last, at, false)
      last = at + searched.length
      found(at, last, true)
    }
    if (last < end) found(last, end, false)
  }
  return cutter(splitter, behavior, invert)
}

/** Joins, keeps or drops the parts that a splitter finds. */
function cutter(
  splitter: Splitter,
  behavior: SplitBehavior,
  invert: boolean,
): (text: string, start: number, end: number) => Span[] {
  return (text, start, end) => {
    const parts: { start: number; end: number; isMatch: boolean }[] = []
    splitter(text, start, end, (from, to, isMatch) => {
      parts.push({ start: from, end: to, isMatch: isMatch !== invert })
    })
    if (behavior === 'Isolated') return parts.map((part) => [part.start, part.end])
    if (behavior === 'Removed') {
      return parts.filter((part) => !part.isMatch).map((part) => [part.start, part.end])
    }
    if (behavior === 'MergedWithNext') parts.reverse()
    const joined: { start: number; end: number }[] = []
    let wasMatch = false
    for (const { start: from, end: to, isMatch } of parts) {
      const last = joined.at(-1)
      const joins = behavior === 'Contiguous' ? isMatch === wasMatch : isMatch && !wasMatch
      if (joins && last !== undefined) {
        last.start = Math.min(last.start, from)
        last.end = Math.max(last.end, to)
      } else joined.push({ start: from, end: to })
      wasMatch = isMatch
    }
    if (behavior === 'MergedWithNext') joined.reverse()
    return joined.map((part) => [part.start, part.end])
  }
}
