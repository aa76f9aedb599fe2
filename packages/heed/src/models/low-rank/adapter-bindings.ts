/**
 * Where changes of low rank stand in files of Python's library peft: under the names that the hub gives the
 * layers, so that an architecture's bindings say all of it.
 */
import type { Binding, Bindings } from '../../checkpoint/index.js'
import type { Adaptable } from './low-rank.js'
import { isLinear } from './low-rank.js'

/** What peft puts before the name of each tensor. */
export const peftPrefix = 'base_model.model.'
export const configFile = 'adapter_config.json'
export const weightsFile = 'adapter_model.safetensors'

/** The bindings of a model's leaves, and of its changes of low rank. */
export function adapterBindings({ leaves, ...rest }: Bindings): Bindings {
  return { ...rest, leaves: [...leaves, ...leaves.filter(isLinear).flatMap(changesOf)] }
}

/** peft keeps [rank, in] and [out, rank], however the layer's own weight lies. */
function changesOf(binding: Binding): Binding[] {
  const { path, axes, part, over } = binding
  const from = over!.join(' ')
  const to = axes.find((one) => one !== from)!
  const module = moduleOf(binding.file) ?? binding.file
  return [
    { path: `${path}.down`, file: `${module}.lora_A.weight`, axes: ['rank', from] },
    { path: `${path}.up`, file: `${module}.lora_B.weight`, axes: [to, 'rank'], part },
    // Of an output layer peft writes the weight below, too.
    { path: `${path}.base`, file: `${module}.base_layer.weight`, axes, part },
  ]
}

/** The module that a tensor is of, by the tensor's name; undefined where the name doesn't say. */
export function moduleOf(file: string): string | undefined {
  return /^(.+)\.(weight|bias)$/.exec(file)?.[1]
}

/**
 * Whether a tensor is a table that other parts of the model share. peft would train a copy for one of them
 * alone.
 */
export function isSharedTable({ architecture, config, model }: Adaptable, path: string): boolean {
  if (!/(^|\.)embedding\.weight$/.test(path)) return false
  if (architecture?.family === 'encoder') {
    const { head } = config as { readonly head?: { readonly tied?: boolean } }
    return head?.tied === true
  }
  if (architecture?.family === 'dual-encoder' || architecture?.family === 'vision-encoder') return false
  const hasHead = (model as { readonly head?: unknown }).head !== undefined
  return !hasHead || architecture?.family === 'encoder-decoder'
}
