/** The configuration of a model between GGUF's metadata and the hub's `config.json`. */
import { FormatError, nearest, UsageError } from '../base/index.js'
import type { FileTensor, Gguf, GgufValue } from '../formats/index.js'
import { type GgufArchitecture, ggufArchitectures } from './gguf-architectures.js'
import { GgufFacts, GgufValues, type HubConfig } from './gguf-facts.js'

/** The class that the hub's `architectures` names for a `model_type`. */
const classNames: Readonly<Record<string, string>> = {
  llama: 'LlamaForCausalLM',
  qwen2: 'Qwen2ForCausalLM',
  qwen3: 'Qwen3ForCausalLM',
  gemma2: 'Gemma2ForCausalLM',
  gemma3_text: 'Gemma3ForCausalLM',
  phi3: 'Phi3ForCausalLM',
  olmo2: 'Olmo2ForCausalLM',
  gpt2: 'GPT2LMHeadModel',
  gpt_neox: 'GPTNeoXForCausalLM',
  bert: 'BertModel',
  t5: 'T5ForConditionalGeneration',
}
const specials = ['bos', 'eos', 'pad'] as const
const ggufSpecials = { bos: 'bos', eos: 'eos', pad: 'padding' } as const

/**
 * What the file's architecture is, as heed's table has it.
 *
 * @throws FormatError for one that isn't there, with the nearest that is
 */
export function ggufArchitectureOf(metadata: Gguf): GgufArchitecture {
  const key = 'general.architecture'
  const name = metadata.string(key)
  const known = name === undefined ? undefined : ggufArchitectures.get(name)
  if (known !== undefined) return known
  const names = [...ggufArchitectures.keys()]
  const close = nearest(name ?? '', names)
  throw new FormatError({
    operation: 'hubConfig',
    expected: `${key}, one of ${names.join(', ')}`,
    found: name === undefined ? 'none' : `'${name.slice(0, 60)}'`,
    hint: close === undefined ? 'take a model of one of these' : `the nearest is '${close}'`,
  })
}

/**
 * The hub's `config.json` of the model in a GGUF file. What the file doesn't say is what llama.cpp assumes.
 *
 * @param tensors of the file: which there are says whether the output is tied, and where there are biases
 * @throws FormatError for an architecture that heed doesn't know, and for values that are missing or that no
 * configuration of the hub has
 */
export function hubConfig(metadata: Gguf, tensors: ReadonlyMap<string, FileTensor>): Record<string, unknown> {
  const architecture = ggufArchitectureOf(metadata)
  const { name, fields, hub, modelTypes } = architecture
  const facts = new GgufFacts(name, metadata, tensors)
  const type = modelTypes[0]!
  const config: Record<string, unknown> = { model_type: type, architectures: [classNames[type]] }
  for (const [field, key, kind, absent] of fields) {
    const isId = key.endsWith('_token_id')
    config[field] = kind === 'u32' && !isId ? facts.count(key, absent) : facts.number(key, absent)
  }
  Object.assign(config, hub(facts))
  for (const special of specials) {
    const id = facts.optional(`tokenizer.ggml.${ggufSpecials[special]}_token_id`)
    if (id !== undefined) config[`${special}_token_id`] = id
  }
  return config
}

/** How states become one vector, as llama.cpp numbers it (`llama_pooling_type`). */
const poolings = ['none', 'mean', 'cls', 'last', 'rank'] as const
/** How a sentence encoder's GGUF file makes one vector of its tokens' (`pooling_type`). */
export type GgufPooling = (typeof poolings)[number]

/**
 * What a GGUF file of a sentence encoder says of its pooling; undefined where it says nothing.
 *
 * @throws FormatError for a number that stands for none
 */
export function ggufPooling(metadata: Gguf): GgufPooling | undefined {
  const key = `${ggufArchitectureOf(metadata).name}.pooling_type`
  const type = metadata.number(key)
  if (type === undefined) return undefined
  return poolings[type] ?? metadata.refuse(key, `a whole number up to ${poolings.length - 1}`, type)
}

/** What a GGUF file says of a model beside its tokenizer. */
export interface GgufModel {
  readonly architecture: GgufArchitecture
  readonly metadata: Map<string, GgufValue>
  /** Vectors that belong among the tensors, in F32: factors of rotary frequencies. */
  readonly vectors: Map<string, Float32Array>
}

/**
 * The metadata of a GGUF file for a model of the hub: `general.architecture`, sizes and what else llama.cpp
 * reads of it. Numbers that are floats become f32.
 *
 * @param pooling of a sentence encoder
 * @throws UsageError for a `model_type` that GGUF has no architecture for, and for fields that it can't say
 */
export function ggufMetadata(config: HubConfig, pooling?: GgufPooling): GgufModel {
  const type = config['model_type']
  const all = [...ggufArchitectures.values()]
  const architecture = all.find(({ modelTypes }) => modelTypes.includes(String(type)))
  if (architecture === undefined)
    throw new UsageError({
      operation: 'ggufMetadata',
      expected: `a model_type of ${all.flatMap(({ modelTypes }) => modelTypes).join(', ')}`,
      found: JSON.stringify(type) ?? 'none',
      hint: 'save the model as safetensors',
    })
  const to = new GgufValues(architecture.name, config)
  for (const [field, key, kind, absent] of architecture.fields) {
    // None is not the same as what is assumed.
    if (config[field] === null) to.refuse(field, 'a number', 'null')
    to.set(key, kind, to.number(field, absent))
  }
  architecture.gguf(to)
  for (const special of specials) {
    const given = to.field(`${special}_token_id`)
    const id: unknown = Array.isArray(given) ? given[0] : given
    if (typeof id === 'number') to.set(`tokenizer.ggml.${ggufSpecials[special]}_token_id`, 'u32', id)
  }
  if (pooling !== undefined) to.set('pooling_type', 'u32', poolings.indexOf(pooling))
  return { architecture, metadata: to.values, vectors: to.vectors }
}
