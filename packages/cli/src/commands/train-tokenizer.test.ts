import { spawn } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { loadTokenizer } from 'heed'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { heed, temporaryFolder } from '../testing.js'

const bin = fileURLToPath(new URL('../../bin/heed.js', import.meta.url))

describe('heed train-tokenizer', () => {
  const folder = temporaryFolder()
  const at = (name: string): string => join(folder.path, name)
  const line = 'The cat sat on the mat, and the other cat sat on the chair.'
  beforeAll(() => {
    writeFileSync(at('text.txt'), `${line}\n\n`.repeat(20))
    writeFileSync(at('text.jsonl'), `${JSON.stringify({ text: `${line}\nThe end.` })}\n`.repeat(20))
  })
  afterAll(folder.remove)
  const train = (...args: readonly string[]) =>
    heed(['train-tokenizer', at('text.txt'), '--out', at('out.json'), ...args])
  const trained = () => loadTokenizer(readFileSync(at('out.json')), at('out.json'))

  test.each([
    ['bpe', [], 'BPE, byte-level', 'The|␣cat|␣sat', ['<|endoftext|>']],
    ['bpe', ['--preset', 'sentencepiece'], 'BPE, sentencepiece', 'The|␣cat|␣sat', ['<unk>', '<s>', '</s>']],
    ['wordpiece', [], 'WordPiece, bert', '[CLS]|The cat sat', ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]']],
    ['unigram', [], 'Unigram, sentencepiece', '', ['<unk>', '<s>', '</s>']],
    ['wordlevel', [], 'WordLevel, words', 'The cat sat', ['<unk>']],
  ])('%s %s: a file that loads, and a picture', async (model, args, name, picture, special) => {
    const { status, out } = await train('--model', model, '--vocabulary-size', '320', ...args)
    expect(status).toBe(0)
    expect(out).toContain(`wrote ${at('out.json')}: ${name}  `)
    expect(out).toContain(`\n${picture}`)
    const tokenizer = trained()
    expect(special.map((token) => tokenizer.id(token))).toEqual(special.map((_, id) => id))
    const { ids } = tokenizer.encode('The cat sat.')
    expect(tokenizer.decode(ids, { skipSpecial: true }).toLowerCase().replaceAll(' .', '.')).toBe(
      'the cat sat.',
    )
  })

  test('special tokens, sizes, JSON, capital letters', async () => {
    const { out } = await train('--special', '<a>', '--special', '<b>', '--vocabulary-size', '265', '--json')
    expect(JSON.parse(out)).toMatchObject({
      out: at('out.json'),
      model: 'bpe',
      preset: 'byte-level',
      size: 265,
      texts: 40,
      characters: 20 * line.length,
    })
    expect(['<|endoftext|>', '<a>', '<b>'].map((token) => trained().id(token))).toEqual([0, 1, 2])
    await train('--model', 'wordpiece', '--cased', '--vocabulary-size', '100')
    expect(trained().encode('The the').tokens).toEqual(['[CLS]', 'The', 'the', '[SEP]'])
    const few = await train('--model', 'wordlevel', '--min-frequency', '1000')
    expect(few.err).toContain('fewer than 8,192 tokens')
    expect(trained().size).toBe(1)
  })

  test('of .jsonl the texts, with their line ends', async () => {
    const { status, out } = await heed([
      'train-tokenizer',
      at('text.jsonl'),
      '--out',
      at('lines.json'),
      '--json',
    ])
    expect(status).toBe(0)
    expect(JSON.parse(out)).toMatchObject({ texts: 20, characters: 20 * (line.length + 9) })
    const tokenizer = loadTokenizer(readFileSync(at('lines.json')))
    expect(tokenizer.decode(tokenizer.encode('a\n\nb').ids)).toBe('a\n\nb')
  })

  test.each([
    ['a file that is not there', ['--out', 'x.json', 'none.txt'], 1, /found nothing at 'none\.txt'/],
    ['no folder to write to', ['--out', join('none', 'x.json'), 'none.txt'], 1, /--out: expected to write/],
    ['a folder', ['--out', '.', 'none.txt'], 2, /--out: expected the name of a file/],
    ['another preset', ['--model', 'unigram', '--preset', 'bert', 'x'], 2, /--preset bert goes with/],
    ['capital letters of bytes', ['--cased', 'x'], 2, /--cased goes with --model wordpiece/],
    ['frequencies of Unigram', ['--model', 'unigram', '--min-frequency', '2', 'x'], 2, /other kinds/],
    ['an unknown kind', ['--model', 'bpes', 'x'], 2, /Allowed choices are/],
    ['a size of none', ['--vocabulary-size', '0', 'x'], 2, /from 1/],
  ])('%s is refused', async (_, args, expected, message) => {
    const { status, err } = await heed(['train-tokenizer', ...args])
    expect(status).toBe(expected)
    expect(err).toMatch(message)
  })

  test('too few tokens for the bytes are refused, and what was there stays', async () => {
    writeFileSync(at('kept.json'), 'kept')
    const { status } = await heed(['train-tokenizer', at('none.txt'), '--out', at('kept.json')])
    expect(status).toBe(1)
    expect(readFileSync(at('kept.json'), 'utf8')).toBe('kept')
  })

  test('Ctrl-C ends it, and nothing is written', async () => {
    if (process.platform === 'win32') return
    const args = [bin, 'train-tokenizer', '-', '--out', at('stopped.json')]
    const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'pipe'] })
    let err = ''
    child.stderr.on('data', (part) => (err += String(part)))
    child.stdin.on('error', () => {})
    child.stdin.write(`${line}\n`.repeat(10_000))
    await new Promise((resolve) => setTimeout(resolve, 700))
    child.kill('SIGINT')
    const status = await new Promise((resolve) => child.on('close', resolve))
    expect({ status, err }).toEqual({
      status: 1,
      err: 'heed: train-tokenizer: stopped before the end; nothing was written\n',
    })
    expect(existsSync(at('stopped.json'))).toBe(false)
  })
})
