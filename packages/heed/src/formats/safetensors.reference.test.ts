import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import {
  type FileTensors,
  openWeights,
  saveSafetensors,
  type StoredTensor,
  withSafetensors,
} from './index.js'
import { pickleConversion, pickleProgram } from './other-formats.js'
import { floatsOf, nameOfDtype, storedArray, storedDtypes, type StoredDtype } from './stored-dtypes.js'
import { pythonWith } from './testing/python.js'

// What the original library reads and writes: Python's safetensors, and PyTorch.

const python = pythonWith('safetensors')
const torch = pythonWith('safetensors', 'torch')
const transformers = pythonWith('safetensors', 'torch', 'transformers')
const shared = process.env['HEED_SHARED'] ?? ''
const reference = join(shared, 'reference')
const missing = shared === '' || !existsSync(reference)
if (missing) console.warn('Skipped: files of real models; HEED_SHARED names the folder that has them.')

const folder = mkdtempSync(join(tmpdir(), 'heed-python-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** A line for each tensor: its name, dtype, sizes and the SHA-256 of its bytes. */
const listed = `
import hashlib, json, sys
from safetensors import deserialize
for path in sys.argv[1:]:
    for name, tensor in sorted(deserialize(open(path, 'rb').read())):
        print(name, tensor['dtype'], *tensor['shape'], hashlib.sha256(tensor['data']).hexdigest())
`
function lines({ tensors }: FileTensors): string {
  return [...tensors]
    .map(([name, tensor]) => {
      const hash = createHash('sha256').update(tensor.bytes()).digest('hex')
      return `${[name, nameOfDtype(tensor.dtype as StoredDtype), ...tensor.shape, hash].join(' ')}\n`
    })
    .sort()
    .join('')
}
const byLine = (text: string): string =>
  text
    .split(/(?<=\n)/)
    .sort()
    .join('')

const weights = process.env['HEED_REFERENCE_WEIGHTS'] ?? ''
/** Every file of weights of the reference, and of the real weights where they are there. */
const files = [join(reference, 'models'), join(reference, 'real'), weights]
  .filter((part) => !missing && part !== '' && existsSync(part))
  .flatMap((part) => readdirSync(part, { recursive: true, encoding: 'utf8' }).map((name) => join(part, name)))
  .filter((name) => name.endsWith('.safetensors'))
  .sort()

describe.skipIf(missing || python === undefined)('files of real models', () => {
  test.each([...new Set(files.map(dirname))])('%s: the same tensors as in Python', (name) => {
    for (const path of files.filter((other) => dirname(other) === name))
      expect(openWeights(path, lines), path).toBe(byLine(python!(listed, path)))
  })

  test('a folder of several files is all of them', () => {
    const shards = files.filter((file) => /-\d{5}-of-\d{5}\.safetensors$/.test(file))
    const folders = [...new Set(shards.map(dirname))]
    expect(folders.length).toBeGreaterThan(0)
    for (const name of folders) {
      const paths = shards.filter((file) => dirname(file) === name)
      expect(openWeights(name, lines)).toBe(byLine(python!(listed, ...paths)))
    }
  })

  test.each([1, 3, 1000])('saved in files of %i kB they are the same in Python', async (kilobytes) => {
    for (const name of ['real/stories260k', 'models/bert', 'models/llama-bf16-shards', 'models/t5']) {
      const path = join(folder, 'saved', name.replace('/', '-'), 'model.safetensors')
      cpSync(join(reference, name, 'config.json'), join(dirname(path), 'config.json'))
      const [saved, before] = await openWeights(join(reference, name), async (found) => {
        const tensors = found.tensors as ReadonlyMap<string, StoredTensor>
        return [await saveSafetensors(path, tensors, { shardBytes: 1000 * kilobytes }), lines(found)]
      })
      const written = saved.filter((file) => file.endsWith('.safetensors'))
      expect(byLine(python!(listed, ...written))).toBe(before)
      expect(openWeights(dirname(path), lines)).toBe(before)
      // Their own index has the same form.
      if (written.length > 1) {
        const index = JSON.parse(readFileSync(saved.at(-1)!, 'utf8')) as Record<
          string,
          Record<string, unknown>
        >
        expect(Object.keys(index)).toEqual(['metadata', 'weight_map'])
        expect(new Set(Object.values(index['weight_map']!)).size).toBe(written.length)
      }
    }
  })
})

test.skipIf(missing || transformers === undefined)(
  'a model that heed saved in several files is loaded by transformers',
  async () => {
    const name = join(reference, 'models', 'llama-bf16-shards')
    const path = join(folder, 'model.safetensors')
    cpSync(join(name, 'config.json'), join(folder, 'config.json'))
    await openWeights(name, (found) =>
      saveSafetensors(path, found.tensors as ReadonlyMap<string, StoredTensor>, { shardBytes: 10_000 }),
    )
    const program = `
import sys, torch
from transformers import AutoModelForCausalLM
one, two = (AutoModelForCausalLM.from_pretrained(path, output_loading_info=True) for path in sys.argv[1:])
for _, loading in (one, two):
    assert not any(loading[key] for key in ('missing_keys', 'unexpected_keys', 'mismatched_keys')), loading
weights = [model.state_dict() for model, _ in (one, two)]
assert weights[0].keys() == weights[1].keys()
print(all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0]), len(weights[0]))`
    expect(transformers!(program, name, folder)).toMatch(/^True \d\d/)
  },
  120_000,
)

describe.skipIf(torch === undefined)('PyTorch', () => {
  const bytes = Uint8Array.from({ length: 256 }, (_, i) => i)

  test('has the same numbers for every byte of every dtype, by the bits', async () => {
    const path = join(folder, 'bytes.safetensors')
    const tensors = storedDtypes.map((dtype) => {
      const data = storedArray(dtype, dtype === 'bool' ? bytes.map((byte) => byte % 2) : bytes)
      return [dtype, { dtype, shape: [data.length], data }] as const
    })
    await saveSafetensors(path, new Map(tensors))
    const program = `
import sys
from safetensors import safe_open
with safe_open(sys.argv[1], 'pt') as file:
    print(file.metadata())
    for name in sorted(file.keys()):
        print(name, *file.get_tensor(name).float().view(dtype=__import__('torch').int32).tolist())`
    const [metadata, ...found] = torch!(program, path).trimEnd().split('\n')
    expect(metadata).toBe("{'format': 'pt'}")
    const bits = (dtype: StoredDtype, data: StoredTensor['data']): Int32Array =>
      new Int32Array(Float32Array.from(floatsOf(dtype, data)).buffer)
    const expected = [...tensors].sort(([a], [b]) => (a < b ? -1 : 1))
    expect(found.length).toBe(storedDtypes.length)
    for (const [i, [dtype, { data }]] of expected.entries()) {
      const floats = floatsOf(dtype, data)
      const [name, ...words] = found[i]!.split(' ')
      expect(name).toBe(dtype)
      const wrong = words.filter((word, at) => {
        const isNaN = Number.isNaN(floats[at])
        const theirs = new Float32Array(Int32Array.of(Number(word)).buffer)[0]
        return isNaN ? !Number.isNaN(theirs) : Number(word) !== bits(dtype, data)[at]
      })
      expect(wrong, dtype).toEqual([])
    }
  })

  test('converts its pickles by the lines that heed names', { timeout: 120_000 }, () => {
    for (const [name, options, pieces] of [
      ['pytorch_model.bin', '', 1],
      ['old "one".ckpt', ', _use_new_zipfile_serialization=False', 1],
      ['pytorch_model-00001-of-00002.bin', '', 2],
    ] as const) {
      const path = join(folder, name)
      const save = `
import sys, torch
for piece in range(${pieces}):
    shared = torch.arange(6.).reshape(2, 3)
    state = {f'weight.{piece}': shared.t(), f'tied.{piece}': shared, f'steps.{piece}': 3}
    torch.save({'state_dict': state, 'epoch': 1}, sys.argv[1].replace('00001', f'0000{piece + 1}')${options})`
      torch!(save, path)
      // Refused, by what is in it, with lines that run.
      const refused = errorOf(() => openWeights(path, () => 0))
      expect(refused).toMatch(/which runs its author's code/)
      expect(refused).toContain(pickleConversion(path))
      torch!(pickleProgram(path))
      const converted = withSafetensors(join(folder, 'model.safetensors'), ({ tensors }) =>
        [...tensors].map(([key, tensor]) => [key, tensor.shape.join(), tensor.toFloat32().join()].join(' ')),
      )
      expect(converted.sort()).toEqual(
        Array.from({ length: pieces }, (_, i) => [`tied.${i} 2,3 0,1,2,3,4,5`, `weight.${i} 3,2 0,3,1,4,2,5`])
          .flat()
          .sort(),
      )
    }
  })
})

function errorOf(work: () => unknown): string {
  try {
    work()
  } catch (error) {
    return String(error)
  }
  return 'none'
}
