import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { RunResult } from '../train/run.js'
import { heed, temporaryFolder } from '../testing.js'

const folder = temporaryFolder()
const at = (...names: readonly string[]) => join(folder.path, ...names)
const sentence = 'The cat sat on the mat and the dog lay by the door of the old house. '
const config = {
  model: { context: 16, width: 16, layers: 1, heads: 2 },
  tokenizer: { train: 280 },
  data: { train: ['train.txt'], validation: ['held.jsonl'] },
  training: { steps: 12, batch: 2, rate: 0.01, dropout: 0.1, evaluateEvery: 4, checkpointEvery: 5 },
  watch: { sentence: 'The cat sat. The cat', every: 6 },
  output: 'out',
}

function write(name: string, changes: object = {}): string {
  writeFileSync(at(name), JSON.stringify({ ...config, ...changes }))
  return at(name)
}

beforeAll(() => {
  const documents = Array.from({ length: 12 }, (_, i) => sentence.slice(i).repeat(3))
  writeFileSync(at('train.txt'), documents.join('\n\n'))
  writeFileSync(at('held.jsonl'), `${JSON.stringify({ text: sentence.repeat(2) })}\n`)
})
afterAll(folder.remove)

/** The weights of a model's folder. */
const weights = (...names: readonly string[]) => readFileSync(at(...names, 'model.safetensors'))

describe('heed train', () => {
  test('trains, evaluates, keeps checkpoints, snapshots and a page, and writes a model that works', async () => {
    const { status, out, err } = await heed(['train', write('config.json'), '--watch', '--json'])
    expect(status).toBe(0)
    const result = JSON.parse(out) as RunResult
    expect(result).toMatchObject({
      reason: 'finished',
      step: 12,
      steps: 12,
      checkpoint: at('out', 'step-00000012'),
      model: at('out', 'model'),
      report: at('out', 'report.html'),
    })
    expect(result.loss).toBeGreaterThan(0)
    expect(result.validation).toBeGreaterThan(0)
    expect(result.bitsPerByte).toBeGreaterThan(0)
    expect(err).toMatch(/^[\d,]+ parameters, [\d,]+ tokens, from the beginning\n/)
    expect(err).toMatch(/step 4: validation \d\.\d{4}, \d\.\d{3} bits per byte, the best so far\n/)
    expect(readdirSync(at('out')).sort()).toEqual([
      expect.stringMatching(/^events\.out\.tfevents\.\d{10}\.heed$/),
      'losses.jsonl',
      'model',
      'report.html',
      'snapshots.jsonl',
      'step-00000010',
      'step-00000012',
      'tokenizer.json',
      'train.tokens.safetensors',
      'validation.tokens.safetensors',
    ])
    const steps = (name: string) =>
      readFileSync(at('out', name), 'utf8')
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as { step: number }).step)
    expect(steps('snapshots.jsonl')).toEqual([0, 6, 12])
    expect(steps('losses.jsonl').filter((step, i, all) => all.indexOf(step) === i)).toEqual(
      Array.from({ length: 12 }, (_, i) => i + 1),
    )
    const page = readFileSync(at('out', 'report.html'), 'utf8')
    expect(page).toContain('id="frame-2"')
    const written = await heed(['generate', 'The', '--tokens', '4', '--model', result.model!])
    expect(written.status).toBe(0)
    expect((await heed(['attend', 'The cat', '--model', result.checkpoint!])).status).toBe(0)
  })

  test('a run that is stopped and resumed ends in the same bits', async () => {
    const first = write('half.json', {
      training: { ...config.training, steps: 5, schedule: 'constant' },
      output: 'two',
    })
    const whole = write('whole.json', {
      training: { ...config.training, schedule: 'constant', warmUp: 0 },
      output: 'one',
    })
    expect((await heed(['train', whole, '--json'])).status).toBe(0)
    const began = await heed(['train', first, '--watch'])
    expect(began.status).toBe(0)
    cpSync(at('whole.json'), at('again.json'))
    const { status, out, err } = await heed([
      'train',
      at('again.json'),
      '--out',
      at('two'),
      '--resume',
      '--watch',
    ])
    expect(status).toBe(0)
    expect(err).toContain('on from step 5\n')
    expect(out).toMatch(/^finished at step 12 of 12, loss \d/)
    expect(weights('two', 'model').equals(weights('one', 'model'))).toBe(true)
  })

  test('weights may be stored in half the bytes', async () => {
    const path = write('half-precision.json', {
      weights: 'f16',
      training: { steps: 1, batch: 1 },
      output: 'f16',
    })
    expect((await heed(['train', path])).status).toBe(0)
    expect(weights('f16', 'model').length).toBeLessThan(0.6 * weights('out', 'model').length)
  })

  test('an output folder with another run in it is refused', async () => {
    const { status, err } = await heed(['train', at('config.json')])
    expect(status).toBe(2)
    expect(err.trim().split('\n').at(-1)).toMatch(/^heed: run: expected .*resume/)
  })

  test.each<[string, number, RegExp, object]>([
    [
      'a slip',
      2,
      /training\.stepz to be one of the fields .* did you mean 'steps'\?/,
      { training: { stepz: 3 } },
    ],
    [
      'a file that is not there',
      1,
      /a file that can be read, found nothing at '/,
      { data: { train: ['no.txt'] } },
    ],
    ['a tokenizer that is not there', 1, /a tokenizer\.json that can be read/, { tokenizer: 'no.json' }],
    ['too little data', 2, /tokenBatches: expected at least/, { training: { steps: 1, batch: 4096 } }],
    [
      'a small vocabulary',
      2,
      /model\.vocabulary to be at least 280, the tokenizer's, found 100/,
      { model: { ...config.model, vocabulary: 100 } },
    ],
  ])('%s', async (_, expected, message, changes) => {
    const { status, out, err } = await heed(['train', write('bad.json', { ...changes, output: 'bad' })])
    expect({ status, out }).toEqual({ status: expected, out: '' })
    expect(err).toMatch(message)
    expect(err.split('\n')).toHaveLength(2)
  })

  test('no configuration there', async () => {
    const { status, err } = await heed(['train', at('nothing.json')])
    expect(status).toBe(1)
    expect(err).toMatch(/^heed: train: expected a configuration that can be read, found nothing at '.*\n$/)
  })
})

const binary = fileURLToPath(new URL('../../bin/heed.js', import.meta.url))

/** Trains for very long in a process of its own; `act` is called once it is at work. */
async function longRun(
  output: string,
  act: (child: ChildProcessByStdio<null, Readable, Readable>, err: string) => boolean,
): Promise<{ status: number | null; out: string; err: string; path: string }> {
  const path = write('long.json', { training: { ...config.training, steps: 100_000 }, output })
  const child = spawn(process.execPath, [binary, 'train', path], { stdio: ['ignore', 'pipe', 'pipe'] })
  child.stdout.setEncoding('utf8')
  child.stderr.setEncoding('utf8')
  let [out, err, done] = ['', '', false]
  child.stdout.on('data', (text: string) => (out += text))
  child.stderr.on('data', (text: string) => {
    err += text
    if (!done && err.includes('step 4: validation')) done = act(child, err)
  })
  const [status] = (await once(child, 'close')) as [number | null]
  return { status, out, err, path }
}

test.each(['SIGINT', 'SIGTERM'] as const)(
  '%s finishes the step, saves, and says how to go on',
  async (signal) => {
    const { status, out, err } = await longRun(signal, (child) => child.kill(signal))
    expect(status, err).toBe(0)
    expect(err).toContain('finishing the step and saving; Ctrl-C again quits at once\n')
    expect(out).toMatch(
      /^stopped at step [\d,]+ of 100,000, loss [^]+go on with: heed train .*long\.json --resume\n$/,
    )
    const saved = readdirSync(at(signal)).filter((name) => /^step-\d+$/.test(name))
    expect(saved.length).toBeGreaterThan(0)
    expect(readdirSync(at(signal)).filter((name) => /lock|tmp/.test(name))).toEqual([])
    expect(existsSync(at(signal, 'model'))).toBe(false)
  },
)

test('the second Ctrl-C ends it at once; it goes on, and a second training at the same time is refused', async () => {
  let second: Promise<{ status: number; err: string }> | undefined
  const { status, path } = await longRun('twice', (child) => {
    second = heed(['train', at('long.json'), '--resume'])
    void second.then(() => {
      child.kill('SIGINT')
      // A signal that is pending already is not there twice.
      setTimeout(() => child.kill('SIGINT'), 3)
    })
    return true
  })
  // Or the step was finished and saved within three milliseconds.
  expect([0, 130]).toContain(status)
  expect(await second).toMatchObject({
    status: 1,
    err: expect.stringMatching(/no other training in '.*twice', found process \d+/),
  })
  const shorter = { ...config.training, steps: 1, schedule: 'constant' }
  writeFileSync(path, JSON.stringify({ ...config, training: shorter, output: 'twice' }))
  expect((await heed(['train', path, '--resume'])).status).toBe(0)
})

test('a training that nobody listens to any longer goes on to its end', async () => {
  const path = write('unheard.json', { output: 'unheard' })
  const child = spawn(process.execPath, [binary, 'train', path], { stdio: ['ignore', 'pipe', 'pipe'] })
  child.stdout.destroy()
  child.stderr.destroy()
  const [status] = (await once(child, 'close')) as [number | null]
  expect(status).toBe(0)
  expect(weights('unheard', 'model').equals(weights('out', 'model'))).toBe(true)
})
