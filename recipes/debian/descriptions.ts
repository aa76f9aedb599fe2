/**
 * Pairs of texts from Debian's package descriptions: a description with its synopsis, and paragraphs in
 * English with what translators made of them.
 */
import {
  packageFamily,
  packageSection,
  paragraphLines,
  parseStanzas,
  unwrapped,
} from '../first-light/debian.js'

/** A description and its synopsis. */
export type Summary = {
  readonly source: string
  readonly target: string
  /** The source package. */
  readonly package: string
  /** What versions and cross-builds of one program share. */
  readonly family: string
}

/** A segment in English, and in another language. */
export type Segment = Summary & { readonly language: string }

/** Words of a description, at least and at most. */
export const bodyWords: readonly [number, number] = [20, 200]
/** Words of a segment at most, in both languages. */
export const segmentWords = 40

const wordsIn = (text: string): number => text.split(/\s+/).filter((word) => word !== '').length

/**
 * Each description of 20 to 200 words with its synopsis. The same pair comes once.
 *
 * @param english text of a Translation-en index
 * @param sourceOf binary package → source package
 */
export function summaries(english: string, sourceOf: ReadonlyMap<string, string>): Summary[] {
  const seen = new Set<string>()
  const found: Summary[] = []
  for (const stanza of parseStanzas(english)) {
    const name = stanza.get('package')
    const description = stanza.get('description-en')
    if (name === undefined || description === undefined) continue
    const section = packageSection(name, description)
    if (section === undefined) continue
    const target = section.heading!.slice(name.length + 2)
    const source = section.paragraphs.map(({ text }) => text.replaceAll('\n', ' ')).join(' ')
    const count = wordsIn(source)
    const key = `${source}\n${target}`
    if (count < bodyWords[0] || count > bodyWords[1] || wordsIn(target) < 2 || seen.has(key)) continue
    seen.add(key)
    const own = sourceOf.get(name) ?? name
    found.push({ source, target, package: own, family: packageFamily(own) })
  }
  return found
}

/** How a language is named in front of a text that is to be put into it. */
export function languageMark(language: string): string {
  return `>>${language}<<`
}

/**
 * What a language's index has of the English one, segment by segment: the synopsis, and those lines of each
 * paragraph of which both have as many. A longer line is cut into sentences where both have as many. What
 * is the same in both languages is left out, and what is three times as long in one of them. The same English
 * segment comes once.
 *
 * @param english text of a Translation-en index
 * @param other of another language's
 */
export function segments(
  english: string,
  other: string,
  language: string,
  sourceOf: ReadonlyMap<string, string>,
): Segment[] {
  const originals = new Map<string, { readonly name: string; readonly text: string }>()
  for (const stanza of parseStanzas(english)) {
    const [name, text, key] = ['package', 'description-en', 'description-md5'].map((field) =>
      stanza.get(field),
    )
    if (name !== undefined && text !== undefined && key !== undefined && !originals.has(key))
      originals.set(key, { name, text })
  }
  const seen = new Set<string>()
  const found: Segment[] = []
  for (const stanza of parseStanzas(other)) {
    const original = originals.get(stanza.get('description-md5') ?? '')
    const text = stanza.get(`description-${language}`)
    if (original === undefined || text === undefined) continue
    const own = sourceOf.get(original.name) ?? original.name
    for (const [source, target] of alignedSegments(original.text, text)) {
      if (seen.has(source)) continue
      seen.add(source)
      found.push({
        source: `${languageMark(language)} ${source}`,
        target,
        language,
        package: own,
        family: packageFamily(own),
      })
    }
  }
  return found
}

type Pair = readonly [source: string, target: string]

function alignedSegments(english: string, other: string): Pair[] {
  const [first, second] = [english, other].map(linesOf) as [string[][], string[][]]
  if (first.length !== second.length) return []
  return first.flatMap((lines, i) => together(lines, second[i]!)).filter(isSegment)
}

/** The synopsis, and the lines of each paragraph. */
function linesOf(description: string): string[][] {
  const newline = description.indexOf('\n')
  if (newline < 0) return [[plainLine(description)]]
  const paragraphs = paragraphLines(description.slice(newline + 1)).map((lines) =>
    unwrapped(lines).map(plainLine),
  )
  return [[plainLine(description.slice(0, newline))], ...paragraphs.filter(({ length }) => length > 0)]
}

function together(first: readonly string[], second: readonly string[]): Pair[] {
  if (first.length !== second.length) return []
  return first.flatMap((line, i): Pair[] => {
    const pair = [line, second[i]!] as const
    if (pair.every((text) => wordsIn(text) <= segmentWords)) return [pair]
    const [cut, otherCut] = pair.map(sentences) as [string[], string[]]
    return cut.length === otherCut.length && cut.length > 1
      ? cut.map((text, at) => [text, otherCut[at]!])
      : []
  })
}

/** Cut behind what ends a sentence, where a capital letter, a digit or an opening mark follows. */
function sentences(text: string): string[] {
  return text.split(/(?<=\p{Ll}{2}[)"»]?[.!?][)"»]?) (?=["«(]?[\p{Lu}\p{N}])/u)
}

function isSegment([source, target]: Pair): boolean {
  const counts = [source, target].map(wordsIn)
  const [least, most] = [Math.min(...counts), Math.max(...counts)]
  return (
    most <= segmentWords &&
    most <= 3 * least + 2 &&
    source.toLowerCase() !== target.toLowerCase() &&
    [source, target].every((text) => /\p{L}{2,}/u.test(text))
  )
}

/** A line with plain spaces and one form of quotation marks and dashes of lists; else as it was written. */
function plainLine(text: string): string {
  return text
    .normalize('NFC')
    .replace(/[\u00ad\u200b-\u200f\u2060\ufeff\ufffd]/gu, '')
    .replace(/[\s\u00a0\u202f]+/gu, ' ')
    .replace(/[‘’]/gu, "'")
    .replace(/[“”„]/gu, '"')
    .replace(/…/gu, '...')
    .trim()
    .replace(/^- /, '')
}
