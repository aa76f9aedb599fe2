import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { trainByteLevel, saveTokenizer } from 'heed'
import { lockFolder } from 'heed/internals'
import { filesIn, heed, temporaryFolder } from '../testing.js'

/** What `heed train` does in a folder where there is a run already. */

const folder = temporaryFolder()
const at = (...names: readonly string[]) => join(folder.path, ...names)
const sentence = 'The cat sat on the mat and the dog lay by the door of the old house. '
const model = { context: 16, width: 16, layers: 1, heads: 2 }
const training = { steps: 6, batch: 2, rate: 0.01, evaluateEvery: 2, checkpointEvery: 3 }
const config = {
  model,
  tokenizer: { train: 280 } as unknown,
  data: { train: ['train.txt'], validation: ['held.jsonl'] },
  training: { ...training, schedule: 'constant', warmUp: 0 } as object,
  watch: { sentence: 'The cat sat. The cat', every: 2 },
  output: 'out',
}

function write(changes: object = {}): string {
  writeFileSync(at('config.json'), JSON.stringify({ ...config, ...changes }))
  return at('config.json')
}

const train = (changes: object = {}, ...options: readonly string[]) =>
  heed(['train', write(changes), '--watch', ...options])
const resume = (changes: object = {}) => train(changes, '--resume')

const contents = () => filesIn(at('out'))

const documents = Array.from({ length: 12 }, (_, i) => sentence.slice(i).repeat(3)).join('\n\n')
let whole: Record<string, string>

beforeAll(async () => {
  writeFileSync(at('train.txt'), documents)
  writeFileSync(at('held.jsonl'), `${JSON.stringify({ text: sentence.repeat(2) })}\n`)
  const { status, err } = await train()
  expect(status, err).toBe(0)
  whole = contents()
  // As it is after three steps, and a run that ended there.
  renameSync(at('out'), at('whole'))
  const half = await train({ training: { ...config.training, steps: 3 } })
  expect(half.status, half.err).toBe(0)
  rmSync(at('out', 'model'), { recursive: true })
  renameSync(at('out'), at('half'))
})
afterAll(folder.remove)
beforeEach(() => {
  rmSync(at('out'), { recursive: true, force: true })
  cpSync(at('half'), at('out'), { recursive: true })
  writeFileSync(at('train.txt'), documents)
})

test('resumed, it ends like one that never stopped: weights, losses, snapshots', async () => {
  const { status, err } = await resume()
  expect(status, err).toBe(0)
  expect(err).toContain('with other settings: steps 6 (it was 3)\n')
  const now = contents()
  for (const name of [
    'model/model.safetensors',
    'model/tokenizer.json',
    'step-00000006/optimizer.safetensors',
  ])
    expect(now[name] === whole[name], name).toBe(true)
  // No event is lost, and none is there twice; but for the evaluation after the half run's own last step.
  const events = (text: string) =>
    text
      .split('\n')
      .filter((line) => !/"step":3,"evaluation/.test(line))
      .join('\n')
  expect(events(now['events']!)).toBe(whole['events'])
  const stepOf = (line: string) => (line === '' ? 0 : (JSON.parse(line) as { step: number }).step)
  const inFull = (name: string, text: string) =>
    // The half run evaluated and took a snapshot after its own last step.
    text
      .split('\n')
      .filter((line) => stepOf(line) !== 3 || line.includes('"loss"'))
      .join('\n') === whole[name]
  for (const name of ['losses.jsonl', 'snapshots.jsonl']) expect(inFull(name, now[name]!), name).toBe(true)
})

describe('refused, and not a byte is changed', () => {
  const others = (changes: object) => ({ ...config, ...changes })
  test.each<[string, object, RegExp, boolean?]>([
    ['a run that begins anew', {}, /no checkpoints in '.*out', found one of step 3; add --resume/, false],
    [
      'a run that begins anew with another tokenizer and other data',
      others({ tokenizer: { train: 290 }, data: { train: ['held.jsonl'] } }),
      /add --resume to go on from it, or name another folder with --out/,
      false,
    ],
    [
      'other data',
      { data: { train: ['held.jsonl'] } },
      /the training data that '.*step-00000003' was trained on, found other documents in '.*held\.jsonl'/,
    ],
    [
      'another vocabulary',
      { tokenizer: { train: 290 } },
      /the tokenizer\.train of '.*step-00000003' \(280\), found 290/,
    ],
    [
      'another tokenizer',
      { tokenizer: 'other.json' },
      /the tokenizer of '.*step-00000003', found another in '.*other\.json'/,
    ],
    [
      'another activation',
      { model: { ...model, activation: 'gelu' } },
      /the config\.model\.activation of '.*step-00000003' \(silu\), found gelu/,
    ],
    [
      'other positions',
      { model: { ...model, position: 'alibi' } },
      /config\.model\.position .*\(rotary\), found alibi/,
    ],
    [
      'another norm',
      { model: { ...model, epsilon: 1e-6, rotaryBase: 500 } },
      /the config\.model\.epsilon, the config\.model\.rotaryBase of .*\(0\.00001; 10000\), found 0\.000001; 500/,
    ],
    [
      'a longer context',
      { model: { ...model, context: 32 }, training: { ...config.training, context: 16 } },
      /config\.model\.context .*\(16\), found 32/,
    ],
    [
      'other dropout',
      { training: { ...config.training, dropout: 0.5 } },
      /config\.dropout .*\(0\), found 0\.5/,
    ],
    ['another batch', { training: { ...config.training, batch: 3 } }, /the data of /],
    ['another seed', { training: { ...config.training, seed: 3 } }, /the seed/],
    [
      'another decay',
      { training: { ...config.training, decay: 0.5 } },
      /optimizer options\.decay .*\(0\.1\), found 0\.5/,
    ],
  ])('%s', async (_, changes, message, resumed = true) => {
    const tokenizer = trainByteLevel(['another text'], { vocabularySize: 270, special: ['<|endoftext|>'] })
    writeFileSync(at('other.json'), saveTokenizer(tokenizer))
    const before = contents()
    const { status, out, err } = await (resumed ? resume(changes) : train(changes))
    expect(err).toMatch(message)
    expect({ status, out }).toEqual({ status: 2, out: '' })
    expect(contents()).toEqual(before)
  })

  test('a folder with a finished model and no checkpoints', async () => {
    rmSync(at('out'), { recursive: true })
    cpSync(at('whole'), at('out'), { recursive: true })
    for (const name of readdirSync(at('out')))
      if (name.startsWith('step-')) rmSync(at('out', name), { recursive: true })
    const before = contents()
    for (const options of [[], ['--resume']]) {
      const { status, err } = await train({}, ...options)
      expect(err).toMatch(/a folder without a finished model.*, found '.*model'/)
      expect(status).toBe(2)
      expect(contents()).toEqual(before)
    }
  })

  test('a folder in which another training is at work', async () => {
    const lock = await lockFolder(at('out'))
    const { status, err } = await resume()
    lock.release()
    expect(err).toMatch(/no other training in '.*out', found process \d+/)
    expect(status).toBe(1)
  })

  test('an output that is a file', async () => {
    const { status, err } = await train({ output: 'train.txt' })
    expect(err).toMatch(/a folder that can be written to, '.*train\.txt', found EEXIST/)
    expect(status).toBe(1)
    expect(readFileSync(at('train.txt'), 'utf8')).toBe(documents)
  })
})

describe('damage is made good', () => {
  const flip = (...names: readonly string[]): void => {
    const bytes = readFileSync(at(...names))
    bytes[bytes.length - 9]! ^= 4
    writeFileSync(at(...names), bytes)
  }
  const leftover = 'tokenizer.json.77-ab12.tmp'
  test.each<[string, () => void, RegExp?]>([
    ['a flipped bit in the tokens', () => flip('out', 'train.tokens.safetensors')],
    ['no tokens', () => rmSync(at('out', 'train.tokens.safetensors'))],
    ['a damaged tokenizer', () => writeFileSync(at('out', 'tokenizer.json'), '{')],
    ['a tokenizer with a flipped bit', () => flip('out', 'tokenizer.json')],
    ['no tokenizer', () => rmSync(at('out', 'tokenizer.json'))],
    ['what a killed run left half written', () => writeFileSync(at('out', leftover), '{')],
    [
      'a folder in the place of a newer checkpoint',
      () => mkdirSync(at('out', 'step-00000004')),
      /passed over .*step-00000004: expected a file in '.*state\.json', found none/,
    ],
    [
      'a damaged line of losses',
      () => {
        const lines = readFileSync(at('out', 'losses.jsonl'), 'utf8').split('\n')
        lines.splice(1, 0, '{"step":"2","loss":[]}')
        writeFileSync(at('out', 'losses.jsonl'), lines.join('\n'))
      },
      /passed over what can't be read in .*losses\.jsonl: line 2\n/,
    ],
    [
      'a damaged line of snapshots',
      () => {
        const line = '{"step":1,"text":"The cat sat. The cat","layers":[{"heads":[{"filter":5}]}]}\n'
        writeFileSync(at('out', 'snapshots.jsonl'), line + readFileSync(at('out', 'snapshots.jsonl'), 'utf8'))
      },
      /passed over what can't be read in .*snapshots\.jsonl: line 1\n/,
    ],
  ])('%s', async (_, spoil, message) => {
    spoil()
    const { status, err } = await resume()
    expect(status, err).toBe(0)
    if (message) expect(err).toMatch(message)
    const now = contents()
    for (const name of Object.keys(whole).filter(
      (each) => !/jsonl|html|state|events|^step-00000003/.test(each),
    ))
      expect(now[name] === whole[name], name).toBe(true)
    expect(Object.keys(now).filter((name) => /tmp|lock/.test(name))).toEqual([])
  })
})

test.each<[string, () => void, RegExp]>([
  [
    'damaged',
    () => writeFileSync(at('own.json'), '{'),
    /'.*own\.json' can't be used, the tokenizer of '.*step-00000003' is taken: /,
  ],
  [
    'gone',
    () => rmSync(at('own.json')),
    /is taken: .*a tokenizer\.json that can be read, '.*own\.json', found nothing at '/,
  ],
])('a tokenizer of the user’s that is %s: the checkpoint has a good one', async (_, spoil, message) => {
  cpSync(at('out', 'tokenizer.json'), at('own.json'))
  const same = await resume({ tokenizer: 'own.json' })
  expect(same.status, same.err).toBe(0)
  rmSync(at('out'), { recursive: true })
  cpSync(at('half'), at('out'), { recursive: true })
  spoil()
  const { status, err } = await resume({ tokenizer: 'own.json' })
  expect(status, err).toBe(0)
  expect(err).toMatch(message)
  for (const name of ['model/tokenizer.json', 'model/model.safetensors'])
    expect(contents()[name] === whole[name], name).toBe(true)
})

test('the same documents in another file are the same data; in another form they are not', async () => {
  const lines = documents.split('\n\n').map((text) => JSON.stringify({ text }))
  writeFileSync(at('one.JSONL'), lines.slice(0, 5).join('\n'))
  writeFileSync(at('two.ndjson'), lines.slice(5).join('\n'))
  const tokens = statSync(at('out', 'train.tokens.safetensors')).mtimeMs
  const same = await resume({ data: { ...config.data, train: ['one.JSONL', 'two.ndjson'] } })
  expect(same.status, same.err).toBe(0)
  expect(statSync(at('out', 'train.tokens.safetensors')).mtimeMs).toBe(tokens)
  expect(contents()['model/model.safetensors'] === whole['model/model.safetensors']).toBe(true)
  // The bytes are the same, their meaning is another: as plain text the lines are one document.
  cpSync(at('one.JSONL'), at('one.txt'))
  const other = await resume({ data: { ...config.data, train: ['one.txt', 'two.ndjson'] } })
  expect(other.status).toBe(2)
  expect(other.err).toMatch(/found other documents in '.*one\.txt', '.*two\.ndjson'/)
})

describe('--watch never ends a training', () => {
  test('a sentence longer than the context is watched as far as it goes', async () => {
    rmSync(at('out'), { recursive: true })
    const { status, err } = await train({ watch: undefined, model: { ...model, context: 8 } })
    expect(status, err).toBe(0)
    expect(err).toMatch(
      /the sentence has \d+ tokens: the first 8 are watched, as many as the model's context has\n/,
    )
    expect(err.match(/are watched/g)).toHaveLength(1)
    expect(contents()['report.html']).toContain('id="frame-2"')
  })

  test('another sentence has a film of its own', async () => {
    const { status, err } = await resume({ watch: { sentence: 'The dog lay by the door.', every: 2 } })
    expect(status, err).toBe(0)
    expect(err).toContain('watch.sentence The dog lay by the door. (it was The cat sat. The cat)')
    expect(err).toMatch(/3 snapshots in .*snapshots\.jsonl are of another text: the page leaves them out\n/)
    const texts = contents()
      ['snapshots.jsonl']!.trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { text: string }).text)
    expect(texts).toEqual([
      ...Array(3).fill('The cat sat. The cat'),
      ...Array(2).fill('The dog lay by the door.'),
    ])
  })

  test('a page that can not be written is a note, once', async () => {
    rmSync(at('out', 'report.html'))
    mkdirSync(at('out', 'report.html', 'taken'), { recursive: true })
    const { status, err } = await resume()
    expect(status, err).toBe(0)
    expect(err.match(/no page: .*report\.html/g)).toHaveLength(1)
    expect(contents()['model/model.safetensors'] === whole['model/model.safetensors']).toBe(true)
    expect(contents()['snapshots.jsonl']!.trim().split('\n')).toHaveLength(5)
  })

  test('snapshots that can not be kept are a note', async () => {
    rmSync(at('out', 'snapshots.jsonl'))
    mkdirSync(at('out', 'snapshots.jsonl'))
    const { status, err } = await resume()
    expect(status, err).toBe(0)
    expect(err).toMatch(/snapshots are not on the disk: .*snapshots\.jsonl', found EISDIR/)
    expect(contents()['report.html']).toContain('<!doctype html>')
  })
})
