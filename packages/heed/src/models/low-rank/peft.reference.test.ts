import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { leavesOf, mapTree, randomKey } from '../../base/index.js'
import { isModelWeight, type ModelWeight } from '../../checkpoint/index.js'
import { readSafetensors } from '../../formats/index.js'
import { pythonWith } from '../../formats/testing/python.js'
import { isLowRank } from '../../nn/index.js'
import { isTensor, normal, scope, type Tensor, tensor, withDevice } from '../../tensor/index.js'
import { devices } from '../../tensor/testing/devices.js'
import {
  convertCheckpoint,
  decoderLogits,
  encodeSource,
  encoderOutput,
  type LowRankOptions,
  mergeLowRank,
  readModel,
  type Running,
  saveAdapter,
  targetLogits,
  withLowRank,
} from '../index.js'
import { changedModel } from './low-rank.js'
import { largestDifference, referenceModels } from '../testing/reference.js'

// What Python's peft made, and what its models give with it in f64: testing/peft_fixtures.py.

const here = dirname(fileURLToPath(import.meta.url))
const program = readFileSync(join(here, 'testing/peft_fixtures.py'), 'utf8')
const python = pythonWith('peft', 'transformers')
const folder = mkdtempSync(join(tmpdir(), 'heed-adapters-'))
afterAll(() => rmSync(folder, { recursive: true }))

interface Case {
  readonly base: string
  readonly adapter: string
  readonly ids: Int32Array
  readonly expected: Float32Array
}
function caseOf(name: string): Case {
  const adapter = join(here, 'fixtures', name)
  const { tensors } = readSafetensors(new Uint8Array(readFileSync(join(adapter, 'expected.safetensors'))))
  return {
    base: join(referenceModels!, name),
    adapter,
    ids: Int32Array.from(tensors.get('ids')!.toFloat32()),
    expected: tensors.get('logits')!.toFloat32(),
  }
}
const names = referenceModels === undefined ? ['HEED_SHARED'] : readdirSync(join(here, 'fixtures'))
const [rows, length] = [2, 7]
/** What peft is to read at the end, in one run of Python. */
const written: {
  readonly base: string
  readonly adapter: string
  readonly ids: Int32Array
  readonly expected: ArrayLike<number>
  readonly tolerance: number
}[] = []

/** The logits of a model of any family, in the order in which transformers gives them. */
function logitsOf(loaded: Omit<Running, 'adapter'>, numbers: Int32Array): Float64Array {
  const shape = { batch: rows, position: length }
  const ids = tensor(numbers, shape, { dtype: 'i32' })
  return scope(() => {
    const { family, model, config } = loaded as Running
    if (family === 'decoder')
      return Float64Array.from(decoderLogits(model, config, ids).values(['batch', 'position', 'vocabulary']))
    if (family === 'encoder-decoder') {
      const turned = numbers.map((_, i) => numbers[i - (i % length) + length - 1 - (i % length)]!)
      const target = tensor(turned, shape, { dtype: 'i32' })
      const logits = targetLogits(model, config, target, encodeSource(model, config, ids))
      return Float64Array.from(logits.values(['batch', 'position', 'vocabulary']))
    }
    if (family !== 'encoder') throw new Error(family)
    const output = encoderOutput(model, config, ids)
    if (output.kind === 'classification') return Float64Array.from(output.logits.values(['batch', 'label']))
    if (output.kind !== 'answer') throw new Error(output.kind)
    const [start, end] = [output.start, output.end].map((one) => one.values(['batch', 'position']))
    return Float64Array.from({ length: 2 * rows * length }, (_, i) => (i % 2 === 0 ? start : end)![i >> 1]!)
  })
}

describe.skipIf(referenceModels === undefined).each(names)('%s', (name) => {
  test.each(devices)('%s: logits are those of peft, merged and not', (_, device) => {
    const { base, adapter, ids, expected } = caseOf(name)
    withDevice(device, () =>
      scope(() => {
        const loaded = readModel(base, { adapter })
        // There, too, norms and rotations are f32.
        const tolerance = device.floatBytes === 8 ? 1e-5 : 1e-4
        expect(largestDifference(logitsOf(loaded, ids), expected)).toBeLessThan(tolerance)
        expect(largestDifference(logitsOf(mergeLowRank(loaded) as Running, ids), expected)).toBeLessThan(
          tolerance,
        )
      }),
    )
  })

  test('written again, it is the same', async () => {
    const { base, adapter, ids, expected } = caseOf(name)
    const loaded = readModel(base, { adapter })
    const again = join(folder, name)
    await saveAdapter(again, loaded)
    const other = readModel(base, { adapter: again })
    const [own, found] = [logitsOf(loaded, ids), logitsOf(other, ids)]
    expect(found.every((value, i) => value === own[i])).toBe(true)
    const [before, after] = [adapter, again].map((one) => namesIn(one))
    expect(after!.join()).toBe(before!.filter((one) => !one.includes('.base_layer.')).join())
    written.push({ base, adapter: again, ids, expected, tolerance: 1e-6 })
  })

  test('converted, it is one model; its weights may be in few bits', async () => {
    const { base, adapter, ids, expected } = caseOf(name)
    const merged = join(folder, `${name}-merged`)
    await convertCheckpoint(base, merged, { adapter })
    expect(largestDifference(logitsOf(readModel(merged), ids), expected)).toBeLessThan(1e-4)
    const [rounded, few] = [
      readModel(base, { weights: 'bf16' }),
      readModel(base, { weights: 'bf16', adapter }),
    ]
    const plain = logitsOf(readModel(base), ids)
    const off = largestDifference(logitsOf(rounded, ids), plain)
    expect(largestDifference(logitsOf(few, ids), expected)).toBeLessThan(4 * off + 0.01)
  })

  test('changes that heed makes, parts of one tensor apart, are read again', async () => {
    const { base, ids } = caseOf(name)
    const plain = readModel(base)
    for (const [number, options] of ownChanges(plain).entries()) {
      const fresh = withLowRank(plain, options)
      const model = mapTree<unknown, ModelWeight>(fresh.model, isModelWeight, (weight, path) =>
        isLowRank(weight)
          ? { ...weight, up: normal(randomKey(4, path), weight.up.shape, 0.2) }
          : fresh.adapter.trained.includes(path) && isTensor(weight)
            ? (weight.mul(1.25) as Tensor)
            : weight,
      )
      const adapted = changedModel(fresh, { model }) as unknown as Running
      const path = join(folder, `${name}-own-${number}`)
      await saveAdapter(path, adapted)
      const [own, found] = [logitsOf(adapted, ids), logitsOf(readModel(base, { adapter: path }), ids)]
      expect(largestDifference(found, own)).toBeLessThan(1e-5)
      written.push({ base, adapter: path, ids, expected: own, tolerance: 1e-4 })
    }
  })
})

test.skipIf(python === undefined || referenceModels === undefined)(
  'peft reads what was written (HEED_PYTHON names a python3 that has it)',
  { timeout: 900_000 },
  () => {
    const cases = written.map(({ base, adapter, ids }) => {
      const given = [0, 1].map((row) => Array.from(ids.subarray(row * length, (row + 1) * length)))
      return [base, adapter, given]
    })
    const shown = python!(program, 'logits', JSON.stringify(cases)).trim().split('\n')
    const wrong = written.flatMap(({ adapter, expected, tolerance }, i) => {
      const found = JSON.parse(shown.at(i - written.length)!) as number[]
      const difference = largestDifference(found, expected)
      return difference < tolerance ? [] : [`${adapter}: ${difference}`]
    })
    expect(written.length).toBeGreaterThan(20)
    expect(wrong).toEqual([])
  },
)

/** All linear layers alike; and some, with ranks of their own, beside a norm that is trained whole. */
function ownChanges({ model, architecture }: Running): LowRankOptions[] {
  const stack = architecture!.family === 'encoder-decoder' ? 'encoder.blocks' : 'blocks'
  const norm = [...leavesOf<ModelWeight>(model, isModelWeight).keys()].find((path) =>
    path.startsWith(`${stack}.0.attentionNorm`),
  )!
  return [
    { targets: [`${stack}.*.attention`, `${stack}.*.feedForward`], rank: 2, rankStabilized: true },
    {
      targets: [
        `${stack}.1.attention.query`,
        { pattern: `${stack}.1.attention.value`, rank: 3, alpha: 5 },
        { pattern: `${stack}.0.feedForward.up`, rank: 1 },
      ],
      rank: 2,
      trained: [
        norm.slice(0, norm.lastIndexOf('.')),
        ...(architecture!.family === 'encoder' ? ['head'] : []),
      ],
    },
  ]
}

function namesIn(adapter: string): string[] {
  const bytes = new Uint8Array(readFileSync(join(adapter, 'adapter_model.safetensors')))
  return [...readSafetensors(bytes).tensors.keys()].sort()
}
