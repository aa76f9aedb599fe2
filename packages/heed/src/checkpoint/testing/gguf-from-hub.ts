/**
 * A checkpoint of the hub as a GGUF file, tensor by tensor, as llama.cpp's own conversion does it: another
 * way than bindings, which tests hold them to.
 */
import {
  type FileTensor,
  type GgufContent,
  type GgufEntry,
  ggufNumbers,
  ggufTypeFor,
} from '../../formats/index.js'
import { ggufMetadata, type HubConfig } from '../index.js'
import { type GgufLayout, ggufLayouts } from './gguf-layouts.js'

/** Tensors that files of the hub have beside the weights. */
const besides =
  /rotary_emb\.inv_freq$|\.attn\.(masked_)?bias$|\.attention\.(masked_)?bias$|position_ids$|^cls\.|^qa_outputs/

/**
 * What `writeGguf` writes for a checkpoint of the hub.
 *
 * @param tensors by the hub's names
 * @param type what matrices are stored as
 */
export function ggufFromHub(
  config: HubConfig,
  tensors: ReadonlyMap<string, FileTensor>,
  type = 'F32',
): GgufContent {
  const { architecture, metadata, vectors } = ggufMetadata(config)
  const layout = ggufLayouts[architecture.name]!
  const names = hubNames(layout)
  const entries = new Map<string, GgufEntry>()
  for (const [name, tensor] of tensors) {
    if (besides.test(name)) continue
    const own = names(name)
    if (own === undefined) throw new Error(`no name for ${name}`)
    if (own === 'output.weight' && config['tie_word_embeddings'] === true) continue
    if (!entries.has(own)) entries.set(own, entryOf(own, tensor, layout, config, type))
  }
  for (const [name, numbers] of vectors) entries.set(name, ggufNumbers([numbers.length], numbers))
  return { metadata, tensors: entries }
}

/** From a name in the hub, with prefix or without, to GGUF's. */
export function hubNames({ names }: GgufLayout): (name: string) => string | undefined {
  const byHub = new Map<string, string>()
  for (const [gguf, ...hub] of names)
    for (const name of hub) {
      byHub.set(name, gguf)
      const bare = name.replace(/^(model|transformer|gpt_neox|bert)\./, '')
      if (!byHub.has(bare)) byHub.set(bare, gguf)
    }
  return (name) => {
    const [, stem, kind] = /^(.*)\.(weight|bias|gamma|beta)$/.exec(name) ?? []
    if (stem === undefined) return undefined
    const number = /(?<=(?:layers?|h|block)\.)\d+/.exec(stem)?.[0]
    const found = byHub.get(number === undefined ? stem : stem.replace(/(?<=(?:layers?|h|block)\.)\d+/, '#'))
    const suffix = kind === 'bias' || kind === 'beta' ? 'bias' : 'weight'
    return found && `${found.replace('#', number ?? '#')}.${suffix}`
  }
}

function entryOf(
  name: string,
  tensor: FileTensor,
  layout: GgufLayout,
  config: HubConfig,
  type: string,
): GgufEntry {
  const { transposed, normOffset, fused, rotaryRows } = layout
  const isMap = /\.(attn_\w+|ffn_\w+)\.weight$/.test(name) && tensor.shape.length === 2
  const shape = transposed === true && isMap ? tensor.shape.toReversed() : tensor.shape
  const width = shape.length < 2 ? 1 : shape.at(-1)!
  const isTable = /^(position_embd|token_types)|attn_rel_b/.test(name)
  const count = (field: string, absent?: number): number => (config[field] ?? absent) as number
  const numbers = (): Float32Array => {
    const own = tensor.toFloat32()
    if (transposed === true && isMap) return transpose(own, tensor.shape[0]!, tensor.shape[1]!)
    if (normOffset === 1 && name.endsWith('norm.weight')) return own.map((number) => number + 1)
    if (rotaryRows === 'pairs' && /attn_[qk]\.(weight|bias)$/.test(name)) {
      const all = count('num_attention_heads')
      const heads = name.includes('attn_k') ? count('num_key_value_heads', all) : all
      return moved(own, width, (row) => {
        // Rows i and i + half of a head become 2 i and 2 i + 1.
        const rows = shape[0]! / heads
        const [head, place] = [Math.floor(row / rows), row % rows]
        return head * rows + (place >> 1) + (place & 1) * (rows / 2)
      })
    }
    if (fused === 'joined' && name.includes('attn_qkv')) {
      const heads = count('num_attention_heads')
      const rows = shape[0]! / (3 * heads)
      return moved(own, width, (row) => {
        const part = Math.floor(row / (heads * rows))
        const head = Math.floor((row % (heads * rows)) / rows)
        return (3 * head + part) * rows + (row % rows)
      })
    }
    return own
  }
  return ggufNumbers(shape, numbers, isTable ? 'F32' : ggufTypeFor(shape, type))
}

/** Rows in another order: row r of the result is row `from(r)`. */
function moved(numbers: Float32Array, width: number, from: (row: number) => number): Float32Array {
  const result = new Float32Array(numbers.length)
  for (let row = 0; row * width < numbers.length; row++) {
    const start = from(row) * width
    result.set(numbers.subarray(start, start + width), row * width)
  }
  return result
}

function transpose(numbers: Float32Array, rows: number, columns: number): Float32Array {
  const result = new Float32Array(numbers.length)
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++)
      result[column * rows + row] = numbers[row * columns + column]!
  return result
}
