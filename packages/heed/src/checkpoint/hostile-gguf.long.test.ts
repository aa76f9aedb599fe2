import { expect, test } from 'vitest'
import fc from 'fast-check'
import {
  type GgufEntry,
  ggufBytes,
  ggufNumbers,
  ggufTypes,
  type GgufValue,
  readGguf,
} from '../formats/index.js'
import { type HostileKind, testReadOrRefused } from '../formats/testing/read-or-refused.js'
import { mutated } from '../text/files/testing/mutated.js'
import { hubConfig } from './index.js'

// GGUF files: everything in what can be read is read.

const value = (type: GgufValue['type'], own: GgufValue['value']): GgufValue => ({ type, value: own })
const count = (own: number): GgufValue => value('u32', own)

/** Values of every type, and what a model needs. */
const metadata = new Map<string, GgufValue>([
  ['general.architecture', value('string', 'llama')],
  ['general.alignment', count(8)],
  ['llama.embedding_length', count(32)],
  ['llama.feed_forward_length', count(64)],
  ['llama.block_count', count(2)],
  ['llama.attention.head_count', value('i32', Int32Array.of(4, 4))],
  ['llama.context_length', value('u64', 64n)],
  ['llama.attention.layer_norm_rms_epsilon', value('f32', 1e-5)],
  ['llama.rope.scaling.type', value('string', 'none')],
  ['texts', value('string', ['', 'é', '\u{1f600}'])],
  ['flags', value('bool', [true, false])],
  ['double', value('f64', 0.1)],
  ['long', value('i64', BigInt64Array.of(-1n, 2n))],
  ['byte', value('i8', -1)],
])
const some = new Float32Array(64).fill(0.5)
const tensors = new Map<string, GgufEntry>([
  ['token_embd.weight', ggufNumbers([2, 32], some, 'Q8_0')],
  ['output.weight', ggufNumbers([2, 32], some, 'F16')],
  ['rope_freqs.weight', ggufNumbers([4], some.subarray(0, 4))],
])
const file = ggufBytes({ metadata, tensors })
const header = file.slice(0, readGguf(file).metadata.dataStart())

/** A tensor of each type. */
const every = ggufBytes({
  metadata: new Map(),
  tensors: new Map(
    [...ggufTypes.values()].map(({ name, weights, bytes }) => [
      name,
      { shape: [weights], type: name, parts: () => [new Uint8Array(bytes).fill(0x5a)] },
    ]),
  ),
})

function readAll(bytes: Uint8Array): void {
  const { metadata: own, tensors: all } = readGguf(bytes)
  for (const name of own.names()) own.value(name)
  for (const tensor of all.values()) {
    if (tensor.type === undefined) tensor.bytes()
    else if (tensor.toFloat32().length !== tensor.elements) throw new Error('sizes')
  }
  if (own.has('general.architecture')) hubConfig(own, all)
}

const kinds: readonly HostileKind[] = [
  ['GGUF files that were changed', 0.4, mutated(file), readAll],
  [
    'headers of GGUF that were changed',
    0.4,
    mutated(header).map((bytes) => Uint8Array.from([...bytes, ...file.subarray(header.length)])),
    readAll,
  ],
  ['lists of all types that were changed', 0.1, mutated(every), readAll],
  [
    'any bytes behind the beginning',
    0.1,
    fc.uint8Array({ maxLength: 200 }).map((bytes) => Uint8Array.from([...file.subarray(0, 12), ...bytes])),
    readAll,
  ],
]

test('what is changed is right before', () => {
  readAll(file)
  readAll(every)
  expect(readGguf(every).tensors.size).toBe(ggufTypes.size)
})

testReadOrRefused(kinds)
