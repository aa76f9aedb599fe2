import { describe, expect, it } from 'vitest'
import { groupsOf, nearShare } from './apart.js'
import { languageMark, segments, summaries } from './descriptions.js'

const body = `This program reads the notes of a song and plays them, one after the other, on every
 instrument that is plugged in. It knows many formats and writes them, too.`
const english = `Package: player
Description-md5: 1
Description-en: plays songs on all instruments
 ${body}
 .
 It has:
  * a window with buttons;
  * a command for scripts.

Package: player-doc
Description-md5: 2
Description-en: plays songs on all instruments - documentation
 Short.

Package: player2
Description-md5: 3
Description-en: plays songs on all instruments
 ${body}
 .
 It has:
  * a window with buttons;
  * a command for scripts.
`
const italian = `Package: player
Description-md5: 1
Description-it: suona canzoni su tutti gli strumenti
 Questo programma legge le note di una canzone.
 .
 Ha:
  * una finestra con pulsanti;
  * un comando per gli script.

Package: player-doc
Description-md5: 9
Description-it: di un'altra versione
 Breve.
`
const sources = new Map([
  ['player', 'player-3'],
  ['player2', 'player-3'],
])

describe('summaries', () => {
  it('pairs descriptions with synopses, each pair once, and leaves out what is short', () => {
    const found = summaries(english, sources)
    expect(found).toHaveLength(1)
    expect(found[0]).toMatchObject({
      target: 'plays songs on all instruments',
      package: 'player-3',
      family: 'player',
    })
    expect(found[0]!.source).toMatch(/^This program reads the notes of a song and plays them, .* too\. /)
    expect(found[0]!.source).toContain('- a window with buttons; - a command for scripts.')
  })
})

describe('segments', () => {
  it('pairs what stands at the same place of the same version', () => {
    const found = segments(english, italian, 'it', sources)
    expect(languageMark('it')).toBe('>>it<<')
    expect(found.map(({ source, target }) => `${source} | ${target}`)).toEqual([
      '>>it<< plays songs on all instruments | suona canzoni su tutti gli strumenti',
      '>>it<< It has: | Ha:',
      '>>it<< a window with buttons; | una finestra con pulsanti;',
      '>>it<< a command for scripts. | un comando per gli script.',
    ])
    expect(found[0]).toMatchObject({ language: 'it', package: 'player-3', family: 'player' })
  })
})

describe('groups', () => {
  const texts = [
    { source: 'one two three four five six seven', family: 'a' },
    { source: 'One two, three four five six 8 eight', family: 'b' },
    { source: 'something else is said here', family: 'c' },
    { source: 'Something else is said here!', family: 'd' },
    { source: 'nothing like the others stands there', family: 'b' },
  ]

  it('joins families that have a text nearly in common', () => {
    expect(groupsOf(texts, 0.4)).toEqual(['a', 'a', 'c', 'c', 'a'])
    expect(groupsOf(texts, 0.9)).toEqual(['a', 'b', 'c', 'c', 'b'])
  })

  it('counts the texts that have one like them elsewhere', () => {
    const [first, second, third, fourth, fifth] = texts.map(({ source }) => source) as [
      string,
      string,
      string,
      string,
      string,
    ]
    expect(nearShare([first, third, fifth], [second, fourth], 0.4)).toBeCloseTo(2 / 3, 12)
    expect(nearShare([first, third, fifth], [second, fourth], 0.9)).toBeCloseTo(1 / 3, 12)
  })
})
