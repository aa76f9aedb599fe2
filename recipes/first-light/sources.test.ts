import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { FormatError } from 'heed'
import { describe, expect, it } from 'vitest'
import { cleanLine } from './clean.js'
import { cleanPackageParagraph, debianDrafts, packageFamily, packageParagraphs } from './debian.js'
import { draftText } from './document.js'
import type { Draft } from './document.js'
import { articleTitle, cleanArticleParagraph, squadDrafts } from './squad.js'
import { cleanGloss, parseSynset, wordnetDrafts } from './wordnet.js'

const texts = (drafts: readonly Draft[]): Record<string, string> =>
  Object.fromEntries(drafts.map((draft) => [draft.document, draftText(draft)]))

describe('cleanLine', () => {
  const marks = [
    'a',
    'É',
    'e\u0301',
    '5',
    ' ',
    '\u00a0',
    '\t',
    '\u200b',
    '.',
    ',',
    ';',
    '(',
    ')',
    '[',
    ']',
    '"',
    '“',
    '’',
    '…',
  ]
  const dressed = fc.string({ unit: fc.constantFrom(...marks), maxLength: 20 })

  it('leaves one way to write spaces, quotation marks and the space around marks', () => {
    expect(cleanLine('“An\u00a0 ‘odd’\u200b  ﬁle” ( see\tbelow ) , and so on …')).toBe(
      `"An 'odd' file" (see below), and so on ...`,
    )
  })

  it('keeps the space before a file name or a namespace that starts with a mark', () => {
    expect(cleanLine('reads .wav and uses ::std')).toBe('reads .wav and uses ::std')
  })

  it('changes nothing the second time, and leaves one line', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), dressed), (text) => {
        const once = cleanLine(text)
        expect(once).not.toMatch(/[\n\r\t\u00a0\u200b\ufeff“”‘’]| {2}|^ | $/)
        expect(cleanLine(once)).toBe(once)
      }),
    )
  })
})

describe('squadDrafts', () => {
  it('drops editorial notes, page references and recordings, not what an author put in brackets', () => {
    expect(cleanArticleParagraph('A town[citation needed] of [the] north [...] and[12] more.[note 3]')).toBe(
      'A town of [the] north [...] and more.',
    )
    expect(cleanArticleParagraph('in fear.:115–116 Others (listen) agreed.:7')).toBe(
      'in fear. Others agreed.',
    )
    expect(cleanArticleParagraph('Seattle (i/siˈætəl/) is ( ) a city.The rest')).toBe(
      'Seattle (/siˈætəl/) is a city. The rest',
    )
    expect(cleanArticleParagraph('at 12:30 Greenwich time, ratio 3:2 A')).toBe(
      'at 12:30 Greenwich time, ratio 3:2 A',
    )
  })

  it('makes one document of an article', () => {
    const lines = [
      {
        title: 'Caf%C3%A9_society',
        paragraphs: [{ context: 'One.' }, { context: ' ' }, { context: 'Two.' }],
      },
      { title: 'Empty', paragraphs: [] },
    ]
    const bytes = gzipSync(`${lines.map((line) => JSON.stringify(line)).join('\n')}\n`)
    expect(texts(squadDrafts(bytes))).toEqual({ 'Caf%C3%A9_society': 'Café society\n\nOne.\n\nTwo.' })
    expect(articleTitle('100%_of_it')).toBe('100% of it')
  })

  it('refuses bytes that are not gzip, lines that are not JSON and JSON that is not an article', () => {
    const all = [
      Buffer.from('{}'),
      ...['{', '[]', '{"title":"A","paragraphs":[null]}'].map((line) => gzipSync(line)),
    ]
    for (const bytes of all) expect(() => squadDrafts(bytes)).toThrow(FormatError)
    expect(() => squadDrafts(gzipSync('\n{'))).toThrow(/on line 2/)
  })
})

describe('wordnetDrafts', () => {
  const header = '  1 This software and database is being provided to you'
  const line = (words: string, gloss: string): string =>
    `00001740 03 n ${words.split(' ').length.toString(16).padStart(2, '0')} ${words.split(' ').join(' 0 ')} 0 000 | ${gloss}  `

  it('reads lemmas and gloss, without markers of position', () => {
    expect(parseSynset(line('galore(ip) full_up', 'in plenty; "food galore"'))).toEqual({
      lemmas: ['galore', 'full up'],
      gloss: 'in plenty; "food galore".',
    })
    expect(parseSynset(header)).toBeUndefined()
  })

  it("writes quotation marks and dashes one way, and the gloss's end", () => {
    expect(cleanGloss("female called `cow'; ")).toBe("female called 'cow'.")
    expect(cleanGloss('severe; "not strained"--Shakespeare')).toBe('severe; "not strained" - Shakespeare.')
    expect(cleanGloss('steady--regular; "Is it?" "He said" ')).toBe('steady - regular; "Is it?"; "He said".')
  })

  it('makes one document of the synsets that share a first lemma, whatever its case', () => {
    const noun = [header, line('brush brushing', 'the act of brushing'), line('Brush', 'a family name')].join(
      '\n',
    )
    const verb = line('brush', 'rub')
    expect(texts(wordnetDrafts({ noun, verb, adj: '', adv: '' }))).toEqual({
      brush: 'brush, brushing (noun): the act of brushing.\nBrush (noun): a family name.\nbrush (verb): rub.',
    })
  })

  it('refuses other lines', () => {
    for (const text of ['x', '00001740 03 n zz a 0 | b', '00001740 03 n 05 a 0 | b']) {
      expect(() => parseSynset(text)).toThrow(FormatError)
    }
  })
})

describe('debianDrafts', () => {
  it('joins wrapped lines, and gives each item of a list a line after a dash', () => {
    const lines = [
      'Features of',
      'the program:',
      '  * fast and',
      '    small',
      '  * free',
      '',
      '    as in speech',
    ]
    expect(cleanPackageParagraph(lines.filter((one) => one !== ''))).toBe(
      'Features of the program:\n- fast and small\n- free as in speech',
    )
    expect(cleanPackageParagraph(['• one thing', 'goes on', 'o Another', '1. a number'])).toBe(
      '- one thing goes on\n- Another 1. a number',
    )
  })

  it('drops addresses and code, and paragraphs that only announce what was dropped', () => {
    expect(
      packageParagraphs('\n A tool for you.\n .\n Example:\n   $x = {a->[0]};\n .\n http://example.org/'),
    ).toEqual([{ text: 'A tool for you.' }])
  })

  it('puts a list with the paragraph before it', () => {
    expect(packageParagraphs('\n It can:\n .\n  - read files\n .\n  - write files')).toEqual([
      { text: 'It can:\n- read files\n- write files' },
    ])
  })

  it('takes versions and cross-builds of one program for one family', () => {
    for (const name of ['gcc-11', 'gcc-12', 'gcc-12-cross', 'gcc-12-cross-ports', 'gcc-defaults']) {
      expect(packageFamily(name)).toBe('gcc')
    }
    expect(packageFamily('boost1.74')).toBe('boost')
    expect(packageFamily('2048')).toBe('2048')
    expect(packageFamily('lz4-java')).toBe('lz-java')
  })

  it('makes one document of a source package, the package of its own name first, others of no use left out', () => {
    const packages = 'Package: liba\nSource: b (1.0)\n\nPackage: b\n\nPackage: b-old\nSource: b\n'
    const translations = [
      'Package: liba\nDescription-en: Library of b\n It is a library.',
      'Package: b\nDescription-en: Program b\n It is a program.\n .\n It is good.',
      'Package: b-old\nDescription-en: transitional package\n It is nothing.',
      'Package: elsewhere\nDescription-en: For another architecture\n It is not here.',
    ].join('\n\n')
    expect(texts(debianDrafts(translations, packages))).toEqual({
      b: 'b: Program b\n\nIt is a program.\n\nIt is good.\n\nliba: Library of b\n\nIt is a library.',
    })
  })

  it('takes any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string(), (translations, packages) => {
        expect(Array.isArray(debianDrafts(`Package: a\nDescription-en: b\n ${translations}`, packages))).toBe(
          true,
        )
      }),
    )
  })
})
