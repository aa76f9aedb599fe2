import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

interface Pair {
  readonly text: string
  readonly pair: string
  readonly label: string
  readonly kind: string
  readonly group: number
}

const pairs = readFileSync(new URL('one-word.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Pair)

test('153 pairs: each premise with a hypothesis of each label', () => {
  expect(pairs.length).toBe(153)
  expect(new Set(pairs.map(({ text, pair }) => `${text} ${pair}`)).size).toBe(153)
  for (let group = 0; group < 51; group++) {
    const own = pairs.filter((pair) => pair.group === group)
    expect(own.map(({ label }) => label)).toEqual(['entailment', 'contradiction', 'neutral'])
    expect(new Set(own.map(({ text, kind }) => `${kind} ${text}`)).size).toBe(1)
  }
  const kinds = new Map<string, number>()
  for (const { kind } of pairs) kinds.set(kind, (kinds.get(kind) ?? 0) + 1)
  expect(Object.fromEntries(kinds)).toEqual({
    number: 24,
    negation: 24,
    antonym: 30,
    hypernym: 30,
    quantifier: 24,
    names: 21,
  })
})

test('one word makes the label: of two hypotheses of a premise, the nearest differ in a word', () => {
  const far = []
  for (let group = 0; group < 51; group++) {
    const own = pairs.filter((pair) => pair.group === group)
    for (const one of own.slice(1)) {
      const nearest = Math.min(
        ...own.filter((other) => other !== one).map((other) => distance(other.pair, one.pair)),
      )
      // Names that change places are two words.
      if (nearest > (one.kind === 'names' ? 2 : 1)) far.push(`${one.pair} ${nearest}`)
    }
  }
  expect(far).toEqual([])
})

/** Words that are put in, taken out or replaced; an article that follows its noun does not count. */
function distance(a: string, b: string): number {
  const [left, right] = [a, b].map((text) =>
    text
      .toLowerCase()
      .replace('.', '')
      .split(' ')
      .filter((word) => !/^an?$/.test(word)),
  ) as [string[], string[]]
  let row = Array.from({ length: right.length + 1 }, (_, i) => i)
  left.forEach((word, i) => {
    const next = [i + 1]
    right.forEach((other, j) => {
      next.push(Math.min(row[j]! + (word === other ? 0 : 1), row[j + 1]! + 1, next[j]! + 1))
    })
    row = next
  })
  return row.at(-1)!
}
