import { expect, test } from 'vitest'
import { metadata } from './clip-art.js'
import { conceptsOf, plainCode, splitOf } from './concepts.js'

const concepts = (...all: readonly (readonly [code: string, label: string])[]): string => {
  const found = conceptsOf(all.map(([code, label]) => ({ code, label })))
  return all.map(([code]) => found.get(plainCode(code))).join(', ')
}

test('a code is the same with and without variation selectors and zeros in front', () => {
  expect(plainCode('0023-fe0f-20e3')).toBe('23-20E3')
  expect(plainCode('2764-FE0F')).toBe('2764')
})

test('people who do the same are one concept, whoever they are', () => {
  expect(
    concepts(
      ['1F9D1-200D-1F33E', 'farmer'],
      ['1F468-200D-1F33E', 'man farmer'],
      ['1F469-1F3FD-200D-1F33E', 'woman farmer: medium skin tone'],
      ['1F3C3', 'person running'],
      ['1F3C3-200D-2640-FE0F-200D-27A1-FE0F', 'woman running facing right'],
      ['1F468', 'man'],
      ['1F475', 'old woman'],
      ['1F468-200D-1F9B0', 'man: red hair'],
    ),
  ).toBe('farmer, farmer, farmer, person running, person running, person, person, person')
  expect(
    concepts(
      ['1F46A', 'family'],
      ['1F468-200D-1F469-200D-1F466', 'family: man, woman, boy'],
      ['1F491', 'couple with heart'],
      ['1F469-200D-2764-FE0F-200D-1F469', 'couple with heart: woman, woman'],
      ['1F934', 'prince'],
      ['1F478', 'princess'],
    ),
  ).toBe('family, family, couple with heart, couple with heart, royalty, royalty')
})

test('flags, clocks, colours, sizes, directions, and heads of animals', () => {
  expect(
    concepts(
      ['1F1EE-1F1F9', 'flag: Italy'],
      ['1F3F4-E0067-E0062', 'flag: England'],
      ['1F550', 'one o’clock'],
      ['1F567', 'twelve-thirty'],
      ['2764', 'red heart'],
      ['1F49B', 'yellow heart'],
      ['1F408', 'cat'],
      ['1F431', 'cat face'],
      ['2B06', 'up arrow'],
      ['2199', 'down-left arrow'],
      ['1F4F2', 'mobile phone with arrow'],
      ['1F600', 'grinning face'],
      ['1F34A', 'orange'],
    ),
  ).toBe(
    'flag of a country, flag of a country, clock face, clock face, heart, heart, cat, cat, arrow, arrow, ' +
      'mobile phone with arrow, grinning face, orange',
  )
})

test('a concept is on one side, and each side has its share', () => {
  const counts = { train: 0, validation: 0, test: 0 }
  for (let i = 0; i < 5000; i++) counts[splitOf(`concept ${i}`)]++
  expect(counts.train).toBeGreaterThan(3850)
  expect(counts.train).toBeLessThan(4150)
  expect(counts.validation).toBeGreaterThan(400)
  expect(counts.test).toBeGreaterThan(400)
  expect(splitOf('cat')).toBe(splitOf('cat'))
})

test('title and keywords of a drawing', () => {
  const svg = `<svg><metadata><rdf:RDF><cc:Work rdf:about="">
    <dc:title>A cat &amp; dog</dc:title><dc:subject><rdf:Bag><rdf:li>cat</rdf:li>
    <rdf:li> pet </rdf:li></rdf:Bag></dc:subject></cc:Work></rdf:RDF></metadata></svg>`
  expect(metadata(svg)).toEqual({ title: 'A cat dog', tags: ['cat', 'pet'] })
  expect(metadata('<svg/>')).toEqual({ title: '', tags: [] })
})
