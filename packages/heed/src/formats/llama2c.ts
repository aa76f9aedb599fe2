/**
 * The legacy layout of llama2.c (github.com/karpathy/llama2.c, `export.py`, version 0): seven numbers of 32
 * bits, and the weights of a Llama in f32, in a fixed order and without names. There is no other mark: a file
 * is one where its size is exactly what the seven numbers say.
 *
 *     width  hidden  layers  heads  key/value heads  vocabulary (negative: with an own output)  context
 *
 * The rows of queries and keys lie in rotary pairs there, and in halves in the hub's layout.
 */
import { FormatError } from '../base/index.js'
import type { FileBytes } from './bytes-in-memory.js'
import { DenseTensor } from './dense-tensor.js'
import type { FileTensors } from './file-tensor.js'

const headerBytes = 28
/** Many times what any model has. */
const mostLayers = 2 ** 10
/** What llama2.c takes for granted. */
const fixed = { rms_norm_eps: 1e-5, rope_theta: 10000, hidden_act: 'silu', bos_token_id: 1, eos_token_id: 2 }

/** A file of llama2.c, as the hub would have it. */
export interface Llama2cFile extends FileTensors {
  readonly format: 'llama2.c'
  /** The hub's names, shapes and order of rows, all in f32. */
  readonly tensors: ReadonlyMap<string, DenseTensor>
  /** The hub's `config.json`, as text. */
  readonly config: string
}

interface Sizes {
  readonly width: number
  readonly hidden: number
  readonly layers: number
  readonly heads: number
  readonly keyHeads: number
  readonly vocabulary: number
  readonly context: number
  /** Whether the embedding is the output as well. */
  readonly tied: boolean
}

/** One kind of weight, which stands in the file for all layers together, or once. */
interface Part {
  /** The hub's name; `#` is the layer's number. undefined: a table that is computed instead. */
  readonly name?: string
  readonly shape: readonly number[]
  /** How many heads' rows are in rotary pairs. */
  readonly pairs?: number
}

/** Whether a file can be one of llama2.c: its size is what its first numbers say. */
export function isLlama2c(bytes: FileBytes): boolean {
  const sizes = sizesOf(bytes)
  return sizes !== undefined && bytes.length === lengthOf(partsOf(sizes), sizes)
}

/**
 * The tensors of a file in the legacy layout of llama2.c, whose bytes must not change from here on.
 *
 * @throws FormatError where it is none
 */
export function llama2cIn(bytes: FileBytes): Llama2cFile {
  const sizes = sizesOf(bytes)
  const parts = sizes === undefined ? [] : partsOf(sizes)
  if (sizes === undefined || bytes.length !== lengthOf(parts, sizes))
    throw new FormatError({
      operation: 'readLlama2c',
      expected: 'a file in the legacy layout of llama2.c, as long as its first seven numbers say',
      found: sizes === undefined ? 'other numbers' : `${bytes.length} bytes, not ${lengthOf(parts, sizes)}`,
      hint: "the file is cut short, or something else; 'python export.py OUT.bin --version 0 …' writes that layout",
      file: bytes.path,
      offset: 0,
    })
  const found = new Map<string, DenseTensor>()
  let at = headerBytes
  for (const { name, shape, pairs } of parts) {
    const length = bytesOf(shape)
    for (let layer = 0; layer < (name?.includes('#') === true ? sizes.layers : 1); layer++) {
      const own = name?.replace('#', String(layer))
      if (own !== undefined)
        found.set(
          own,
          pairs === undefined
            ? new DenseTensor('f32', shape, { bytes, begin: at, end: at + length, name: own })
            : new DenseTensor('f32', shape, {
                bytes: inHalves(bytes, at, length, shape, pairs),
                begin: 0,
                end: length,
                name: own,
              }),
        )
      at += length
    }
  }
  const tensors = new Map(hubOrder(sizes).map((name) => [name, found.get(name)!] as const))
  return { format: 'llama2.c', tensors, config: configOf(sizes) }
}

/** What the first numbers say; undefined where no Llama has such sizes. */
function sizesOf(bytes: FileBytes): Sizes | undefined {
  if (bytes.length < headerBytes) return undefined
  const first = bytes.slice(0, headerBytes)
  const view = new DataView(first.buffer, first.byteOffset, headerBytes)
  const [width, hidden, layers, heads, keyHeads, vocabulary, context] = Array.from({ length: 7 }, (_, i) =>
    view.getInt32(4 * i, true),
  ) as [number, number, number, number, number, number, number]
  const areSizes = [width, hidden, layers, heads, keyHeads, Math.abs(vocabulary), context].every((x) => x > 0)
  const fits = layers <= mostLayers && width % (2 * heads) === 0 && heads % keyHeads === 0
  if (!areSizes || !fits) return undefined
  const tied = vocabulary > 0
  return { width, hidden, layers, heads, keyHeads, vocabulary: Math.abs(vocabulary), context, tied }
}

/** What follows the header, in the file's order. */
function partsOf({ width, hidden, heads, keyHeads, vocabulary, context, tied }: Sizes): readonly Part[] {
  const half = width / heads / 2
  const keyWidth = 2 * half * keyHeads
  const layer = 'model.layers.#.'
  return [
    { name: 'model.embed_tokens.weight', shape: [vocabulary, width] },
    { name: `${layer}input_layernorm.weight`, shape: [width] },
    { name: `${layer}self_attn.q_proj.weight`, shape: [width, width], pairs: heads },
    { name: `${layer}self_attn.k_proj.weight`, shape: [keyWidth, width], pairs: keyHeads },
    { name: `${layer}self_attn.v_proj.weight`, shape: [keyWidth, width] },
    { name: `${layer}self_attn.o_proj.weight`, shape: [width, width] },
    { name: `${layer}post_attention_layernorm.weight`, shape: [width] },
    { name: `${layer}mlp.gate_proj.weight`, shape: [hidden, width] },
    { name: `${layer}mlp.down_proj.weight`, shape: [width, hidden] },
    { name: `${layer}mlp.up_proj.weight`, shape: [hidden, width] },
    { name: 'model.norm.weight', shape: [width] },
    { shape: [context, half] }, // cosines
    { shape: [context, half] }, // sines
    ...(tied ? [] : [{ name: 'lm_head.weight', shape: [vocabulary, width] }]),
  ]
}

/** The names in the order of the hub's model. */
function hubOrder({ layers, tied }: Sizes): string[] {
  const parts = ['q_proj', 'k_proj', 'v_proj', 'o_proj'].map((part) => `self_attn.${part}`)
  parts.push('mlp.gate_proj', 'mlp.up_proj', 'mlp.down_proj', 'input_layernorm', 'post_attention_layernorm')
  const inLayers = Array.from({ length: layers }, (_, i) =>
    parts.map((part) => `model.layers.${i}.${part}.weight`),
  )
  return [
    'model.embed_tokens.weight',
    ...inLayers.flat(),
    'model.norm.weight',
    ...(tied ? [] : ['lm_head.weight']),
  ]
}

function bytesOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 4)
}

function lengthOf(parts: readonly Part[], { layers }: Sizes): number {
  return parts.reduce(
    (sum, { name, shape }) => sum + bytesOf(shape) * (name?.includes('#') === true ? layers : 1),
    headerBytes,
  )
}

/**
 * A weight with each head's rows in halves, the first of all pairs and then the second ones, where the file
 * at `start` has them in pairs.
 */
function inHalves(
  file: FileBytes,
  start: number,
  length: number,
  [rows, width]: readonly number[],
  heads: number,
): FileBytes {
  const rowBytes = 4 * width!
  const headRows = rows! / heads
  const copy = (begin: number, target: Uint8Array): void => {
    for (let done = 0; done < target.length;) {
      const row = Math.floor((begin + done) / rowBytes)
      const within = (begin + done) % rowBytes
      const place = row % headRows
      const half = headRows / 2
      const from = row - place + (place < half ? 2 * place : 2 * (place - half) + 1)
      const part = target.subarray(done, done + rowBytes - within)
      file.copy(start + from * rowBytes + within, part)
      done += part.length
    }
  }
  const slice = (begin: number, end: number): Uint8Array => {
    const bytes = new Uint8Array(end - begin)
    copy(begin, bytes)
    return bytes
  }
  return { length, path: file.path, slice, copy }
}

function configOf({ width, hidden, layers, heads, keyHeads, vocabulary, context, tied }: Sizes): string {
  const config = {
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    vocab_size: vocabulary,
    hidden_size: width,
    intermediate_size: hidden,
    num_hidden_layers: layers,
    num_attention_heads: heads,
    num_key_value_heads: keyHeads,
    max_position_embeddings: context,
    tie_word_embeddings: tied,
    attention_bias: false,
    mlp_bias: false,
    ...fixed,
    torch_dtype: 'float32',
  }
  return `${JSON.stringify(config, undefined, 1)}\n`
}
