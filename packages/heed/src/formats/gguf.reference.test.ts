import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import {
  type GgufContent,
  ggufCopy,
  ggufNumbers,
  ggufTypeFor,
  type GgufValue,
  withGguf,
  writeGguf,
} from './index.js'
import { pythonWith } from './testing/python.js'

// What heed writes, read and made by the Python package gguf; and what llama.cpp says with it.

const python = pythonWith('gguf')
const llama = pythonWith('llama_cpp')
const folder = mkdtempSync(join(tmpdir(), 'heed-gguf-python-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** Every value in JSON, then a line for each tensor: name, type, sizes, and the SHA-256 of its blocks. */
const listed = `
import hashlib, json, sys
from gguf import GGUFReader
reader = GGUFReader(sys.argv[1])
for name, field in reader.fields.items():
    if not name.startswith('GGUF.'):
        print(json.dumps([name, [t.name for t in field.types], field.contents()], ensure_ascii=False))
for t in reader.tensors:
    print(t.name, t.tensor_type.name, *[int(n) for n in t.shape], hashlib.sha256(t.data.tobytes()).hexdigest())
`

describe.skipIf(python === undefined)('the package gguf (HEED_PYTHON names a python3 that has it)', () => {
  test('reads values of every type, and tensors', async () => {
    const values: [string, GgufValue, readonly string[]][] = [
      ['general.architecture', { type: 'string', value: 'naïve 🙂' }, ['STRING']],
      ['byte', { type: 'u8', value: 255 }, ['UINT8']],
      ['short', { type: 'i16', value: -32768 }, ['INT16']],
      ['long', { type: 'i64', value: -9007199254740993n }, ['INT64']],
      ['unsigned', { type: 'u64', value: 2n ** 64n - 1n }, ['UINT64']],
      ['double', { type: 'f64', value: 0.1 }, ['FLOAT64']],
      ['flag', { type: 'bool', value: true }, ['BOOL']],
      ['texts', { type: 'string', value: ['', 'a', 'β'] }, ['ARRAY', 'STRING']],
      ['numbers', { type: 'i32', value: Int32Array.of(-1, 0, 2 ** 31 - 1) }, ['ARRAY', 'INT32']],
    ]
    const numbers = Float32Array.from({ length: 192 }, (_, i) => Math.sin(i))
    const content: GgufContent = {
      metadata: new Map(values.map(([name, value]) => [name, value])),
      tensors: new Map([
        ['norm.weight', ggufNumbers([5], numbers.subarray(0, 5))],
        ['a.weight', ggufNumbers([2, 3, 32], numbers, 'F16')],
        ['b.weight', ggufNumbers([3, 64], numbers, 'Q8_0')],
      ]),
    }
    const path = join(folder, 'all.gguf')
    await writeGguf(path, content)
    const [first, rest] = split(python!(listed, path), values.length)
    const plain = (value: unknown): string =>
      JSON.stringify(value, (_, own: unknown) =>
        typeof own === 'bigint' ? `${own}n` : own instanceof Int32Array ? [...own] : own,
      ).replace(/"(-?\d+)n"/g, '$1')
    expect(first.map((line) => line.replaceAll(', ', ','))).toEqual(
      values.map(([name, { value }, types]) => plain([name, types, value])),
    )
    expect(rest).toEqual(tensorLines(path))
  })

  test('makes the same blocks of the same numbers', async () => {
    const path = join(folder, 'q8.gguf')
    const numbers = Float32Array.from(
      { length: 32 * 500 },
      (_, i) => Math.sin(i * i) * 2 ** (((i >> 5) % 40) - 30),
    )
    writeFileSync(join(folder, 'numbers'), new Uint8Array(numbers.buffer))
    const types = ['F16', 'BF16', 'Q8_0']
    const tensors = new Map(types.map((type) => [type, ggufNumbers([500, 32], numbers, type)]))
    await writeGguf(path, { metadata: new Map(), tensors })
    const own = withGguf(path, (file) =>
      [...file.tensors].map(([type, tensor]) => `${type} ${hashOf(tensor.bytes())}`).join('\n'),
    )
    const made = python!(
      `
import hashlib, sys, numpy
from gguf import GGMLQuantizationType, quants
numbers = numpy.fromfile(sys.argv[1], numpy.float32).reshape(500, 32)
for name in sys.argv[2:]:
    print(name, hashlib.sha256(quants.quantize(numbers, GGMLQuantizationType[name]).tobytes()).hexdigest())
`,
      join(folder, 'numbers'),
      ...types,
    )
    expect(made.trim()).toBe(own)
  })
})

const real = join(
  process.env['HEED_REFERENCE_WEIGHTS'] ?? '',
  'SmolLM2-135M-Instruct/SmolLM2-135M-Instruct.Q4_1.gguf',
)
test.skipIf(llama === undefined || !existsSync(real))(
  'llama.cpp goes on with a text in the same way (HEED_PYTHON names a python3 with llama_cpp; HEED_REFERENCE_WEIGHTS)',
  { timeout: 120_000 },
  async () => {
    const path = join(folder, 'smollm2.gguf')
    await withGguf(real, (file) =>
      writeGguf(path, {
        metadata: new Map(file.metadata.names().map((name) => [name, file.metadata.value(name)!])),
        tensors: new Map(
          [...file.tensors].map(([name, own]) => [name, ggufCopy(own, ggufTypeFor(own.shape, 'F16'))]),
        ),
      }),
    )
    const said = llama!(
      `
import sys
from llama_cpp import Llama
model = Llama(sys.argv[1], n_ctx=64, verbose=False, n_threads=1)
ids = model.tokenize(b'The capital of France is', add_bos=True)
print(*ids)
out = []
for id in model.generate(ids, temp=0.0, top_k=1, repeat_penalty=1.0):
    out.append(id)
    if len(out) == 5: break
print(*out)
`,
      path,
    )
    // What the weights in float32 say.
    expect(said.trim().split('\n')).toEqual(['504 3575 282 4649 314', '7042 30 198 198 504'])
  },
)

function split(text: string, count: number): [string[], string[]] {
  const lines = text.trim().split('\n')
  return [lines.slice(0, count), lines.slice(count)]
}

function tensorLines(path: string): string[] {
  return withGguf(path, ({ tensors }) =>
    [...tensors].map(([name, tensor]) =>
      [name, tensor.dtype, ...tensor.shape.toReversed(), hashOf(tensor.bytes())].join(' '),
    ),
  )
}

function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
