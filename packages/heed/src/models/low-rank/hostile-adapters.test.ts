import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { FormatError, leavesOf, randomKey, StateError } from '../../base/index.js'
import { isModelWeight, type ModelWeight } from '../../checkpoint/index.js'
import { type StoredTensor, writeSafetensors } from '../../formats/index.js'
import { isLowRank } from '../../nn/index.js'
import { createDecoder, decoderConfig, loadAdapter, saveAdapter, withLowRank } from '../index.js'

const folder = mkdtempSync(join(tmpdir(), 'heed-hostile-adapters-'))
afterAll(() => rmSync(folder, { recursive: true }))
let made = 0

const config = decoderConfig({ vocabulary: 9, context: 8, width: 8, layers: 2, heads: 2, tied: false })
const model = createDecoder(config, randomKey(1))
const decoder = { architecture: undefined, config, model }

const numbers = (...shape: number[]): StoredTensor => ({
  dtype: 'f32',
  shape,
  data: new Float32Array(shape.reduce((count, size) => count * size, 1)).fill(0.5),
})
const plain = { peft_type: 'LORA', r: 2, lora_alpha: 4, target_modules: ['q_proj'] }
const query = 'base_model.model.model.layers.0.self_attn.q_proj'
const tensors = { [`${query}.lora_A.weight`]: numbers(2, 8), [`${query}.lora_B.weight`]: numbers(8, 2) }

/** An adapter's folder. */
function written(
  config: object | string | undefined,
  own: Readonly<Record<string, StoredTensor>> | Uint8Array | undefined,
): string {
  const path = mkdtempSync(join(folder, `${made++}-`))
  const text = typeof config === 'string' ? config : JSON.stringify(config)
  if (config !== undefined) writeFileSync(join(path, 'adapter_config.json'), text)
  const bytes = own instanceof Uint8Array ? own : own && writeSafetensors(new Map(Object.entries(own)))
  if (bytes !== undefined) writeFileSync(join(path, 'adapter_model.safetensors'), bytes)
  return path
}
/** The factors and ranks of a model's changes, by path. */
function changesOf(loaded: { readonly model: unknown }): (readonly [string, number, number])[] {
  return [...leavesOf<ModelWeight>(loaded.model, isModelWeight)].flatMap(([path, weight]) =>
    isLowRank(weight) ? [[path, weight.up.size('rank' as never), weight.scale] as const] : [],
  )
}
const queryPath = 'blocks.0.attention.query.weight'

test('the plain adapter is read', () => {
  expect(changesOf(loadAdapter(decoder, written(plain, tensors)))).toEqual([[queryPath, 2, 2]])
})

test.each([
  [{}, 2],
  [{ use_rslora: true }, 4 / Math.sqrt(2)],
  [{ alpha_pattern: { q_proj: 3 } }, 1.5],
  [{ alpha_pattern: { 'other.q_proj': 3 } }, 2],
  [{ alpha_pattern: { '^q_proj': 3 } }, 2],
  [{ alpha_pattern: { 'layers\\.\\d+\\.self_attn\\.q_proj': 3 } }, 1.5],
  [{ alpha_pattern: { 'layers.1.self_attn.q_proj': 3, 'model.layers.0.self_attn.q_proj': 5 } }, 2.5],
  [{ r: 7, rank_pattern: { q_proj: 2 } }, 2],
  [{ layers_to_transform: [0] }, 2],
  [{ layers_to_transform: 0, layers_pattern: 'layers' }, 2],
  [{ exclude_modules: ['k_proj'], lora_dropout: 0.1, bias: 'none', init_lora_weights: 'gaussian' }, 2],
  [{ target_modules: '.*q_proj', some_new_field: null, other: false }, 2],
])('%j gives the factor %f', (more, factor) => {
  expect(changesOf(loadAdapter(decoder, written({ ...plain, ...more }, tensors)))).toEqual([
    [queryPath, 2, factor],
  ])
})

test.each([
  [{ peft_type: 'IA3' }, /peft_type/],
  [{ bias: 'all' }, /bias/],
  [{ bias: 'lora_only' }, /bias/],
  [{ use_dora: true }, /use_dora/],
  [{ lora_bias: true }, /lora_bias/],
  [{ trainable_token_indices: [1, 2] }, /trainable_token_indices/],
  [{ layer_replication: [[0, 2]] }, /layer_replication/],
  [{ target_parameters: ['x'] }, /target_parameters/],
  [{ init_lora_weights: 'pissa' }, /init_lora_weights/],
  [{ ensure_weight_tying: true }, /ensure_weight_tying/],
  [{ a_field_of_tomorrow: 3 }, /a_field_of_tomorrow/],
  [{ r: 0 }, /\br\b/],
  [{ r: 3 }, /lora_A/],
  [{ rank_pattern: { q_proj: 3 } }, /lora_A/],
  [{ lora_alpha: -1 }, /lora_alpha/],
  [{ lora_alpha: '4' }, /lora_alpha/],
  [{ lora_dropout: 1 }, /lora_dropout/],
  [{ alpha_pattern: { '(q|v)_proj': 3 } }, /alpha_pattern/],
  [{ alpha_pattern: { '(a+)+$': 3 } }, /alpha_pattern/],
  [{ alpha_pattern: { q_proj: null } }, /alpha_pattern/],
  [{ target_modules: ['v_proj'] }, /q_proj/],
  [{ target_modules: [3] }, /target_modules/],
  [{ exclude_modules: ['q_proj'] }, /q_proj/],
  [{ layers_to_transform: [1] }, /q_proj/],
])('%j is refused by name', (more, message) => {
  const path = written({ ...plain, ...more }, tensors)
  expect(() => loadAdapter(decoder, path)).toThrow(FormatError)
  expect(() => loadAdapter(decoder, path)).toThrow(message)
})

const other = 'base_model.model.model.layers.7.self_attn.q_proj'
test.each([
  ['of another form', { ...tensors, [`${query}.lora_A.weight`]: numbers(2, 5) }, /lora_A/],
  ['of one number', { ...tensors, [`${query}.lora_A.weight`]: numbers() }, /lora_A/],
  ['without its half', { [`${query}.lora_B.weight`]: numbers(8, 2) }, /lora_A/],
  ['of a layer too many', { ...tensors, [`${other}.lora_A.weight`]: numbers(2, 8) }, /layers\.7/],
  ['of another model', { 'base_model.model.h.0.attn.c_attn.lora_A.weight': numbers(2, 8) }, /another model/],
  [
    'of embeddings',
    { ...tensors, 'base_model.model.model.embed_tokens.lora_embedding_A': numbers(2, 9) },
    /embed_tokens/,
  ],
  ['of DoRA', { ...tensors, [`${query}.lora_magnitude_vector`]: numbers(8) }, /magnitude/],
  ['without the prefix', { 'model.layers.0.self_attn.q_proj.lora_A.weight': numbers(2, 8) }, /base_model/],
  [
    'whole, though unnamed',
    { ...tensors, 'base_model.model.model.norm.weight': numbers(8) },
    /modules_to_save/,
  ],
  ['none at all', {}, /changes of low rank/],
])('tensors %s are refused', (_, own, message) => {
  const path = written(plain, own)
  expect(() => loadAdapter(decoder, path)).toThrow(FormatError)
  expect(() => loadAdapter(decoder, path)).toThrow(message)
})

test.each([
  ['no folder', join(folder, 'nowhere')],
  ['no weights', written(plain, undefined)],
  ['no configuration', written(undefined, tensors)],
  ['no JSON', written('{', tensors)],
  ['a list', written('[]', tensors)],
  ['deep JSON', written(`${'['.repeat(1e5)}`, tensors)],
  ['a long file', written(' '.repeat(2 ** 22 + 1), tensors)],
  ['half a file', written(plain, writeSafetensors(new Map(Object.entries(tensors))).subarray(0, 60))],
])('%s: a typed error', (_, path) => {
  expect(() => loadAdapter(decoder, path)).toThrow(FormatError)
})

test('an error of a missing file names the folder', () => {
  expect(() => loadAdapter(decoder, join(folder, 'nowhere'))).toThrow(/'.*nowhere', found no such folder/)
  expect(() => loadAdapter(decoder, folder)).toThrow(`the folder of an adapter, '${folder}', found none`)
})

test('a table that two parts share is not trained for one of them alone', async () => {
  const tied = decoderConfig({ vocabulary: 9, context: 8, width: 8, layers: 1, heads: 2, tied: true })
  const shared = { architecture: undefined, config: tied, model: createDecoder(tied, randomKey(1)) }
  const own = { ...tensors, 'base_model.model.model.embed_tokens.weight': numbers(9, 8) }
  const path = written({ ...plain, modules_to_save: ['embed_tokens'] }, own)
  expect(() => loadAdapter(shared, path)).toThrow(/share/)
  expect(
    leavesOf<ModelWeight>(loadAdapter(decoder, path).model, isModelWeight).get('embedding.weight'),
  ).not.toBe(model.embedding.weight)
  const adapted = withLowRank(shared, { targets: ['blocks'], trained: ['embedding'] })
  await expect(saveAdapter(join(folder, 'shared'), adapted)).rejects.toThrow(StateError)
  await expect(saveAdapter(join(folder, 'plain'), decoder)).rejects.toThrow(StateError)
})
