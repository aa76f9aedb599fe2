/** The architectures that heed knows: by name, by `model_type` of the hub, by name in GGUF. */
import { nearest, UsageError } from '../base/index.js'
import type { CheckpointConfig } from '../checkpoint/index.js'
import type { Architecture, Design } from './architecture.js'
import { gemma2, gemma3, gpt2, gptNeoX, llama, olmo2, phi3, qwen2, qwen3 } from './decoder/index.js'
import { albert, bert, deberta, distilbert, electra, modernbert, mpnet, roberta } from './encoder/index.js'
import { bart, bergamot, m2m100, marian, mbart, pegasus, t5 } from './encoder-decoder/index.js'
import { blip, clip, deit, dinov2, siglip, visionEncoderDecoder, vit } from './vision/index.js'

/** Of whatever design and tree: each gets only designs that it made itself. */
const known: Architecture[] = [
  gpt2,
  gptNeoX,
  llama,
  qwen2,
  qwen3,
  gemma2,
  gemma3,
  phi3,
  olmo2,
  bert,
  roberta,
  distilbert,
  electra,
  mpnet,
  albert,
  deberta,
  modernbert,
  t5,
  bart,
  mbart,
  marian,
  m2m100,
  pegasus,
  bergamot,
  vit,
  deit,
  dinov2,
  clip,
  siglip,
  visionEncoderDecoder,
  blip,
] as unknown as Architecture[]

/** All architectures, in the order in which they were registered. */
export function architectures(): readonly Architecture[] {
  return known
}

/**
 * Adds an architecture, so that `loadModel` and everything after it knows its checkpoints. One of the same
 * `model_type` that was there before is replaced for that type.
 *
 * @throws UsageError for another architecture of this name
 */
export function registerArchitecture<D extends Design, M>(architecture: Architecture<D, M>): void {
  if (known.some(({ name }) => name === architecture.name))
    throw new UsageError({
      operation: 'registerArchitecture',
      expected: 'a name that no architecture has',
      found: `'${architecture.name}'`,
      hint: 'give it another name',
    })
  known.unshift(architecture as unknown as Architecture)
}

/**
 * The architecture that a configuration is of.
 *
 * @throws FormatError naming the nearest known type where there is none
 */
export function architectureOf(config: CheckpointConfig): Architecture {
  const { modelType } = config
  const found = known.find(({ modelTypes }) => modelTypes.includes(modelType))
  if (found !== undefined) return found
  const types = known.flatMap(({ modelTypes }) => modelTypes)
  const close = nearest(modelType, types)
  return config.json.member('model_type').refuse(`one of the model types ${types.join(', ')}`, {
    found: JSON.stringify(modelType.slice(0, 100)),
    hint:
      close === undefined
        ? 'add the architecture with registerArchitecture, or take another model'
        : `the nearest is '${close}'; or add the architecture with registerArchitecture`,
  })
}
