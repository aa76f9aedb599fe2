import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadEncoder, loadSentenceEncoder, mergeLowRank, type Tensor } from 'heed'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { eventsIn, heed, temporaryFolder } from '../../testing.js'
import type { RunResult } from '../run.js'
import type { RecipeResults } from './results.js'
import { pairs, writeTiny } from '../testing/tiny-recipe.js'

const folder = temporaryFolder()
const at = (...names: readonly string[]) => join(folder.path, ...names)
beforeAll(() => writeTiny(folder.path))
afterAll(folder.remove)

const source = { path: 'pairs.csv', fields: { text: 'premise', pair: 'hypothesis', label: 'label' } }
const part = (...take: number[]) => ({ ...source, part: { by: 'hypothesis', of: 3, take } })
const recipe = {
  from: 'tiny',
  task: 'text-classification',
  head: { labels: ['no', 'yes'] },
  data: { train: part(0, 1), validation: part(2) },
  training: {
    steps: 6,
    batch: 8,
    rate: 0.01,
    schedule: 'constant',
    warmUp: 0,
    evaluateEvery: 2,
    checkpointEvery: 3,
    seed: 4,
  },
  watch: { text: 'the cat sleeps here', pair: 'the cat sings', every: 3 },
  evaluation: { name: 'held out', task: 'text-classification', data: part(2), learnFrom: part(0, 1) },
  card: {
    title: 'Tiny',
    summary: 'Says whether two sentences say the same.',
    data: { name: 'pairs', licence: 'CC0' },
    limits: 'All but the five animals.',
  },
  publish: { to: 'package', name: '@heed/tiny', description: 'A tiny model.', licence: 'Apache-2.0' },
  weights: 'f16',
  output: 'out',
}

function write(changes: object = {}, name = 'train.json'): string {
  writeFileSync(at(name), JSON.stringify({ ...recipe, ...changes }))
  return at(name)
}
const json = <T>(...names: readonly string[]): T => JSON.parse(readFileSync(at(...names), 'utf8')) as T

describe('a recipe', () => {
  test('trains, evaluates, keeps a page, and writes a package with its card', async () => {
    write()
    // The folder's train.json.
    const { status, out, err } = await heed(['train', folder.path, '--watch', '--json'])
    expect(status, err).toBe(0)
    const result = JSON.parse(out) as RunResult
    expect(result).toMatchObject({ reason: 'finished', step: 6, steps: 6, bitsPerByte: null })
    expect(result.metrics!.accuracy).toBeGreaterThan(0)
    expect(err).toMatch(/step 6: validation \d\.\d{4}, accuracy \d\.\d{4}/)
    expect(err).toMatch(/held out: accuracy \d\.\d{4}\n/)
    expect(readdirSync(at('out')).toSorted()).toEqual([
      'clock.json',
      expect.stringMatching(/^events/),
      'losses.jsonl',
      'measurements.json',
      'model',
      'report.html',
      'results.json',
      'snapshots.jsonl',
      'step-00000003',
      'step-00000006',
    ])
    const losses = readFileSync(at('out', 'losses.jsonl'), 'utf8').trim().split('\n')
    expect(losses.map((line) => (JSON.parse(line) as { step: number }).step)).toEqual([
      1, 2, 2, 3, 4, 4, 5, 6, 6,
    ])
    expect(JSON.parse(losses[0]!)).toMatchObject({ metrics: { accuracy: expect.any(Number) as number } })
    const page = readFileSync(at('out', 'report.html'), 'utf8')
    expect(page).toContain('id="frame-2"')
    expect(page).toContain('sings')
    // The package: the model under its own head, with the numbers that its card has.
    expect(readdirSync(at('package')).toSorted()).toEqual([
      'README.md',
      'config.json',
      'heads.svg',
      'model.safetensors',
      'package.json',
      'report.html',
      'results.json',
      'tokenizer.json',
    ])
    const { files } = json<{ files: string[] }>('package', 'package.json')
    expect(files).toContain('report.html')
    expect(json('package', 'package.json')).toMatchObject({ name: '@heed/tiny', license: 'Apache-2.0' })
    const results = json<RecipeResults>('package', 'results.json')
    expect(results).not.toHaveProperty('heads')
    const [accuracy] = results.evaluation[0]!.found.scores
    expect(accuracy!.beside.map(({ name }) => name)).toContain('hypothesis only')
    // What the package's own files reach, of fewer records than are measured apart.
    const { first } = results.evaluation[0]!
    expect(first!.records).toBe(accuracy!.count)
    expect(Math.abs(first!.scores.accuracy! - accuracy!.value)).toBeLessThan(0.05)
    const card = readFileSync(at('package', 'README.md'), 'utf8')
    expect(card).toContain('by the files of this package: accuracy ')
    expect(card).toContain(`| **this model** | **${accuracy!.value.toFixed(3)} (`)
    for (const said of [
      '# Tiny',
      '| pairs | training | CC0 |',
      '6 steps',
      'Seed 4',
      '- All but the five animals.',
    ])
      expect(card).toContain(said)
    const { config, stored } = await loadEncoder(at('package'))
    expect(config.head).toMatchObject({ kind: 'classification', labels: 2 })
    expect(stored.config.member('id2label').plain()).toEqual({ 0: 'no', 1: 'yes' })
  })

  test('what each head is worth is added to a finished run without more training', async () => {
    const before = readFileSync(at('out', 'losses.jsonl'), 'utf8')
    const path = write({ heads: { sample: 12 }, publish: { ...recipe.publish, to: 'seen' } })
    const { status, err } = await heed(['train', path, '--resume'])
    expect(status, err).toBe(0)
    expect(readFileSync(at('out', 'losses.jsonl'), 'utf8')).toBe(before)
    expect(Object.keys(json('out', 'measurements.json'))).toHaveLength(2)
    const results = json<RecipeResults>('seen', 'results.json')
    const { evaluation } = json<RecipeResults>('package', 'results.json')
    expect(JSON.stringify(results.evaluation)).toBe(JSON.stringify(evaluation))
    const { heads, score, ...about } = results.heads!
    expect(about).toEqual({
      name: 'held out',
      task: 'text-classification',
      metric: 'accuracy',
      ablation: 'zero',
      lower: false,
    })
    expect([score.count, heads.length]).toEqual([12, 4])
    for (const { value, cost, entropy, other } of heads) {
      expect(cost.value).toBeCloseTo(score.value - value, 5)
      expect(entropy).toBeGreaterThan(0)
      expect(other! > 0 && other! < 1).toBe(true)
    }
    const card = readFileSync(at('seen', 'README.md'), 'utf8')
    expect(card).toContain('\n## Heads\n\n![Each head, layers downward')
    expect(card).toMatch(/accuracy is \d\.\d{3} on 12 records of "held out"/)
    expect(card).toMatch(/\| layer 1, head [01] \| -?\d+\.\d \| -?\d+\.\d to -?\d+\.\d \| \d\.\d\d \|/)
    // What was watched is there, without being asked for again.
    expect(card).toMatch(/from those of tiny at step\s+0/)
    const picture = readFileSync(at('seen', 'heads.svg'), 'utf8')
    expect(picture.match(/<image /g)).toHaveLength(4)
    const page = readFileSync(at('seen', 'report.html'), 'utf8')
    expect(page).toContain('"bits":8,"from":"tiny"')
    expect(page).toContain('id="frame-2"')
  })

  test('a run that is stopped and resumed ends in the same bits, with the same events', async () => {
    const path = write({ output: 'again', publish: undefined, evaluation: undefined })
    expect((await heed(['train', path, '--steps', '3'])).status).toBe(0)
    rmSync(at('again', 'model'), { recursive: true })
    const refused = await heed(['train', path])
    expect(refused).toMatchObject({ status: 2, err: expect.stringMatching(/no checkpoints in .*--resume/) })
    const { status, err } = await heed(['train', path, '--resume'])
    expect(status, err).toBe(0)
    const weights = (name: string) => readFileSync(at(name, 'model', 'model.safetensors'))
    expect(weights('again').equals(weights('out'))).toBe(true)
    const events = (name: string): string[] => {
      const file = readdirSync(at(name)).find((each) => each.startsWith('events'))!
      return eventsIn(readFileSync(at(name, file))).map((event) => JSON.stringify(event))
    }
    // The shorter run evaluated after its own last step.
    const others = events('again').filter((event) => !/"step":3,"evaluation/.test(event))
    expect(others).toEqual(events('out'))
  })

  test('a new model, with a tokenizer of its own; a package of a try stays in the output folder', async () => {
    const config = { hidden_size: 8, num_hidden_layers: 1, num_attention_heads: 2, intermediate_size: 16 }
    const path = write({
      from: undefined,
      new: { model_type: 'bert', max_position_embeddings: 32, ...config },
      tokenizer: { train: 70 },
      output: 'new',
      publish: { ...recipe.publish, to: 'never' },
    })
    const { status, err } = await heed(['train', path, '--steps', '2', '--limit', '12'])
    expect(status, err).toBe(0)
    expect(existsSync(at('never'))).toBe(false)
    expect(json<RecipeResults>('new', 'package', 'results.json')).toMatchObject({ records: 12, steps: 2 })
    expect((await loadEncoder(at('new', 'package'))).config.layers).toBe(1)
  })
})

test('adapters, groups and early stopping: a model with the changes merged', async () => {
  const path = write({
    output: 'adapted',
    publish: { ...recipe.publish, to: 'changes', adapter: true },
    evaluation: undefined,
    training: {
      ...recipe.training,
      steps: 4,
      adapter: { targets: ['blocks.*.attention'], rank: 2 },
      groups: [{ pattern: 'head', rate: 2, decay: 0 }],
      earlyStopping: { metric: 'accuracy', higher: true },
    },
  })
  const { status, err } = await heed(['train', path, '--watch'])
  expect(status, err).toBe(0)
  // The film begins with the filters of the model below.
  const { text, pair } = recipe.watch
  const attended = await heed(['attend', text, '--pair', pair, '--model', at('tiny'), '--json'])
  type Filters = { layers: { heads: { filter: number[][] }[] }[] }
  const filtersIn = (line: string): number[] =>
    (JSON.parse(line) as Filters).layers.flatMap(({ heads }) => heads.flatMap(({ filter }) => filter.flat()))
  const [first] = readFileSync(at('adapted', 'snapshots.jsonl'), 'utf8').split('\n')
  const own = filtersIn(attended.out)
  expect(Math.max(...filtersIn(first!).map((weight, i) => Math.abs(weight - own[i]!)))).toBeLessThan(1e-4)
  const key = async (name: string) =>
    (await loadEncoder(at(name))).model.blocks[0]!.attention.key.weight.values()
  const [before, after] = [await key('tiny'), await key(join('adapted', 'model'))]
  expect(after.some((number, i) => Math.abs(number - before[i]!) > 1e-3)).toBe(true)
  // The package has the changes alone: with the model below they are the same.
  expect(readdirSync(at('changes')).toSorted()).toEqual([
    'README.md',
    'adapter_config.json',
    'adapter_model.safetensors',
    'config.json',
    'heads.svg',
    'package.json',
    'report.html',
    'results.json',
  ])
  const head = { name: 'SequenceClassification', labels: ['no', 'yes'] }
  const again = mergeLowRank(await loadEncoder(at('tiny'), { head, adapter: at('changes') }))
  const merged = again.model.blocks[0]!.attention.key.weight as Tensor
  const found = merged.values()
  expect(Math.max(...after.map((number, i) => Math.abs(number - found[i]!)))).toBeLessThan(2e-3)
  // Another run begins with these changes; files have them, and the model, in f16.
  const further = (rank: number) =>
    write({
      output: `further-${rank}`,
      publish: undefined,
      evaluation: undefined,
      weights: 'f32',
      training: {
        ...recipe.training,
        steps: 1,
        rate: 1e-12,
        adapter: { from: 'changes', targets: ['blocks.*.attention'], rank, trained: ['head'] },
      },
    })
  const begun = await heed(['train', further(2)])
  expect(begun.status, begun.err).toBe(0)
  const beginning = await key(join('further-2', 'model'))
  expect(Math.max(...beginning.map((number, i) => Math.abs(number - found[i]!)))).toBeLessThan(1e-4)
  const refused = await heed(['train', further(3)])
  expect(refused).toMatchObject({ status: 1, err: expect.stringMatching(/expected rank 3 .* found rank 2/) })
})

test('a small model of a large one learns its vectors of sentences', async () => {
  const fields = { text: 'premise', pair: 'hypothesis' }
  const path = write({
    task: 'sentence-distillation',
    shrink: { layers: [1], embedding: 8 },
    head: { pooling: 'mean', normalize: true },
    objective: { teacher: 'tiny' },
    data: { train: { path: 'pairs.csv', fields } },
    training: { ...recipe.training, batch: 16, steps: 4 },
    watch: { text: 'the cat sleeps here' },
    evaluation: {
      name: 'as the labels',
      task: 'sentence-similarity',
      data: { path: 'scored.csv' },
      beside: { teacher: 'tiny', short: { settings: { dimensions: 4, vectors: 'int8' } } },
    },
    output: 'sentence',
    publish: { ...recipe.publish, to: 'sentence-package' },
  })
  const { status, err } = await heed(['train', path, '--watch'])
  expect(status, err).toBe(0)
  expect(json('sentence-package', 'config.json')).toMatchObject({
    model_type: 'electra',
    num_hidden_layers: 1,
  })
  const { width, modules } = await loadSentenceEncoder(at('sentence-package'))
  expect([width, modules.map(({ kind }) => kind).join()]).toEqual([16, 'normalize'])
  const card = readFileSync(at('sentence-package', 'README.md'), 'utf8')
  for (const name of ['teacher', 'short'])
    expect(card).toMatch(new RegExp(`\\| ${name} \\| -?\\d\\.\\d{3} \\(`))
  expect(existsSync(at('sentence', 'report.html'))).toBe(true)
  const losses = readFileSync(at('sentence', 'losses.jsonl'), 'utf8')
  expect(losses).toMatch(/"cosine":[\d.]+,"similarities":/)
})

test('an encoder-decoder from nothing learns to write, and is watched where it looks at the source', async () => {
  const lines = pairs(30).map(({ premise, hypothesis }) =>
    JSON.stringify({ source: premise, target: hypothesis }),
  )
  writeFileSync(at('written.jsonl'), `${lines.join('\n')}\n`)
  const written = { path: 'written.jsonl' }
  const path = write({
    from: undefined,
    head: undefined,
    new: {
      model_type: 'pegasus',
      d_model: 16,
      encoder_layers: 1,
      decoder_layers: 2,
      encoder_attention_heads: 2,
      decoder_attention_heads: 2,
      encoder_ffn_dim: 32,
      decoder_ffn_dim: 32,
      scale_embedding: true,
      dropout: 0.1,
      pad_token_id: 0,
      eos_token_id: 1,
      decoder_start_token_id: 0,
      num_beams: 2,
      max_length: 6,
    },
    tokenizer: { train: 60, model: 'bpe', preset: 't5' },
    task: 'text-to-text',
    objective: { maximum: 16, labelSmoothing: 0.1 },
    data: { train: written, validation: { ...written, limit: 4 } },
    watch: { text: 'the cat sleeps here', target: 'the cat', every: 3 },
    evaluation: { name: 'seen', task: 'summarization', data: { ...written, limit: 8 } },
    heads: { sample: 3, settings: { beams: 1 } },
    publish: { ...recipe.publish, to: 'writer' },
    output: 'written',
  })
  const { status, err } = await heed(['train', path, '--watch'])
  expect(status, err).toBe(0)
  expect(err).toMatch(/seen: ROUGE-L \d\.\d{4}/)
  const results = json<RecipeResults>('writer', 'results.json')
  expect(results.evaluation[0]!.found.scores[0]!.beside.map(({ name }) => name)).toEqual([
    'lead-1',
    'nearest',
  ])
  expect(results.heads!.heads).toHaveLength(10)
  expect(readFileSync(at('writer', 'heads.svg'), 'utf8')).toContain('cross 1')
  const frames = readFileSync(at('written', 'snapshots.jsonl'), 'utf8').trim().split('\n')
  const { layers } = JSON.parse(frames[0]!) as { layers: { heads: { filter: number[][] }[] }[] }
  // Only where the target looks at the source: fewer rows than columns.
  expect(layers).toHaveLength(2)
  const [{ filter }] = layers[0]!.heads as [{ filter: number[][] }]
  expect(filter.length).toBeLessThan(filter[0]!.length)
  expect(readFileSync(at('writer', 'report.html'), 'utf8')).toContain('id="frame-2"')
})

test('weights of more bytes than publish allows are no package', async () => {
  const path = write({
    output: 'large',
    publish: { ...recipe.publish, to: 'large-package', limitBytes: 1000 },
  })
  const { status, err } = await heed(['train', path])
  expect(status).toBe(2)
  expect(err).toMatch(/publish: expected weights of at most 1000 bytes/)
  expect(existsSync(at('large-package'))).toBe(false)
})

const data = recipe.data
test.each<[string, object, RegExp]>([
  ['a task', { task: 'text-clasification' }, /task to be one of .*did you mean "text-classification"/],
  ['no task', { task: undefined }, /task to be one of/],
  [
    'a field of training',
    { adapter: {} },
    /adapter .*it belongs into training: { "training": { "adapter": … } }/,
  ],
  ['a name', { taks: 'x' }, /taks to be one of the fields .*did you mean 'task'/],
  ['no start', { from: undefined }, /from to be either from, the path of a model, or new/],
  ['two starts', { new: {} }, /new to be either from, .*, found both/],
  [
    'a tokenizer',
    { from: undefined, new: {}, tokenizer: { train: 100, preset: 'T5' } },
    /tokenizer\.preset to be one of .*did you mean "t5"/,
  ],
  ['a tokenizer too many', { tokenizer: 'x' }, /tokenizer to be left out/],
  [
    'a source',
    { data: { train: [data.train, { pth: 'x' }] } },
    /data\.train\[1\]\.pth .*did you mean 'path'/,
  ],
  [
    'a part',
    { data: { train: { ...data.train, part: { by: 'x', of: 2, take: [2] } } } },
    /data\.train\.part\.take/,
  ],
  ['a variable', { from: '$NO_SUCH_VARIABLE/x' }, /from to be the environment variable NO_SUCH_VARIABLE/],
  [
    'steps and epochs',
    { training: { ...recipe.training, epochs: 1 } },
    /training\.steps to be there, or training\.epochs/,
  ],
  ['a rate', { training: { ...recipe.training, rate: -1 } }, /training\.rate to be a number above 0/],
  ['a group', { training: { ...recipe.training, groups: [1] } }, /training\.groups to be a list of objects/],
  ['an evaluation', { evaluation: [{ name: 'x' }] }, /the field evaluation\[0\]\.task/],
  [
    'the same evaluation twice',
    { evaluation: [recipe.evaluation, recipe.evaluation] },
    /names of their own, found 'held out' twice/,
  ],
  ['heads of nothing', { heads: {}, evaluation: undefined }, /heads to be left out where nothing/],
  ['heads of another', { heads: { evaluation: 'x' } }, /heads\.evaluation to be one of held out|held out/],
  ['an adapter of none', { publish: { ...recipe.publish, adapter: true } }, /publish\.adapter to be false/],
  ['the name of a package', { publish: { ...recipe.publish, name: 'No Name' } }, /publish\.name/],
  ['a head', { head: { lables: [] } }, /head with .*did you mean 'labels'/],
  ['an option of the objective', { objective: { maximun: 3 } }, /objective with .*did you mean 'maximum'/],
])('what makes no sense is refused: %s', async (name, changes, message) => {
  const { status, err } = await heed(['train', write({ output: `no ${name}`, ...changes }, 'bad.json')])
  expect(err).toMatch(message)
  expect(status).toBe(2)
})

test('data that make no sense are named by file and line', async () => {
  writeFileSync(at('wrong.csv'), 'premise,hypothesis,label\na,b,no\nc,d,maybe\n')
  const train = { ...source, path: 'wrong.csv' }
  const { status, err } = await heed(['train', write({ data: { train }, output: 'wrong' }, 'bad.json')])
  expect(err).toMatch(/a label of no, yes, found "maybe" \('.*wrong\.csv', line 3\)/)
  expect(status).toBe(2)
})
