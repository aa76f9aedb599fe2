import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { AttendResult } from '@heed/studio'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { heed, temporaryFolder, tinyConfigs, tinyModel, writeCheckpoint, writeModel } from '../testing.js'

const text = 'The cat sat. The cat 🎉'

describe('heed attend', () => {
  const folder = temporaryFolder()
  beforeAll(() => writeModel(folder.path))
  afterAll(folder.remove)
  const attend = (...args: readonly string[]) => heed(['attend', ...args, '--model', folder.path])

  test('--json: exactly what is documented, each row a distribution', async () => {
    const { status, out, err } = await attend(text, '--json')
    expect({ status, err }).toEqual({ status: 0, err: '' })
    const result = JSON.parse(out) as AttendResult
    expect(Object.keys(result)).toEqual(['text', 'tokens', 'layers', 'next'])
    expect(result.text).toBe(text)
    const count = result.tokens.length
    expect(count).toBeGreaterThan(5)
    for (const token of result.tokens) {
      expect(Object.keys(token)).toEqual(['id', 'text', 'start', 'end'])
      // The four bytes of the picture are four tokens that share its span.
      if (!token.text.includes('\ufffd')) expect(text.slice(token.start, token.end)).toBe(token.text)
      else expect(text.slice(token.start, token.end)).toContain('🎉')
    }
    expect(result.layers).toHaveLength(2)
    for (const { heads } of result.layers) {
      expect(heads).toHaveLength(4)
      for (const head of heads) {
        expect(Object.keys(head)).toEqual(['filter', 'entropy', 'previous', 'first', 'induction'])
        expect(head.filter).toHaveLength(count)
        head.filter.forEach((row, query) => {
          expect(row).toHaveLength(count)
          expect(row.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 5)
          for (const [key, weight] of row.entries()) {
            expect(weight).toBeGreaterThanOrEqual(0)
            if (key > query) expect(weight).toBe(0)
          }
        })
        expect(head.entropy).toBeGreaterThan(0)
        for (const score of [head.previous, head.first, head.induction]) {
          expect(score).toBeGreaterThanOrEqual(0)
          expect(score).toBeLessThanOrEqual(1)
        }
      }
    }
    expect(result.next).toHaveLength(10)
    const probabilities = result.next.map(({ probability }) => probability)
    expect(probabilities).toEqual([...probabilities].sort((a, b) => b - a))
    expect(Object.keys(result.next[0]!)).toEqual(['id', 'text', 'probability'])
  })

  test('the picture', async () => {
    const { status, out } = await attend(text)
    expect(status).toBe(0)
    expect(out).toContain('layer 0\nH0')
    expect(out).toContain('layer 1\nH0')
    expect(out).toMatch(/what comes next\n0\.\d{3}/)
  })

  test('one layer, one head', async () => {
    expect((await attend(text, '--layer', '1')).out).not.toContain('layer 0')
    expect((await attend(text, '--layer', '1', '--head', '2')).out).toMatch(/^layer 1, head 2\n/)
  })

  test('--html writes a page that holds the text and the filters', async () => {
    const file = join(folder.path, 'page.html')
    const { status, err } = await attend(text, '--html', file)
    expect({ status, err }).toEqual({ status: 0, err: `wrote ${file}\n` })
    const page = readFileSync(file, 'utf8')
    expect(page).toMatch(/^<!doctype html>/)
    expect(page).toContain('<title>“The cat sat. The cat 🎉”</title>')
    expect(page).toContain('id="frame-0"')
  })

  test.each<[string, readonly string[], number, string | RegExp]>([
    [
      'an empty text',
      [''],
      2,
      'attend: expected a text of at least one token, found an empty one; give a sentence',
    ],
    [
      'a long text',
      ['cat '.repeat(100)],
      2,
      /at most 64 tokens, the model's context, found \d+ tokens; shorten it/,
    ],
    ['a layer too high', ['The', '--layer', '2'], 2, '--layer 2: the model has layers 0 to 1'],
    ['a head too high', ['The', '--head', '4'], 2, '--head 4: the model has heads 0 to 3'],
    ['a layer that is no number', ['The', '--layer', '1.5'], 2, 'Expected a whole number from 0 on.'],
    ['no text', [], 2, "missing required argument 'text'"],
    [
      'a page that can’t be written',
      ['The', '--html', '/nowhere/at/all.html'],
      1,
      'check that the folder exists',
    ],
  ])('%s is refused', async (_, args, expected, message) => {
    const { status, out, err } = await attend(...args)
    expect({ status, out }).toEqual({ status: expected, out: '' })
    expect(err).toMatch(message)
    expect(err.split('\n')).toHaveLength(2)
  })
})

test('a folder that is no model, or a damaged one, fails in a line', async () => {
  const { status, err } = await heed(['attend', 'The', '--model', '/nowhere'])
  expect(status).toBe(1)
  expect(err).toMatch(/^heed: loadModel: expected a folder with config.json, weights and a tokenizer.*\n$/)
  const damaged = temporaryFolder()
  try {
    writeModel(damaged.path)
    writeFileSync(join(damaged.path, 'config.json'), '{"architecture": ')
    const found = await heed(['attend', 'The', '--model', damaged.path])
    expect(found.status).toBe(1)
    expect(found.err).toMatch(/^heed: loadModel: expected .* JSON, .*config\.json.*\n$/)
  } finally {
    damaged.remove()
  }
})

describe('models of each family', () => {
  const folder = temporaryFolder()
  const at = (name: string): string => join(folder.path, name)
  beforeAll(() => {
    for (const name of ['decoder', 'encoder', 'encoderDecoder'] as const) {
      mkdirSync(at(name))
      writeCheckpoint(at(name), tinyConfigs[name])
    }
  })
  afterAll(folder.remove)
  const layersOf = async (...args: readonly string[]) => {
    const { out, err } = await heed(['attend', ...args, '--json'])
    expect(err).toBe('')
    return (JSON.parse(out) as { layers: { heads: { filter: number[][] }[] }[] }).layers
  }

  test('a decoder sees what came before', async () => {
    const layers = await layersOf('The cat sat', '--model', at('decoder'))
    expect(layers).toHaveLength(2)
    for (const { heads } of layers)
      for (const { filter } of heads) expect(filter[0]!.slice(1).every((weight) => weight === 0)).toBe(true)
  })

  test('an encoder sees all, of a pair both texts', async () => {
    const layers = await layersOf('The cat', '--pair', 'sat', '--model', at('encoder'))
    expect(layers).toHaveLength(2)
    for (const { heads } of layers)
      for (const { filter } of heads) expect(filter.flat().every((weight) => weight > 0)).toBe(true)
  })

  test('of an encoder-decoder the target sees the source: a filter that is no square', async () => {
    const layers = await layersOf('The cat sat on', '--target', 'The', '--model', at('encoderDecoder'))
    expect(layers).toHaveLength(2 + 2 * 3)
    const sizes = layers.map(({ heads }) => [heads[0]!.filter.length, heads[0]!.filter[0]!.length])
    const [source, target] = [sizes[0]![0]!, sizes[2]![0]!]
    expect(sizes.map((size) => size.join())).toEqual([
      ...Array<string>(2).fill(`${source},${source}`),
      ...Array.from({ length: 3 }, () => [`${target},${target}`, `${target},${source}`]).flat(),
    ])
    expect(source).not.toBe(target)
    const { status, out } = await heed(['attend', 'The cat', '--model', at('encoderDecoder')])
    expect(status).toBe(0)
    expect(out).toMatch(/decoder\.blocks\.0\.crossAttention|cross/i)
  })

  test.each([
    ['decoder', ['--pair', 'x'], /no --pair/],
    ['encoder', ['--target', 'x'], /no --target/],
  ] as const)('%s: refuses %s', async (name, args, message) => {
    const { status, err } = await heed(['attend', 'The cat', '--model', at(name), ...args])
    expect(status).toBe(2)
    expect(err).toMatch(message)
  })

  test('generate: decoders and encoder-decoders write, an encoder says that it does not', async () => {
    for (const name of ['decoder', 'encoderDecoder']) {
      const args = ['generate', 'The cat', '--tokens', '5', '--temperature', '0', '--model', at(name)]
      const { status, out } = await heed([...args, '--json'])
      expect(status).toBe(0)
      const { ids, text } = JSON.parse(out) as { ids: number[]; text: string }
      expect(tinyModel().tokenizer.decode(ids)).toBe(text)
      const beams = await heed([...args, '--beams', '3', '--json'])
      expect(beams.err).toBe('')
    }
    const { status, err } = await heed(['generate', 'The cat', '--model', at('encoder')])
    expect(status).toBe(2)
    expect(err).toMatch(/a model that writes/)
  })

  test('generate --prompts writes on from each line as alone', async () => {
    const file = at('prompts.txt')
    writeFileSync(file, 'The cat\nThe cat sat on\n\nThe\n')
    const args = ['--tokens', '6', '--temperature', '0', '--json', '--model', at('decoder')]
    const { out } = await heed(['generate', '--prompts', file, ...args])
    const all = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { prompt: string; ids: number[] })
    expect(all.map(({ prompt }) => prompt)).toEqual(['The cat', 'The cat sat on', 'The'])
    for (const { prompt, ids } of all) {
      const alone = JSON.parse((await heed(['generate', prompt, ...args])).out) as { ids: number[] }
      expect(alone.ids).toEqual(ids)
    }
  })
})
