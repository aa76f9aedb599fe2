import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { FormatError } from 'heed'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { words } from './clean.js'
import { makeCorpus, nearDuplicate } from './corpus.js'
import { Containment, DuplicateFilter, jaccard, shingleSet } from './duplicates.js'
import { filterDraft, inHashOrder, readDocuments, splitOf, splits, writeDocuments } from './document.js'
import type { Document, Draft } from './document.js'

const vocabulary =
  'the a red blue small old cat dog house tree runs sleeps under over near with and of in on'.split(' ')
const sentence = fc
  .array(fc.constantFrom(...vocabulary), { minLength: 1, maxLength: 30 })
  .map((list) => list.join(' '))

function draft(document: string, paragraphs: readonly string[]): Draft {
  return {
    source: 'debian',
    document,
    family: document,
    separator: '\n\n',
    sections: [{ heading: document, paragraphs: paragraphs.map((text) => ({ text })) }],
  }
}

describe('jaccard', () => {
  it('equals shared members over all members', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(30)), fc.uniqueArray(fc.nat(30)), (a, b) => {
        const sorted = (list: readonly number[]): Uint32Array => Uint32Array.from(list).sort()
        const shared = a.filter((one) => b.includes(one)).length
        const all = new Set([...a, ...b]).size
        expect(jaccard(sorted(a), sorted(b))).toBe(all === 0 ? 1 : shared / all)
      }),
    )
  })
})

describe('DuplicateFilter', () => {
  it('tells the same words in other dress, and one word changed in a long text', () => {
    const filter = new DuplicateFilter(0.7)
    const text = 'This package contains version 12 of the library, for programs that read and write pictures.'
    expect(filter.add(text)).toBe('new')
    expect(filter.add(text.toUpperCase().replace('12', '345').replace(',', ' -'))).toBe('same')
    expect(filter.add(text.replace('pictures', 'sounds'))).toBe('near')
    expect(filter.add('An altogether different sentence about something else.')).toBe('new')
  })

  it('never calls near what is not, and says same exactly for the same words', () => {
    fc.assert(
      fc.property(fc.array(sentence, { maxLength: 30 }), (texts) => {
        const filter = new DuplicateFilter(0.6)
        const kept: string[] = []
        for (const text of texts) {
          const verdict = filter.add(text)
          const same = kept.some((other) => words(other).join(' ') === words(text).join(' '))
          expect(verdict === 'same').toBe(same)
          if (verdict === 'near') {
            const set = shingleSet(text)
            expect(kept.some((other) => jaccard(shingleSet(other), set) >= 0.6)).toBe(true)
          }
          if (verdict === 'new') kept.push(text)
        }
      }),
    )
  })
})

describe('Containment', () => {
  it('counts the runs of words that were added', () => {
    const runs = new Containment(3)
    runs.add('one two three four')
    expect(runs.count('Two, three, FOUR five')).toEqual({ runs: 2, contained: 1 })
    expect(runs.count('two words')).toEqual({ runs: 0, contained: 0 })
  })
})

describe('makeCorpus', () => {
  const random = fc.array(fc.array(sentence, { minLength: 1, maxLength: 4 }), { maxLength: 60 })

  it('keeps every paragraph once, whole documents in one split, the same for the same input', () => {
    fc.assert(
      fc.property(random, (documents) => {
        const drafts = documents.map((paragraphs, index) => draft(`package ${index}`, paragraphs))
        const corpus = makeCorpus(drafts, () => {})
        const seen = new Set<string>()
        for (const split of splits) {
          for (const { source, document, text } of corpus.documents[split]) {
            expect(splitOf(source, document)).toBe(split)
            for (const paragraph of text.split('\n\n').slice(1)) {
              expect(seen.has(paragraph)).toBe(false)
              seen.add(paragraph)
            }
          }
        }
        const { same, near, overlapping } = corpus.removed.debian
        const paragraphs = documents.reduce((sum, list) => sum + list.length, 0)
        expect(seen.size + same + near + overlapping).toBe(paragraphs)
        expect(splits.reduce((sum, split) => sum + corpus.sizes[split].debian.paragraphs, 0)).toBe(seen.size)
        expect(makeCorpus(drafts, () => {})).toEqual(corpus)
      }),
      { numRuns: 30 },
    )
  })

  it('drops a held-out paragraph that training text contains in a longer one', () => {
    const held =
      Array.from({ length: 1000 }, (_, i) => `h${i}`).find((name) => splitOf('debian', name) === 'test') ?? ''
    const train =
      Array.from({ length: 1000 }, (_, i) => `t${i}`).find((name) => splitOf('debian', name) === 'train') ??
      ''
    const text = 'the small dog sleeps under the old tree near a red house'
    const longer = `${text} and many other words follow here that make the similarity of both low enough to stay apart`
    expect(jaccard(shingleSet(text), shingleSet(longer))).toBeLessThan(nearDuplicate)
    const corpus = makeCorpus(
      [draft(train, [longer]), draft(held, [text, 'something that is only here'])],
      () => {},
    )
    expect(corpus.removed.debian.overlapping).toBe(1)
    expect(corpus.documents.test.map((one) => one.text)).toEqual([`${held}\n\nsomething that is only here`])
  })
})

describe('filterDraft', () => {
  it('drops a heading with its last paragraph, and the draft with its last section', () => {
    expect(filterDraft(draft('a', ['x', 'y']), ({ text }) => text === 'y')).toEqual(draft('a', ['y']))
    expect(filterDraft(draft('a', ['x']), () => false)).toBeUndefined()
  })
})

describe('splitOf', () => {
  it('gives about 96, 2 and 2 %, and never changes', () => {
    const counts = { train: 0, validation: 0, test: 0 }
    for (let i = 0; i < 20000; i++) counts[splitOf('wordnet', `word ${i}`)]++
    expect(counts.train / 20000).toBeCloseTo(0.96, 2)
    expect(counts.validation / 20000).toBeCloseTo(0.02, 2)
    expect(splitOf('squad', 'Seattle')).toBe('train')
    expect(splitOf('squad', 'IPod')).toBe(splitOf('squad', 'IPod'))
  })
})

describe('readDocuments', () => {
  let folder = ''
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'first-light-'))
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  const read = async (file: string): Promise<Document[]> => {
    const out: Document[] = []
    for await (const document of readDocuments(file)) out.push(document)
    return out
  }

  it('reads what writeDocuments wrote, line ends and all', async () => {
    const file = join(folder, 'documents.jsonl')
    const documents = inHashOrder<Document>([
      { source: 'squad', document: 'A', text: 'one\n\ntwo "quoted" \u2028 é' },
      { source: 'debian', document: 'b', text: '' },
    ])
    const { bytes } = await writeDocuments(file, documents)
    expect(readFileSync(file).length).toBe(bytes)
    expect(await read(file)).toEqual(documents)
  })

  it('refuses other lines, and says which', async () => {
    const file = join(folder, 'other.jsonl')
    for (const line of [
      '{',
      'null',
      '{"source":"web","document":"a","text":"b"}',
      '{"source":"squad","text":"b"}',
    ]) {
      writeFileSync(file, `{"source":"squad","document":"a","text":"b"}\n${line}\n`)
      await expect(read(file)).rejects.toThrow(FormatError)
      await expect(read(file)).rejects.toThrow(/line 2/)
    }
  })
})
