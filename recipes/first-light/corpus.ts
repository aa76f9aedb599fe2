/**
 * From the drafts of every source to the three splits: duplicates dropped, held-out text checked against
 * training text.
 */
import { Containment, DuplicateFilter } from './duplicates.js'
import { draftText, filterDraft, inHashOrder, sources, splitOf, splits } from './document.js'
import type { Document, Draft, Source, Split } from './document.js'

/** Paragraphs as similar as this (Jaccard, three-word shingles) to an earlier one are dropped. */
export const nearDuplicate = 0.7
/** Runs of so many words are looked up in the training text. */
export const overlapWords = 8
/** A held-out paragraph that shares more than this part of its runs with the training text is dropped. */
export const overlapAllowed = 0.25

export type Size = { documents: number; paragraphs: number; words: number; bytes: number }
export type Removed = { same: number; near: number; overlapping: number }

export type Corpus = {
  readonly documents: Readonly<Record<Split, readonly Document[]>>
  readonly sizes: Readonly<Record<Split, Readonly<Record<Source, Size>>>>
  /** Paragraphs that were dropped, by source. */
  readonly removed: Readonly<Record<Source, Removed>>
  /**
   * Share of the held-out runs of `overlapWords` words that the training text contains, after all removals.
   */
  readonly overlap: Readonly<Record<Source, number>>
}

function bySource<T>(make: () => T): Record<Source, T> {
  return { squad: make(), wordnet: make(), debian: make() }
}

function toDocument(draft: Draft): Document {
  return { source: draft.source, document: draft.document, text: draftText(draft) }
}

/** @param progress called with what is being done. */
export function makeCorpus(drafts: readonly Draft[], progress: (step: string) => void): Corpus {
  const removed = bySource<Removed>(() => ({ same: 0, near: 0, overlapping: 0 }))
  const seen = new DuplicateFilter(nearDuplicate)
  const kept: Record<Split, Draft[]> = { train: [], validation: [], test: [] }
  drafts.forEach((draft, index) => {
    if (index % 2000 === 0) progress(`dropping duplicates: ${index} of ${drafts.length} documents`)
    const unique = filterDraft(draft, (paragraph) => {
      const verdict = seen.add(paragraph.compared ?? paragraph.text)
      if (verdict !== 'new') removed[draft.source][verdict]++
      return verdict === 'new'
    })
    if (unique !== undefined) kept[splitOf(draft.source, draft.family)].push(unique)
  })

  progress('comparing held-out text with training text')
  const training = new Containment(overlapWords)
  for (const draft of kept.train) {
    for (const section of draft.sections) {
      for (const paragraph of section.paragraphs) training.add(paragraph.compared ?? paragraph.text)
    }
  }
  const overlap = bySource(() => ({ runs: 0, contained: 0 }))
  const heldOut = (draft: Draft): Draft[] => {
    const clean = filterDraft(draft, (paragraph) => {
      const { runs, contained } = training.count(paragraph.compared ?? paragraph.text)
      if (contained > overlapAllowed * runs) {
        removed[draft.source].overlapping++
        return false
      }
      overlap[draft.source].runs += runs
      overlap[draft.source].contained += contained
      return true
    })
    return clean === undefined ? [] : [clean]
  }
  kept.validation = kept.validation.flatMap(heldOut)
  kept.test = kept.test.flatMap(heldOut)

  const sizes = { train: bySource(zero), validation: bySource(zero), test: bySource(zero) }
  for (const split of splits) {
    for (const draft of kept[split]) {
      const size = sizes[split][draft.source]
      const text = draftText(draft)
      size.documents++
      size.paragraphs += draft.sections.reduce((sum, section) => sum + section.paragraphs.length, 0)
      size.words += text.split(/\s+/).length
      size.bytes += Buffer.byteLength(text)
    }
  }
  return {
    documents: {
      train: inHashOrder(kept.train.map(toDocument)),
      validation: inHashOrder(kept.validation.map(toDocument)),
      test: inHashOrder(kept.test.map(toDocument)),
    },
    sizes,
    removed,
    overlap: Object.fromEntries(
      sources.map((source) => [source, overlap[source].contained / Math.max(1, overlap[source].runs)]),
    ) as Record<Source, number>,
  }
}

function zero(): Size {
  return { documents: 0, paragraphs: 0, words: 0, bytes: 0 }
}
