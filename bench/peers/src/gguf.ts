/** Writes a decoder of GPT-2's build as a GGUF file, version 3 (ggml/docs/gguf.md): only what the benches need. */
import { closeSync, openSync, writeSync } from 'node:fs'
import type { DecodeWork, Inputs, Values, WeightFormat } from '../../dist/peer.js'
import { joinedRoles, type Weights } from './onnx-layer.js'
import { halfBits, isQuantized, quantizeBlock } from './quantize.js'

const alignment = 32
const types: Readonly<Record<WeightFormat, number>> = { f32: 0, f16: 1, q4_0: 2, q8_0: 8 }

const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}
const u64 = (value: number): Buffer => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt(value))
  return bytes
}
const f32 = (value: number): Buffer => Buffer.from(Float32Array.of(value).buffer)
const text = (value: string): Buffer => {
  const bytes = Buffer.from(value)
  return Buffer.concat([u64(bytes.length), bytes])
}

/** One entry of the metadata; numbers of types as the format has them. */
const entry = {
  u32: (key: string, value: number) => Buffer.concat([text(key), u32(4), u32(value)]),
  f32: (key: string, value: number) => Buffer.concat([text(key), u32(6), f32(value)]),
  text: (key: string, value: string) => Buffer.concat([text(key), u32(8), text(value)]),
  texts: (key: string, values: string[]) =>
    Buffer.concat([text(key), u32(9), u32(8), u64(values.length), ...values.map(text)]),
}

/** Rows of `columns` numbers each, in a format. */
function encoded(values: (at: number) => number, count: number, format: WeightFormat): Uint8Array {
  if (format === 'f32')
    return new Uint8Array(Float32Array.from({ length: count }, (_, i) => values(i)).buffer)
  if (format === 'f16')
    return new Uint8Array(Uint16Array.from({ length: count }, (_, i) => halfBits(values(i))).buffer)
  const bytes = isQuantized(format) && format === 'q8_0' ? 34 : 18
  const out = new Uint8Array((count / 32) * bytes)
  const view = new DataView(out.buffer)
  const codes = new Int8Array(32)
  for (let block = 0; block < count / 32; block++) {
    const { scale } = quantizeBlock((i) => values(block * 32 + i), format, codes)
    const at = block * bytes
    view.setUint16(at, halfBits(scale), true)
    // q4_0 has number i and number i + 16 in one byte.
    if (format === 'q8_0') for (let i = 0; i < 32; i++) view.setInt8(at + 2 + i, codes[i]!)
    else for (let i = 0; i < 16; i++) out[at + 2 + i] = (codes[i]! + 8) | ((codes[i + 16]! + 8) << 4)
  }
  return out
}

type Tensor = { name: string; dimensions: number[]; format: WeightFormat; bytes: () => Uint8Array }

/** A vector or table, as it lies. */
function plain(name: string, { shape, values }: Values, format: WeightFormat = 'f32'): Tensor {
  return {
    name,
    dimensions: [...shape].reverse(),
    format,
    bytes: () => encoded((i) => values[i]!, values.length, format),
  }
}

/** A matrix [in, out], which GGUF has as rows of `in` numbers. */
function matrix(name: string, { shape, values }: Values, format: WeightFormat): Tensor {
  const [k, n] = shape as [number, number]
  return {
    name,
    dimensions: [k, n],
    format,
    bytes: () => encoded((i) => values[(i % k) * n + Math.floor(i / k)]!, values.length, format),
  }
}

const bytesOf = ({ dimensions, format }: Tensor): number => {
  const count = dimensions.reduce((size, n) => size * n, 1)
  return { f32: 4 * count, f16: 2 * count, q8_0: (count / 32) * 34, q4_0: (count / 32) * 18 }[format]
}
const padded = (bytes: number): number => Math.ceil(bytes / alignment) * alignment

function tensorsOf(
  { layers, weights }: DecodeWork,
  { parameters }: Inputs['decode'],
  room: number,
): Tensor[] {
  const of = (name: string): Values => parameters[name]!
  const width = of('normScale').values.length
  const position = new Float32Array(room * width)
  position.set(of('position').values)
  const tensors = [
    plain('token_embd.weight', of('embedding'), weights),
    plain('position_embd.weight', { shape: [room, width], values: position }),
    plain('output_norm.weight', of('normScale')),
    plain('output_norm.bias', of('normShift')),
  ]
  for (let layer = 0; layer < layers; layer++) {
    const own: Weights = Object.fromEntries(
      ['query', 'key', 'value'].flatMap((role) =>
        ['Weight', 'Bias'].map((part) => [`${role}${part}`, of(`layer${layer}.${role}${part}`)] as const),
      ),
    )
    const { weight, bias } = joinedRoles(own)
    const at = `blk.${layer}`
    const given = (name: string): Values => of(`layer${layer}.${name}`)
    tensors.push(
      plain(`${at}.attn_norm.weight`, given('attentionNormScale')),
      plain(`${at}.attn_norm.bias`, given('attentionNormShift')),
      matrix(`${at}.attn_qkv.weight`, weight, weights),
      plain(`${at}.attn_qkv.bias`, bias),
      matrix(`${at}.attn_output.weight`, given('outputWeight'), weights),
      plain(`${at}.attn_output.bias`, given('outputBias')),
      plain(`${at}.ffn_norm.weight`, given('normScale')),
      plain(`${at}.ffn_norm.bias`, given('normShift')),
      matrix(`${at}.ffn_up.weight`, given('hiddenWeight'), weights),
      plain(`${at}.ffn_up.bias`, given('hiddenBias')),
      matrix(`${at}.ffn_down.weight`, given('projectionWeight'), weights),
      plain(`${at}.ffn_down.bias`, given('projectionBias')),
    )
  }
  return tensors
}

/** @param room positions that the file has a vector for; those beyond the work's are zero */
export function writeGguf(path: string, work: DecodeWork, inputs: Inputs['decode'], room: number): void {
  const { layers, width, heads, vocabulary } = work
  const tensors = tensorsOf(work, inputs, room)
  const metadata = [
    entry.text('general.architecture', 'gpt2'),
    entry.text('general.name', 'bench'),
    entry.u32('general.alignment', alignment),
    entry.u32('gpt2.context_length', room),
    entry.u32('gpt2.embedding_length', width),
    entry.u32('gpt2.feed_forward_length', 4 * width),
    entry.u32('gpt2.block_count', layers),
    entry.u32('gpt2.attention.head_count', heads),
    entry.f32('gpt2.attention.layer_norm_epsilon', 1e-5),
    entry.text('tokenizer.ggml.model', 'gpt2'),
    entry.text('tokenizer.ggml.pre', 'gpt-2'),
    entry.texts(
      'tokenizer.ggml.tokens',
      Array.from({ length: vocabulary }, (_, id) => `t${id}`),
    ),
    entry.texts('tokenizer.ggml.merges', ['t 0']),
  ]
  let offset = 0
  const infos = tensors.map((tensor) => {
    const info = Buffer.concat([
      text(tensor.name),
      u32(tensor.dimensions.length),
      ...tensor.dimensions.map(u64),
      u32(types[tensor.format]),
      u64(offset),
    ])
    offset += padded(bytesOf(tensor))
    return info
  })
  const header = Buffer.concat([
    Buffer.from('GGUF'),
    u32(3),
    u64(tensors.length),
    u64(metadata.length),
    ...metadata,
    ...infos,
  ])
  const file = openSync(path, 'w')
  try {
    const write = (bytes: Uint8Array): void => {
      writeSync(file, bytes)
      writeSync(file, new Uint8Array(padded(bytes.length) - bytes.length))
    }
    write(header)
    for (const tensor of tensors) write(tensor.bytes())
  } finally {
    closeSync(file)
  }
}
