import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { FormatError, randomKey, readJson } from '../../base/index.js'
import { CheckpointConfig, describing, ggufMetadata, treeTensors } from '../../checkpoint/index.js'
import { ggufBytes, ggufNumbers, type StoredTensor, writeSafetensors } from '../../formats/index.js'
import { normalInitializer } from '../../nn/index.js'
import { scope, tensor } from '../../tensor/index.js'
import {
  type Architecture,
  architectureOf,
  createEncoderDecoder,
  type EncoderDecoder,
  type EncoderDecoderDesign,
  encodeSource,
  type LoadedEncoderDecoder,
  ofFamily,
  readModel,
  saveModel,
  t5,
  targetLogits,
} from '../index.js'

// Files in the hub's layout, made here: what is written is read, in each spelling; what is wrong is named.

const likeBart = {
  vocab_size: 12,
  d_model: 8,
  encoder_layers: 2,
  decoder_layers: 1,
  encoder_attention_heads: 2,
  decoder_attention_heads: 4,
  encoder_ffn_dim: 6,
  decoder_ffn_dim: 5,
  max_position_embeddings: 10,
}
const likeT5 = {
  vocab_size: 12,
  d_model: 8,
  d_kv: 3,
  d_ff: 6,
  num_layers: 2,
  num_decoder_layers: 1,
  num_heads: 2,
  relative_attention_num_buckets: 6,
}
type Config = Readonly<Record<string, unknown>>
const configs: Readonly<Record<string, Config>> = {
  t5: { model_type: 't5', ...likeT5 },
  'flan-t5': {
    model_type: 't5',
    ...likeT5,
    feed_forward_proj: 'gated-gelu',
    tie_word_embeddings: false,
  },
  mt5: { model_type: 'mt5', ...likeT5, tie_word_embeddings: false },
  bart: { model_type: 'bart', ...likeBart, normalize_embedding: true, static_position_embeddings: false },
  mbart: { model_type: 'mbart', ...likeBart, add_final_layer_norm: true, normalize_before: true },
  marian: { model_type: 'marian', ...likeBart, pad_token_id: 11, decoder_start_token_id: 11 },
  'marian, two vocabularies': {
    model_type: 'marian',
    ...likeBart,
    share_encoder_decoder_embeddings: false,
    decoder_vocab_size: 9,
  },
  'marian, two vocabularies and an output': {
    model_type: 'marian',
    ...likeBart,
    share_encoder_decoder_embeddings: false,
    tie_word_embeddings: false,
  },
  m2m100: { model_type: 'm2m_100', ...likeBart },
  pegasus: { model_type: 'pegasus', ...likeBart, static_position_embeddings: true },
}

const folders: string[] = []
afterAll(() => folders.forEach((folder) => rmSync(folder, { recursive: true })))

function folderOf(config: unknown, tensors: ReadonlyMap<string, StoredTensor>): string {
  const folder = mkdtempSync(join(tmpdir(), 'heed-encoder-decoder-'))
  folders.push(folder)
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config))
  writeFileSync(join(folder, 'model.safetensors'), writeSafetensors(tensors, new Map()))
  return folder
}

interface Made {
  readonly design: EncoderDecoderDesign
  readonly model: EncoderDecoder
  readonly tensors: Map<string, StoredTensor>
}

function designOf(config: Config): { design: EncoderDecoderDesign; architecture: Architecture } {
  const bytes = new TextEncoder().encode(JSON.stringify(config))
  const read = new CheckpointConfig(readJson(bytes, { operation: 'loadModel' }))
  const architecture = architectureOf(read)
  const design = architecture.design(read) as EncoderDecoderDesign
  read.end()
  return { design, architecture }
}

function make(config: Config): Made {
  const { design, architecture } = designOf(config)
  const model = createEncoderDecoder(design, randomKey(5), { initializer: normalInitializer(0.4) })
  return { design, model, tensors: new Map(treeTensors(model, architecture.bindings(design))) }
}

const load = (folder: string): LoadedEncoderDecoder => ofFamily(readModel(folder), 'encoder-decoder')
const logitsOf = ({ model, design }: Pick<Made, 'model' | 'design'>): number[] =>
  scope(() => {
    const ids = (list: readonly number[]): ReturnType<typeof tensor<'batch' | 'position'>> =>
      tensor(list, { batch: 1, position: list.length }, { dtype: 'i32' })
    const source = encodeSource(model, design, ids([4, 7, 2]))
    return [...targetLogits(model, design, ids([0, 3, 5, 8]), source).values()]
  })
const loadedLogits = (folder: string): number[] => {
  const { model, config } = load(folder)
  return logitsOf({ model, design: config })
}
/** But for the order of sums, which is another where a file keeps axes in another order. */
const expectSame = (found: readonly number[], expected: readonly number[]): void => {
  expect(found.length).toBe(expected.length)
  expect(Math.max(...found.map((x, i) => Math.abs(x - expected[i]!)))).toBeLessThan(1e-5)
}
const refusal = (work: () => unknown): string => {
  try {
    work()
  } catch (error) {
    expect(error).toBeInstanceOf(FormatError)
    return (error as Error).message
  }
  return 'not refused'
}

describe.each(Object.entries(configs))('%s', (_, config) => {
  test('is read as it was written, and written again', async () => {
    const made = make(config)
    const folder = folderOf(config, made.tensors)
    expectSame(loadedLogits(folder), logitsOf(made))
    const again = mkdtempSync(join(tmpdir(), 'heed-encoder-decoder-'))
    folders.push(again)
    await saveModel(again, load(folder))
    expect(loadedLogits(again).join()).toBe(loadedLogits(folder).join())
  })

  test('quantized weights give nearly the same', () => {
    const made = make(config)
    const folder = folderOf(config, made.tensors)
    const exact = logitsOf(made)
    for (const [weights, tolerance] of [
      ['bf16', 0.1],
      ['int8', 0.3],
    ] as const) {
      const { model, config: design } = ofFamily(readModel(folder, { weights }), 'encoder-decoder')
      const found = logitsOf({ model: model as EncoderDecoder, design })
      const worst = Math.max(...found.map((x, i) => Math.abs(x - exact[i]!)))
      expect(worst).toBeLessThan(tolerance)
      expect(worst).toBeGreaterThan(0)
    }
  })

  test('a tensor that is missing, one too many, and one of another shape are named', () => {
    const { tensors } = make(config)
    const names = [...tensors.keys()].filter((name) => name !== 'final_logits_bias')
    for (const name of names) {
      const less = new Map(tensors)
      less.delete(name)
      expect(refusal(() => load(folderOf(config, less)))).toContain(`'${name}'`)
    }
    const more = new Map([...tensors, ['model.encoder.extra.weight', tensors.get(names[0]!)!]])
    expect(refusal(() => load(folderOf(config, more)))).toContain("'model.encoder.extra.weight'")
    const [first] = names as [string]
    const { shape, data } = tensors.get(first)!
    const other = new Map([...tensors, [first, { dtype: 'f32' as const, shape: [data.length], data }]])
    expect(refusal(() => load(folderOf(config, other as Map<string, StoredTensor>)))).toContain(
      `'${first}' of shape [${shape.join(', ')}]`,
    )
  })

  test('a field that is not handled is named', () => {
    expect(refusal(() => designOf({ ...config, d_modle: 3 }))).toMatch(/d_modle.*did you mean 'd_model'/s)
    expect(refusal(() => designOf({ ...config, adapters: { rank: 3 } }))).toContain('adapters')
    expect(refusal(() => designOf({ ...config, architectures: ['BartForCausalLM'] }))).toContain(
      'BartForCausalLM',
    )
  })
})

test('a configuration that makes no sense is refused, whatever it is', () => {
  const wrong: readonly Config[] = [
    { d_model: -8 },
    { encoder_attention_heads: 3 },
    { d_model: 1e9 },
    { d_model: '8' },
    { encoder_layers: 1e9 },
    { decoder_layers: 0 },
    { decoder_attention_heads: 3 },
    { encoder_ffn_dim: 1.5 },
    { max_position_embeddings: -1 },
    { vocab_size: null, d_model: [] },
    { pad_token_id: -1 },
    { pad_token_id: 12 },
    { decoder_start_token_id: 0.5 },
    { decoder_start_token_id: 12 },
    { activation_function: '__proto__' },
    { scale_embedding: 1 },
    { add_bias_logits: true },
    { normalize_before: true },
    { tie_word_embeddings: false },
  ]
  for (const fields of wrong)
    expect(
      refusal(() => designOf({ ...configs['bart'], ...fields })),
      JSON.stringify(fields),
    ).toMatch(new RegExp(Object.keys(fields).at(-1)!))
  const wrongT5: readonly Config[] = [
    { relative_attention_num_buckets: 5 },
    { relative_attention_num_buckets: 1e6 },
    { relative_attention_max_distance: 2 },
    { feed_forward_proj: 'constructor' },
    { feed_forward_proj: 'gated-' },
    { d_kv: 0 },
    { layer_norm_epsilon: 0 },
    { num_decoder_layers: 2 ** 31 },
  ]
  for (const fields of wrongT5)
    expect(
      refusal(() => designOf({ ...configs['t5'], ...fields })),
      JSON.stringify(fields),
    ).toMatch(new RegExp(Object.keys(fields)[0]!))
  expect(refusal(() => designOf({ ...configs['marian'], decoder_vocab_size: 9 }))).toContain(
    'decoder_vocab_size',
  )
})

test('any change to a configuration gives a model or an error of the file', () => {
  const fields = [...new Set(Object.values(configs).flatMap((config) => Object.keys(config)))]
  const value = fc.oneof(fc.jsonValue({ maxDepth: 2 }), fc.integer(), fc.double(), fc.constant(1e308))
  fc.assert(
    fc.property(
      fc.constantFrom(...Object.values(configs)),
      fc.dictionary(fc.constantFrom(...fields, 'extra', 'scale_embedding', 'pad_token_id'), value, {
        maxKeys: 3,
      }),
      (config, changed) => {
        try {
          const { design, architecture } = designOf({ ...config, ...changed })
          // Sizes that make sense: what stands in files is described, and nothing is made.
          architecture.create(design, randomKey(1), { initializer: describing })
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError)
        }
      },
    ),
    { numRuns: 500 * Number(process.env.HEED_LONG ?? 1) },
  )
})

describe("T5's output", () => {
  const newer = { model_type: 't5', ...likeT5, scale_decoder_outputs: false, tie_word_embeddings: true }

  test('is its own where files that say nothing of it have one, else the embedding, and not scaled', () => {
    const made = make(newer)
    expectSame(loadedLogits(folderOf(newer, made.tensors)), logitsOf(made))
    const without = new Map(made.tensors)
    without.delete('lm_head.weight')
    const { head: _, ...model } = made.model
    expectSame(loadedLogits(folderOf(newer, without)), logitsOf({ model, design: made.design }))
  })
})

describe.each(['t5', 'flan-t5'])('%s in GGUF', (name) => {
  test('has the names and sizes of llama.cpp, and is read', () => {
    const config = { ...configs[name]!, relative_attention_max_distance: 9 }
    const { design, model } = make(config)
    const { metadata } = ggufMetadata({ vocab_size: 12, ...config })
    const tensors = treeTensors(model, t5.bindings(design), { format: 'gguf' })
    for (const wanted of [
      'token_embd.weight',
      'enc.blk.0.attn_rel_b.weight',
      'enc.blk.1.attn_q.weight',
      'enc.blk.1.ffn_norm.weight',
      'enc.output_norm.weight',
      'dec.blk.0.attn_o.weight',
      'dec.blk.0.attn_rel_b.weight',
      'dec.blk.0.cross_attn_norm.weight',
      'dec.blk.0.cross_attn_v.weight',
      'dec.blk.0.ffn_up.weight',
      'dec.output_norm.weight',
      ...(name === 't5' ? [] : ['dec.blk.0.ffn_gate.weight', 'output.weight']),
    ])
      expect(tensors.has(wanted), wanted).toBe(true)
    const folder = mkdtempSync(join(tmpdir(), 'heed-encoder-decoder-'))
    folders.push(folder)
    const file = join(folder, 'model.gguf')
    writeFileSync(
      file,
      ggufBytes({
        metadata,
        tensors: new Map(
          [...tensors].map(([at, one]) => [at, ggufNumbers(one.shape, () => one.toFloat32())]),
        ),
      }),
    )
    expectSame(loadedLogits(file), logitsOf({ model, design }))
  })
})

describe('spellings', () => {
  const { tensors, ...made } = make(configs['bart']!)
  const shared = tensors.get('model.shared.weight')!

  test('names without a prefix, of a class without the output and its bias', () => {
    const bare = new Map(
      [...tensors]
        .filter(([name]) => name !== 'final_logits_bias')
        .map(([name, stored]) => [name.replace(/^model\./, ''), stored]),
    )
    const found = loadedLogits(folderOf({ ...configs['bart'], architectures: ['BartModel'] }, bare))
    // The bias is 0 before training.
    expectSame(found, logitsOf(made))
  })

  test('copies of the embedding, versions and computed positions are left aside', () => {
    const pegasus = make(configs['pegasus']!)
    const positions: StoredTensor = { dtype: 'f32', shape: [10, 8], data: new Float32Array(80) }
    const more = new Map<string, StoredTensor>([
      ...pegasus.tensors,
      ['lm_head.weight', shared],
      ['model.encoder.embed_tokens.weight', shared],
      ['model.decoder.embed_tokens.weight', shared],
      ['model.encoder.version', { dtype: 'f32', shape: [1], data: new Float32Array([3]) }],
      ['model.encoder.embed_positions.weight', positions],
      ['model.decoder.embed_positions.weight', positions],
    ])
    expectSame(loadedLogits(folderOf(configs['pegasus'], more)), logitsOf(pegasus))
  })
})
