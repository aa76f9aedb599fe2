import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { MatchList, Pattern } from './index.js'

const shared = process.env['HEED_SHARED']
const folder = join(shared ?? '', 'reference', 'tokenizers', 'components')
const read = (name: string): unknown =>
  JSON.parse(gunzipSync(readFileSync(join(folder, `${name}.json.gz`))).toString())

interface Splitting {
  readonly pre_tokenizer: {
    readonly type: string
    readonly behavior?: string
    readonly pattern?: { readonly Regex?: string }
  }
  readonly results: readonly (readonly [string, number, number])[][]
}

const isPresent = shared !== undefined && existsSync(folder)

describe.skipIf(!isPresent)('the reference of patterns (set HEED_SHARED to run)', () => {
  it('has the pieces of every text that a pattern isolates', () => {
    const { texts, 'pre-tokenizers': splittings } = read('pre-tokenizers') as {
      texts: string[]
      'pre-tokenizers': Splitting[]
    }
    let patterns = 0
    for (const { pre_tokenizer, results } of splittings) {
      const source = pre_tokenizer.pattern?.Regex
      if (source === undefined || pre_tokenizer.behavior !== 'Isolated') continue
      patterns++
      const pattern = new Pattern(source)
      for (const [i, text] of texts.entries()) {
        const pieces: [string, number, number][] = []
        pattern.split(text, 0, text.length, (start, end) => {
          if (start < end) pieces.push([text.slice(start, end), start, end])
        })
        expect([source, pieces]).toEqual([source, results[i]])
      }
    }
    expect(patterns).toBeGreaterThan(20)
  })

  it('has the characters that one-character patterns match', () => {
    const { sets } = read('characters') as { sets: Record<string, [number, number][]> }
    const named = Object.entries(sets).filter(([name]) => name.startsWith('Regex '))
    expect(named.length).toBeGreaterThan(20)
    for (const [name, ranges] of named) {
      const pattern = new Pattern(name.slice('Regex '.length))
      const list = new MatchList()
      const found: [number, number][] = []
      for (let point = 0; point < 0x110000; point++) {
        if (point === 0xd800) point = 0xe000
        const character = String.fromCodePoint(point)
        list.length = 0
        pattern.matches(character, 0, character.length, list)
        if (list.length === 0) continue
        const before = found.at(-1)
        if (before !== undefined && (before[1] === point - 1 || (before[1] === 0xd7ff && point === 0xe000)))
          before[1] = point
        else found.push([point, point])
      }
      expect([name, found]).toEqual([name, ranges])
    }
  }, 120_000)
})
