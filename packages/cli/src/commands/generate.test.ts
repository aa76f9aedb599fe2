import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  createDecoder,
  decoderConfig,
  normalInitializer,
  quantizeDecoder,
  randomKey,
  writable,
  write,
} from 'heed'
import { documentToken } from 'heed/internals'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { heed, temporaryFolder, tinyModel, writeModel } from '../testing.js'
import { examplePrompt } from './generate.js'

interface Json {
  model: string
  prompt: string
  text: string
  ids: number[]
  end: string
  tokensPerSecond: number
}

describe('heed generate', () => {
  const folder = temporaryFolder()
  beforeAll(() => writeModel(folder.path))
  afterAll(folder.remove)
  const generate = (...args: readonly string[]) => heed(['generate', ...args, '--model', folder.path])
  const json = async (...args: readonly string[]) =>
    JSON.parse((await generate(...args, '--json')).out) as Json

  test('the text is the prompt and what follows', async () => {
    const args = ['The cat', '--tokens', '12', '--seed', '3']
    const { status, out, err } = await generate(...args)
    expect({ status, err }).toEqual({ status: 0, err: '' })
    const { prompt, text, ids, end } = await json(...args)
    expect(prompt).toBe('The cat')
    expect(out).toBe(`The cat${text}\n`)
    if (end === 'tokens') expect(ids).toHaveLength(12)
    expect(tinyModel().tokenizer.decode(ids)).toBe(text)
  })

  test('the same seed gives the same text, another seed another', async () => {
    const [one, again, other] = await Promise.all(
      ['1', '1', '2'].map((seed) => json('The', '--tokens', '30', '--seed', seed)),
    )
    expect(again!.ids).toEqual(one!.ids)
    expect(other!.ids).not.toEqual(one!.ids)
  })

  test('temperature 0 and top-k 1 take the likeliest token', async () => {
    const [cold, first] = await Promise.all([
      json('The', '--tokens', '8', '--temperature', '0'),
      json('The', '--tokens', '8', '--top-k', '1', '--seed', '9'),
    ])
    expect(first!.ids).toEqual(cold!.ids)
  })

  test('without a prompt it takes its own; no tokens are no failure', async () => {
    expect((await generate('--tokens', '0')).out).toBe(`${examplePrompt}\n`)
    expect(await json('--tokens', '0')).toMatchObject({ prompt: examplePrompt, text: '', ids: [] })
  })

  test('an empty prompt starts a text', async () => {
    const { status, out } = await generate('', '--tokens', '3')
    expect(status).toBe(0)
    expect(out.length).toBeGreaterThan(1)
  })

  test('more tokens than the context has', async () => {
    expect((await json('The', '--tokens', '90', '--seed', '1')).ids.length).toBeGreaterThan(0)
  })

  test('--attend and --html show what the model attended to', async () => {
    const file = join(folder.path, 'generated.html')
    const { status, out, err } = await generate('The cat', '--tokens', '80', '--attend', '--html', file)
    expect(status).toBe(0)
    expect(out).toMatch(/\nthree heads that tell much\nL\d H\d/)
    expect(out).toContain('what comes next')
    expect(err).toBe(`wrote ${file}: open it in a browser\n`)
    expect(readFileSync(file, 'utf8')).toContain('<!doctype html>')
  })

  test('of a model with a short context it shows the ids that there are', async () => {
    const short = join(folder.path, 'short')
    mkdirSync(short)
    const { tokenizer, config } = tinyModel()
    // Cut to 8 tokens, what it writes may be text that has more of them when it is encoded again.
    const own = decoderConfig({ ...config, context: 8, vocabulary: config.vocabulary + 9 })
    const initializer = normalInitializer(0.3)
    const wide = createDecoder(own, randomKey(5), { initializer })
    writeModel(short, { tokenizer, config: own, model: wide })
    for (let seed = 0; seed < 6; seed++) {
      const file = join(folder.path, 'short.html')
      const args = [
        'The cat 🐈',
        '--tokens',
        '20',
        '--temperature',
        '3',
        '--top-p',
        '1',
        '--seed',
        String(seed),
      ]
      const { status, err } = await heed(['generate', ...args, '--attend', '--html', file, '--model', short])
      expect({ status, err }).toEqual({ status: 0, err: `wrote ${file}: open it in a browser\n` })
    }
    const { status, err } = await generate('', '--tokens', '0', '--attend')
    expect({ status, err }).toEqual({ status: 0, err: 'no tokens: nothing to show\n' })
  })

  test('--html writes into pipes and its own output, and keeps a mode; a folder is refused first', async () => {
    const file = join(folder.path, 'kept.html')
    writeFileSync(file, '')
    chmodSync(file, 0o640)
    expect((await generate('The', '--tokens', '2', '--html', file)).status).toBe(0)
    expect(statSync(file).mode & 0o777).toBe(0o640)
    for (const [path, expected, message] of [
      [folder.path, 2, /found the folder '.*'/],
      [join(folder.path, 'none', 'page.html'), 1, /check that the folder exists/],
      ['', 2, /found none/],
    ] as const) {
      for (const command of ['generate', 'attend']) {
        const { status, out, err } = await heed([command, 'The', '--html', path, '--model', folder.path])
        expect({ status, out }).toEqual({ status: expected, out: '' })
        expect(err).toMatch(message)
      }
    }
    if (process.platform === 'win32') return
    const binary = fileURLToPath(new URL('../../bin/heed.js', import.meta.url))
    const args = [binary, 'generate', 'The', '--tokens', '2', '--model', folder.path, '--html', '/dev/stdout']
    const piped = spawnSync(process.execPath, args, { encoding: 'utf8' })
    expect(piped.stderr).toBe('wrote /dev/stdout: open it in a browser\n')
    expect(piped.stdout).toMatch(/^The[^]*\n<!doctype html>[^]*<\/html>\n?$/)
    const out = join(folder.path, 'out.txt')
    execFileSync('sh', ['-c', `"$0" "$@" > '${out}'`, process.execPath, ...args], { stdio: 'pipe' })
    expect(readFileSync(out, 'utf8')).toBe(piped.stdout)
  })

  test('the newline at the end of the standard input is none of the prompt', () => {
    const binary = fileURLToPath(new URL('../../bin/heed.js', import.meta.url))
    for (const [input, prompt] of [
      ['hi\n', 'hi'],
      ['hi\r\n', 'hi'],
      ['hi', 'hi'],
      ['a\n\n', 'a\n'],
    ]) {
      const args = ['generate', '-', '--tokens', '1', '--json', '--model', folder.path]
      const { stdout } = spawnSync(process.execPath, [binary, ...args], { input: input!, encoding: 'utf8' })
      expect((JSON.parse(stdout) as Json).prompt).toBe(prompt)
    }
  })

  test.each(['bf16', 'int8', 'int4'] as const)('--weights %s: the rounded model writes', async (format) => {
    const args = ['The cat', '--tokens', '6', '--temperature', '0', '--weights', format]
    const { model, config, tokenizer } = tinyModel()
    const stop = tokenizer.id(documentToken)!
    const prompt = [stop, ...tokenizer.encode('The cat', { addSpecial: false }).ids]
    const options = { tokens: 6, temperature: 0, stop: [stop] }
    const [written] = await write(writable(quantizeDecoder(model, format), config), [prompt], options)
    const ids = written!.ids.filter((id) => id !== stop)
    expect((await json(...args)).ids).toEqual(ids)
    expect((await generate(...args, '--attend')).out).toContain('what comes next')
  })

  test.each([
    [['--weights', 'int2'], 'Allowed choices are stored, f32, bf16, int8, int4.'],
    [['--temperature', '-1'], 'Expected a number from 0 to 100.'],
    [['--top-p', '0'], 'Expected a number above 0 to 1.'],
    [['--top-k', '0'], 'Expected a whole number from 1 on.'],
    [['--tokens', 'many'], 'Expected a whole number from 0 to 1000000.'],
    [['--sead', '1'], "unknown option '--sead' (Did you mean --seed?)"],
  ])('%j is wrong use', async (args, message) => {
    const { status, out, err } = await generate('The', ...args)
    expect({ status, out }).toEqual({ status: 2, out: '' })
    expect(err).toContain(message)
    expect(err.split('\n')).toHaveLength(2)
  })
})
