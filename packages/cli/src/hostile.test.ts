import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createDecoder, decoderConfig, normalInitializer, randomKey, trainByteLevel } from 'heed'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { InvalidArgumentError } from 'commander'
import { UsageError } from './errors.js'
import { failureText } from './main.js'
import { heed, temporaryFolder, writeModel } from './testing.js'
import type { Environment } from './terminal.js'

/**
 * All that acts on a terminal, or hides: a title, the clipboard, concealment, C0, DEL, C1, bidi, zero width,
 * lines.
 */
const codes = (from: number, to: number): string =>
  Array.from({ length: to - from + 1 }, (_, i) => String.fromCharCode(from + i)).join('')
const HOSTILE = [
  '\u001b]0;title\u0007\u001b]52;c;ZXZpbA==\u001b\\\u001b[8m\u001b[7;5m\u001bc',
  codes(0x01, 0x1f),
  codes(0x7f, 0x9f),
  codes(0x200b, 0x200f),
  codes(0x2028, 0x202e),
  codes(0x2060, 0x206f),
  '\u061c\ufeff\u00ad\u{e0041}x\ud800y',
].join('a')
/** As file names and arguments can have it: no slash, no lone surrogate, short. */
const NAME = `n\u001b]0;t\u0007\u001b[8m\u009b2J\u202e\u200b\u2028\u007f\n\r\tm`

/** What heed itself sends: its colours and styles; on a terminal the drawing of a line again. */
const OWN = /\u001b\[(?:1|2|22|31|32|33|36|39|0|[34]8;[25];[\d;]+)m/g
const REDRAWING = /\r|\u001b\[K/g
const RAW = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u

const setups: readonly [name: string, isTTY: boolean, environment: Environment][] = [
  ['a pipe', false, {}],
  ['a terminal', true, { TERM: 'xterm-256color' }],
  ['colour in a pipe', false, { FORCE_COLOR: '3' }],
  ['a terminal without colour', true, { NO_COLOR: '1' }],
]

test('what nothing caught is said in a line, too', () => {
  const pipe = { write: () => true }
  expect(failureText(new Error('a\u001b]0;b\u0007\n  c\u009b'), pipe, {})).toBe('heed: a␛]0;b␇ cU+009B\n')
  expect(failureText('\u202e', { ...pipe, isTTY: true }, {})).toBe('\u001b[31mheed:\u001b[39m U+202E\n')
})

describe.each(setups)('nothing acts on %s', (_, isTTY, environment) => {
  const folder = temporaryFolder()
  const model = join(folder.path, `model${NAME}`)
  const at = (...names: readonly string[]): string => join(folder.path, ...names)

  beforeAll(() => {
    const tokens = ['<|endoftext|>', HOSTILE.replace('\ud800', ''), '\u001b[8m', '\u009b', '\u202e']
    const tokenizer = trainByteLevel([`The cat sat. ${HOSTILE} `.repeat(4)], {
      vocabularySize: 300,
      special: tokens,
    })
    const config = decoderConfig({
      vocabulary: tokenizer.size,
      context: 64,
      width: 16,
      layers: 1,
      heads: 2,
    })
    const initializer = normalInitializer(0.3)
    mkdirSync(model)
    writeModel(model, { tokenizer, config, model: createDecoder(config, randomKey(5), { initializer }) })
    writeFileSync(at(`data${NAME}`), `${HOSTILE}The cat sat on the mat.\n\n`.repeat(40))
  })
  afterAll(folder.remove)

  /** Runs `heed`; what it wrote, if nothing in it acts. `verbatim`: the output is a text as it is. */
  async function checked(args: readonly string[], expected: number, verbatim = false): Promise<string> {
    const { status, out, err } = await heed(args, environment, { isTTY, columns: 70 })
    expect({ status, err: status === expected ? '' : err }).toEqual({ status: expected, err: '' })
    for (const text of verbatim ? [err] : [out, err]) {
      const own = environment.NO_COLOR || (!isTTY && !environment.FORCE_COLOR) ? text : text.replace(OWN, '')
      expect(RAW.exec((isTTY ? own.replace(REDRAWING, '') : own).replaceAll('\n', ''))).toBe(null)
    }
    // An error is one line, whatever is in it.
    if (expected > 0 && args[0] !== 'help') expect(err.split('\n')).toHaveLength(2)
    return out
  }

  test('attend', async () => {
    const picture = await checked(['attend', HOSTILE.slice(0, 40), '--model', model], 0)
    expect(picture).toContain('what comes next')
    await checked(['attend', '\u009b\u202e\u001b[8m', '--model', model, '--layer', '0', '--head', '1'], 0)
    const json = await checked(['attend', '\u009b\u202e', '--model', model, '--json'], 0)
    expect((JSON.parse(json) as { text: string }).text).toBe('\u009b\u202e')
    const page = at(`page${NAME}.html`)
    await checked(['attend', HOSTILE.slice(0, 40), '--model', model, '--html', page], 0)
    expect(RAW.exec(readFileSync(page, 'utf8').replace(/[\n\t]/g, ''))).toBe(null)
    await checked(['attend', 'The', '--model', at(NAME)], 1)
    await checked(['attend', 'The', '--model', model, '--html', at(NAME, 'x')], 1)
    await checked(['attend', 'The', '--model', model, '--layer', NAME], 2)
    await checked(['attend', 'The', `--${NAME}`], 2)
  })

  test('generate: to a terminal escaped, to a file or a pipe as it is', async () => {
    const args = ['generate', HOSTILE.slice(0, 40), '--model', model, '--tokens', '40', '--temperature', '9']
    const out = await checked([...args, '--top-p', '1'], 0, !isTTY)
    const { prompt, text } = JSON.parse(await checked([...args, '--top-p', '1', '--json'], 0)) as {
      prompt: string
      text: string
    }
    expect(prompt).toBe(HOSTILE.slice(0, 40))
    expect(text).toMatch(RAW)
    if (!isTTY && !environment.FORCE_COLOR) expect(out).toBe(`${prompt}${text}\n`)
    await checked(['generate', NAME, '--attend', '--html', at(`g${NAME}`), '--model', model], 0, !isTTY)
    await checked(['generate', 'The', '--weights', NAME], 2)
    await checked(['generate', 'The', '--model', at(NAME)], 1)
  })

  test('run: results, what was attended, pages, errors', async () => {
    const args = ['run', 'text-generation', HOSTILE.slice(0, 40), '--model', model, '--max-new-tokens', '8']
    const page = at(`run${NAME}.html`)
    await checked([...args, '--do-sample', '--temperature', '9', '--attend', '--html', page], 0)
    expect(RAW.exec(readFileSync(page, 'utf8').replace(/[\n\t]/g, ''))).toBe(null)
    const { result } = JSON.parse(await checked([...args, '--json'], 0)) as {
      result: { generated_text: string }[]
    }
    expect(result[0]!.generated_text.startsWith(HOSTILE.slice(0, 40))).toBe(true)
    const lines = at(`run${NAME}.jsonl`.replace('\n', ''))
    writeFileSync(lines, `${JSON.stringify({ text: 'The', id: NAME })}\n{${HOSTILE}\n`)
    const some = ['run', 'text-generation', '--model', model, '--max-new-tokens', '2', '--input', lines]
    // What failed is said at the end.
    expect(
      (await heed(some, environment, { isTTY, columns: 70 })).out.replace(OWN, '').replaceAll('\n', ''),
    ).not.toMatch(RAW)
    await checked([...some, '--output', at(`out${NAME}.jsonl`), '--each', NAME], 2)
    await checked(['run', 'text-generation', 'a', '--model', at(NAME)], 1)
    await checked(['run', NAME], 2)
    await checked(['run', 'text-generation', '--input', at(NAME), '--model', model], 1)
    await checked(['tour', '--model', HOSTILE], 2)
  })

  test('train: progress, notes, results, errors', async () => {
    const config = {
      model: { context: 64, width: 8, layers: 1, heads: 1 },
      tokenizer: { train: 300 },
      data: { train: [`data${NAME}`], validation: [`data${NAME}`] },
      training: { steps: 2, batch: 1 },
      watch: { sentence: HOSTILE.slice(0, 30) },
      output: `out${NAME}`,
    }
    const write = (changes: object): string => {
      writeFileSync(at(`config${NAME}.json`), JSON.stringify({ ...config, ...changes }))
      return at(`config${NAME}.json`)
    }
    await checked(['train', write({}), '--watch'], 0)
    await checked(['train', write({}), '--resume', '--watch', '--json'], 0)
    await checked(['train', write({}), '--out', at(`${NAME}2`)], 0)
    await checked(['train', at(`no${NAME}`)], 1)
    await checked(['train', write({ [HOSTILE]: 1 })], 2)
    await checked(['train', write({ model: { ...config.model, activation: HOSTILE } })], 2)
    await checked(['train', write({ model: { [NAME]: 1 } })], 2)
    await checked(['train', write({ data: { train: [HOSTILE.replaceAll('\ud800', '')] }, output: 'o2' })], 1)
    await checked(['train', write({ tokenizer: `t${NAME}`, output: 'o3' })], 1)
    await checked(['train', write({}), '--wach', NAME], 2)
    writeFileSync(at(`config${NAME}.json`), `{"model": ${HOSTILE}`)
    await checked(['train', at(`config${NAME}.json`)], 2)
  })

  test('tokenize: pictures, tables, comparisons, JSON, errors', async () => {
    const file = at(`lines${NAME}`.replace('\n', ''))
    writeFileSync(file, `${HOSTILE}\n${HOSTILE}<|endoftext|>\n`)
    const args = ['tokenize', '--tokenizer', model]
    await checked([...args, HOSTILE, NAME, `${HOSTILE}\n\n ${NAME}`], 0)
    await checked([...args, HOSTILE, '--specials', 'allow'], 0)
    await checked([...args, '--file', file, '--table'], 0)
    await checked([...args, '--compare', model, '--', HOSTILE], 0)
    await checked([...args, '--compare', model, '--file', file], 0)
    const { ids } = JSON.parse(await checked([...args, HOSTILE, '--json'], 0)) as { ids: number[] }
    await checked([...args, HOSTILE, '--ids'], 0)
    await checked([...args, '--decode', ids.join(' '), '--json'], 0)
    await checked([...args, '--decode', ids.join(' ')], 0, !isTTY)
    await checked([...args, '--decode', HOSTILE], 2)
    await checked([...args, '--file', at(NAME)], 1)
    await checked(['tokenize', HOSTILE, '--tokenizer', at(NAME)], 1)
    await checked([...args, HOSTILE, '--specials', NAME], 2)
  })

  test('train-tokenizer: what it learned, names, errors', async () => {
    const out = at(`tokenizer${NAME}.json`)
    const args = ['train-tokenizer', at(`data${NAME}`), '--out', out, '--vocabulary-size', '300']
    for (const model of ['bpe', 'wordpiece', 'unigram', 'wordlevel'])
      await checked([...args, '--model', model, '--special', HOSTILE.replace('\ud800', '')], 0)
    await checked([...args, '--json'], 0)
    await checked(['tokenize', HOSTILE, '--tokenizer', out], 0)
    await checked(['train-tokenizer', at(NAME), '--out', out], 1)
    await checked([...args, '--out', at(NAME, 'x')], 1)
    await checked([...args, '--model', HOSTILE], 2)
  })

  test('kernel, doctor, and what is no command', async () => {
    await checked(['kernel', HOSTILE], 2)
    await checked(['kernel', 'softmax', '--target', HOSTILE], 2)
    await checked(['kernel', 'gelu', '--json'], 0)
    await checked(['kernel', 'gelu'], 0)
    await checked(['doctor', '--no-measure'], 0)
    await checked(['doctor', HOSTILE], 2)
    await checked([HOSTILE], 2)
    await checked(['help', HOSTILE], 2)
    await checked([`--${HOSTILE}`], 2)
    await checked(['doctor', `--no-measure=${HOSTILE}`], 2)
  })

  test('an error of anyone', async () => {
    for (const [thrown, debug] of [
      [new Error(HOSTILE, { cause: new Error(HOSTILE) }), '0'],
      [HOSTILE, '0'],
      [new UsageError(HOSTILE), '0'],
      [new InvalidArgumentError(HOSTILE), '0'],
      [Object.assign(new Error(HOSTILE), { path: HOSTILE, [HOSTILE]: 1 }), '1'],
    ] as const) {
      const { err } = await heed(
        ['fail'],
        { ...environment, HEED_DEBUG: debug },
        {
          isTTY,
          commands: [
            (program) =>
              void program.command('fail').action(() => {
                throw thrown
              }),
          ],
        },
      )
      expect(RAW.exec(err.replace(OWN, '').replaceAll('\n', ''))).toBe(null)
    }
  })
})
