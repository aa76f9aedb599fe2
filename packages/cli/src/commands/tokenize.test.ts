import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { saveTokenizer, trainByteLevel } from 'heed'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { heed, temporaryFolder, tinyModel, writeModel } from '../testing.js'

interface Line {
  text: string
  ids: number[]
  tokens: string[]
  spans: [number, number][]
}

const bin = fileURLToPath(new URL('../../bin/heed.js', import.meta.url))

describe('heed tokenize', () => {
  const folder = temporaryFolder()
  const at = (...names: readonly string[]): string => join(folder.path, ...names)
  const { tokenizer } = tinyModel()
  beforeAll(() => {
    mkdirSync(at('model'))
    writeModel(at('model'))
    const other = trainByteLevel(['a cat, a chair'], { vocabularySize: 257, special: ['<|endoftext|>'] })
    writeFileSync(at('letters.json'), saveTokenizer(other))
    writeFileSync(at('lines.txt'), 'The cat\r\n\nsat on the mat.')
    writeFileSync(at('lines.jsonl'), '{"text":"The cat"}\n\n{"text":"sat\\non","other":1}\n')
  })
  afterAll(folder.remove)
  const tokenize = (...args: readonly string[]) =>
    heed(['tokenize', '--tokenizer', at('model'), ...args], { COLUMNS: '80' })
  const json = async (...args: readonly string[]): Promise<Line[]> => {
    const { out } = await tokenize('--json', ...args)
    return out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Line)
  }

  test('the text with its borders, a table, and how many', async () => {
    const { status, out, err } = await tokenize('The cat sat on the mat. é')
    expect({ status, err }).toEqual({ status: 0, err: '' })
    const [picture, empty, head, first] = out.split('\n')
    expect(picture).toBe('The|␣cat|␣sat|␣on|␣the|␣mat|.|␣|é×2')
    expect(empty).toBe('')
    expect(head).toMatch(/^ +id {2}token +span {2}text$/)
    expect(first).toMatch(/^ *0 +\d+ {2}The +0–3 {2}The$/)
    expect(out).toContain('24–25  é')
    expect(out).toContain('\n10 tokens  25 characters  2.50 characters a token\n')
  })

  test('in colour, no borders are needed', async () => {
    const { out } = await heed(['tokenize', 'The cat', '--tokenizer', at('model')], { FORCE_COLOR: '1' })
    expect(out).toMatch(/^\u001b\[48;5;\d+;38;5;\d+mThe\u001b\[0m\u001b\[48/)
  })

  test('--ids and --json are what the library says', async () => {
    const text = 'The cat sat.\tNaïve 👍'
    const { ids, tokens, spans } = tokenizer.encode(text)
    expect((await tokenize(text, 'mat', '--ids')).out).toBe(
      `${ids.join(' ')}\n${tokenizer.encode('mat').ids.join(' ')}\n`,
    )
    const [line] = await json(text)
    expect(line).toMatchObject({ text, ids: [...ids], tokens })
    expect(line!.spans.flat()).toEqual([...spans])
  })

  test('files: a text for each line, of .jsonl for each text; or one text', async () => {
    const texts = async (...args: readonly string[]) => (await json(...args)).map(({ text }) => text)
    expect(await texts('--file', at('lines.txt'))).toEqual(['The cat', '', 'sat on the mat.'])
    expect(await texts('--file', at('lines.jsonl'))).toEqual(['The cat', 'sat\non'])
    expect(await texts('--file', at('lines.txt'), '--whole')).toEqual(['The cat\r\n\nsat on the mat.'])
    expect(await texts('one', '--file', at('lines.txt'), '--file', at('lines.jsonl'))).toHaveLength(6)
    const { out } = await tokenize('--file', at('lines.txt'))
    expect(out).toMatch(/^The\|␣cat\n\ns.*\n3 texts {2}\d+ tokens {2}22 characters {2}.*\n$/)
    expect((await tokenize('--file', at('lines.txt'), '--table')).out).toContain('Ġcat')
  })

  test('special tokens in a text are text, unless they are allowed', async () => {
    const [special] = tokenizer.encode('<|endoftext|>', { specials: 'allow' }).ids
    const [asText] = await json('a<|endoftext|>')
    expect(asText!.ids).not.toContain(special)
    const [allowed] = await json('a<|endoftext|>', '--specials', 'allow')
    expect(allowed!.ids).toContain(special)
  })

  test('--decode gives the text back', async () => {
    const text = 'The cat, naïve 👍'
    const ids = [...tokenizer.encode(text).ids].map(String)
    expect((await tokenize('--decode', ...ids)).out).toBe(`${text}\n`)
    expect((await tokenize('--decode', ids.join(','))).out).toBe(`${text}\n`)
    expect((await tokenize('--decode', `[${ids.join()}]`, '--json')).out).toContain('"text":"The cat, ')
    writeFileSync(at('ids.txt'), `${ids.join(' ')}\n\n{"ids":[${ids.join()}]}\n`)
    expect((await tokenize('--decode', '--file', at('ids.txt'))).out).toBe(`${text}\n\n${text}\n`)
    const [special] = tokenizer.encode('<|endoftext|>', { specials: 'allow' }).ids
    expect((await tokenize('--decode', `${special} ${ids[0]}`)).out).toBe('<|endoftext|>The\n')
    expect((await tokenize('--decode', `${special} ${ids[0]}`, '--no-special')).out).toBe('The\n')
  })

  test('--pair: both texts, and which one a token is of', async () => {
    const { out } = await tokenize('The cat', '--pair', 'sat on')
    expect(out).toMatch(/^The\|␣cat\ns\|?at\|␣on\n/)
    const [line] = await json('The cat', '--pair', 'sat on')
    expect(line).toMatchObject({ text: 'The cat', pair: 'sat on' })
    const { texts } = line as Line & { texts: number[] }
    expect([texts[0], texts.at(-1)]).toEqual([0, 1])
  })

  test('every kind of file: a SentencePiece-like one, one of words, a vocab.txt, a folder', async () => {
    const vocabulary = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', 'the', 'cat', '##s']
    writeFileSync(at('vocab.txt'), `${vocabulary.join('\n')}\n`)
    const tokensOf = async (path: string) => {
      const { out } = await heed(['tokenize', 'The cats', '--json', '--tokenizer', path])
      return (JSON.parse(out) as Line).tokens
    }
    expect(await tokensOf(at('vocab.txt'))).toEqual(['[CLS]', 'the', 'cat', '##s', '[SEP]'])
    mkdirSync(at('bert'))
    writeFileSync(at('bert', 'vocab.txt'), `${vocabulary.join('\n')}\n`)
    expect(await tokensOf(at('bert'))).toEqual(['[CLS]', 'the', 'cat', '##s', '[SEP]'])
    expect((await heed(['tokenize', 'a', '--tokenizer', folder.path])).status).toBe(0)
    mkdirSync(at('empty'))
    const { status, err } = await heed(['tokenize', 'a', '--tokenizer', at('empty')])
    expect(status).toBe(1)
    expect(err).toContain('expected the files of a tokenizer, found none')
  })

  test('--compare shows two tokenizers side by side', async () => {
    const { status, out } = await tokenize('--compare', at('model'), at('letters.json'), 'The cat')
    expect(status).toBe(0)
    expect(out).toMatch(/≠ The +T\|h\|e\n/)
    expect(out).toMatch(/\nmodel +2 +3\.50 +0\.286\nletters\.json +7 +1\.00 +1\.000\n/)
    expect(out).toContain(
      "borders within the text: 1 at the same places, 0 only model's, 4 only letters.json's",
    )
    // One beside --tokenizer, on a file.
    const file = await tokenize('--compare', at('letters.json'), '--file', at('lines.txt'))
    expect(file.out).toContain('\nletters.json  ')
    const same = await tokenize('--compare', at('model'), at('model'), '--', 'The cat')
    expect(same.out).toMatch(/^ {2}The\|␣cat\n/)
    const [line] = await json('--compare', at('model'), at('letters.json'), 'The cat')
    expect(line).toMatchObject({
      text: 'The cat',
      first: { tokenizer: 'model', tokens: ['The', 'Ġcat'] },
      second: { tokenizer: 'letters.json' },
      borders: { same: 1, onlyFirst: 0, onlySecond: 4 },
    })
  })

  test('without --tokenizer it is that of the model that heed ships', async () => {
    const { status, out } = await heed(['tokenize', 'The river'])
    expect({ status, out }).toMatchObject({
      status: 0,
      out: expect.stringContaining('The|␣river\n') as string,
    })
  })

  test.each([
    ['a file that is not there', ['--file', 'none.txt'], 1, /found nothing at 'none\.txt'/],
    [
      'a tokenizer that is not there',
      ['a', '--tokenizer', 'none.json'],
      1,
      /found nothing at '.*none\.json'/,
    ],
    ['ids that are none', ['--decode', '12', 'x'], 2, /expected token ids .* found 'x'/],
    ['ids that are none, in JSON', ['--decode', '{"ids":[1.5]}'], 2, /expected token ids/],
    ['an id without a token', ['--decode', '99999999'], 2, /expected token ids from 0 to/],
    ['--ids with --json', ['a', '--ids', '--json'], 2, /don't go together/],
    ['--decode with --compare', ['--decode', '--compare', 'a', 'b'], 2, /don't go together/],
    ['an unknown way', ['a', '--specials', 'maybe'], 2, /Allowed choices are allow, text/],
  ])('%s is refused', async (_, args, expected, message) => {
    const { status, err } = await tokenize(...args)
    expect(status).toBe(expected)
    expect(err).toMatch(message)
  })

  test('files that are no text are refused', async () => {
    writeFileSync(at('bytes.txt'), Uint8Array.of(97, 255, 10))
    writeFileSync(at('broken.jsonl'), '{"text":"a"}\n{"text":1}\n')
    expect((await tokenize('--file', at('bytes.txt'))).err).toMatch(/expected text in UTF-8/)
    const { out, err } = await tokenize('--file', at('broken.jsonl'), '--ids')
    expect(err).toMatch(/JSON on line 2 of/)
    expect(out).toBe(`${tokenizer.encode('a').ids[0]}\n`)
  })

  test('a pipe in, a pipe out, one that is closed early, and one that goes on', async () => {
    const args = [bin, 'tokenize', '--tokenizer', at('model'), '--ids']
    const input = 'The cat\nsat'
    expect(execFileSync(process.execPath, args, { input, encoding: 'utf8' })).toBe(
      `${tokenizer.encode('The cat').ids.join(' ')}\n${tokenizer.encode('sat').ids.join(' ')}\n`,
    )
    if (process.platform === 'win32') return
    const many = 'The cat sat on the mat.\n'.repeat(50_000)
    const command = `"${process.execPath}" "${bin}" tokenize --tokenizer "${at('model')}" --ids | head -1`
    const closed = spawnSync('sh', ['-c', command], { input: many, encoding: 'utf8' })
    expect(closed.stderr).toBe('')
    expect(closed.stdout.split('\n')).toHaveLength(2)
    // Ctrl-C: what was done is whole lines, and the end is a clean one.
    const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'pipe'] })
    let out = ''
    let err = ''
    child.stdout.on('data', (part) => (out += String(part)))
    child.stderr.on('data', (part) => (err += String(part)))
    child.stdin.on('error', () => {})
    child.stdin.write(many)
    while (out === '') await new Promise((resolve) => setTimeout(resolve, 20))
    child.kill('SIGINT')
    const status = await new Promise((resolve) => child.on('close', resolve))
    expect({ status, err }).toEqual({ status: 0, err: 'stopped before the end\n' })
    expect(out.endsWith('\n')).toBe(true)
  })
})
