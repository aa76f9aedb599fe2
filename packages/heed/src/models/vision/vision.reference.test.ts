import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { norm, padding } from '../../nn/index.js'
import { collect } from '../../observe/index.js'
import {
  type AnyTensor,
  crossEntropy,
  scope,
  type Tensor,
  tensor,
  unitLength,
  withDevice,
} from '../../tensor/index.js'
import { devices } from '../../tensor/testing/devices.js'
import type { Pixels } from '../../vision/index.js'
import {
  architectures,
  captionLoss,
  encodeImage,
  imageFeatures,
  imageLogits,
  imageStates,
  imageVector,
  type LoadedCaptioner,
  type LoadedModel,
  type LoadedTowers,
  type LoadedVision,
  pairLogits,
  pairProbabilities,
  readModel,
  shiftedLabels,
  targetLogits,
  textFeatures,
} from '../index.js'
import { tolerance, writtenUnlike } from '../testing/difference.js'
import {
  foldersOr,
  idsOf,
  type ModelCase,
  type ModelReference,
  readReference,
  referenceModels,
} from '../testing/reference.js'

// What another implementation computes with models that read pictures: states, filters, vectors, logits.

const families = ['vision-encoder', 'dual-encoder', 'captioner']
const types = architectures()
  .filter(({ family }) => families.includes(family))
  .flatMap(({ modelTypes }) => modelTypes)

describe.skipIf(referenceModels === undefined).each(foldersOr(types))('%s', (name) => {
  test.each(devices)('%s: states, filters, vectors, logits', (_, device) => {
    const reference = readReference(name)
    withDevice(device, () => expect(differences(reference, readModel(reference.folder))).toEqual([]))
  })

  test('is written as it was read', () => {
    expect(writtenUnlike(readModel(readReference(name).folder))).toEqual([])
  })

  test('older spellings of its files give the same', () => {
    const reference = readReference(name)
    const folder = mkdtempSync(join(tmpdir(), 'heed-legacy-'))
    try {
      for (const file of ['config.json', 'model.safetensors']) {
        const legacy = join(reference.folder, file.replace('.', '.legacy.'))
        copyFileSync(existsSync(legacy) ? legacy : join(reference.folder, file), join(folder, file))
      }
      expect(differences(reference, readModel(folder))).toEqual([])
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

function differences(reference: ModelReference, loaded: LoadedModel): string[] {
  return reference.cases.flatMap((one) => {
    const check = new Check(reference, one)
    scope(() => {
      if (loaded.family === 'vision-encoder') ofPictures(check, loaded)
      if (loaded.family === 'dual-encoder') ofTowers(check, loaded)
      if (loaded.family === 'captioner') ofCaptions(check, loaded)
    })
    if (check.compared === 0) check.wrong.push(`${one.name}: nothing was compared`)
    return check.wrong
  })
}

/** A case, and how far what was found is from it: absolutely. */
class Check {
  readonly wrong: string[] = []
  compared = 0
  readonly #reference: ModelReference
  readonly #case: ModelCase

  constructor(reference: ModelReference, one: ModelCase) {
    this.#reference = reference
    this.#case = one
  }

  has(input: string): boolean {
    return this.#case.inputs[input] !== undefined
  }

  ids(input: string): Tensor<'batch' | 'position'> {
    return idsOf(this.#reference, this.#case.inputs[input]!).ids
  }

  pixels(): Pixels {
    const stored = this.#reference.tensors.get(this.#case.inputs['pixel_values']!)!
    const [batch, channel, height, width] = stored.shape as [number, number, number, number]
    return tensor(stored.toFloat32(), { batch, channel, height, width })
  }

  /** An output, where the case has it. `real`: which rows of batch and position count. */
  output(name: string, found: () => AnyTensor, axes: readonly string[], real?: string): void {
    const expected = this.#case.outputs[name] as string | undefined
    if (expected !== undefined) this.#compare(expected, found(), axes, real)
  }

  /** Outputs of layers, by their numbers. */
  layers(name: string, found: (layer: number) => AnyTensor, axes: readonly string[], real?: string): void {
    const outputs = (this.#case.outputs[name] ?? {}) as Readonly<Record<string, string>>
    for (const [layer, expected] of Object.entries(outputs))
      this.#compare(expected, found(Number(layer)), axes, real)
  }

  #compare(expected: string, found: AnyTensor, axes: readonly string[], real: string | undefined): void {
    this.compared++
    const values = (found as Tensor).values(axes)
    const wanted = this.#reference.tensors.get(expected)!.toFloat32()
    const counts = this.#counted(found as Tensor, axes, real)
    let largest = values.length === wanted.length ? 0 : Infinity
    wanted.forEach((value, i) => {
      if (!counts(i)) return
      const difference = Math.abs(value - values[i]!)
      if (!(difference <= largest)) largest = Number.isNaN(difference) ? Infinity : difference
    })
    if (!(largest < tolerance)) this.wrong.push(`${expected}: ${largest}`)
  }

  /** Whether a number is of a position that is real. */
  #counted(found: Tensor, axes: readonly string[], real: string | undefined): (i: number) => boolean {
    if (real === undefined || !this.has(real)) return () => true
    const mask = this.ids(real).values(['batch', 'position'])
    const positions = this.ids(real).size('position')
    const inner = (from: number): number =>
      axes.slice(from).reduce((size, axis) => size * (found as Tensor<string>).size(axis), 1)
    const row = inner(1)
    const position = axes.includes('query') ? inner(3) : inner(2)
    return (i) => mask[Math.floor(i / row) * positions + (Math.floor(i / position) % positions)] === 1
  }
}

const states = ['batch', 'position', 'width']
const filter = ['batch', 'head', 'query', 'key']

/** Runs, and gives the states in front of and behind each layer, and all filters. */
function watched<T>(
  { attentions }: LoadedModel,
  stacks: Readonly<Record<string, number>>,
  more: readonly string[],
  run: () => T,
): {
  readonly result: T
  readonly at: (name: string) => AnyTensor
  readonly hidden: (stack: string) => (layer: number) => AnyTensor
} {
  const around = Object.entries(stacks).flatMap(([stack, layers]) =>
    Array.from({ length: layers }, (_, layer) => `${stack}blocks.${layer}.residual`),
  )
  const names = [
    ...attentions.map(({ name }) => name),
    ...around.flatMap((name) => [`${name}Before`, `${name}After`]),
    ...more,
  ]
  const { result, values } = collect(names, run)
  const at = (name: string): AnyTensor => values.get(name)!
  const hidden = (stack: string) => (layer: number) =>
    layer < stacks[stack]!
      ? at(`${stack}blocks.${layer}.residualBefore`)
      : at(`${stack}blocks.${layer - 1}.residualAfter`)
  return { result, at, hidden }
}

function ofPictures(check: Check, loaded: LoadedVision): void {
  const { model, config, attentions } = loaded
  const { result, at, hidden } = watched(loaded, { '': config.layers }, [], () =>
    imageStates(model, config, check.pixels()),
  )
  check.layers('hidden', hidden(''), states)
  check.layers('attention', (layer) => at(attentions[layer]!.name), filter)
  check.output('last', () => result, states)
  check.output('pooled', () => imageVector(model, config, result), ['batch', 'width'])
  if (config.head === undefined) return
  const both = config.head.from === 'both tokens' ? ['classLogits', 'distillationLogits'] : []
  const { result: logits, values } = collect(both, () => imageLogits(model, config, result))
  check.output('logits', () => logits, ['batch', 'label'])
  check.output('logits.cls', () => values.get('classLogits')!, ['batch', 'label'])
  check.output('logits.distillation', () => values.get('distillationLogits')!, ['batch', 'label'])
}

function ofTowers(check: Check, loaded: LoadedTowers): void {
  const { model, config, attentions } = loaded
  const real = 'attention_mask'
  const mask = check.has(real) ? padding(check.ids(real)) : undefined
  const { image, text } = config
  const layers = text.stack.blocks.length
  const lastImage =
    image.finalNorm === undefined
      ? `image.blocks.${image.layers - 1}.residualAfter`
      : 'image.finalNorm.output'
  const { result, at, hidden } = watched(
    loaded,
    { 'image.': image.layers, 'text.': layers },
    ['text.finalNorm.output', ...(image.finalNorm === undefined ? [] : [lastImage])],
    () =>
      [
        imageFeatures(model, config, check.pixels()),
        textFeatures(model, config, check.ids('input_ids'), { mask }),
      ] as const,
  )
  const [images, texts] = result
  const places = (stack: string) => attentions.filter(({ name }) => name.startsWith(`${stack}blocks`))
  check.layers('image.hidden', hidden('image.'), states)
  check.layers('image.attention', (layer) => at(places('image.')[layer]!.name), filter)
  check.layers('text.hidden', hidden('text.'), states, real)
  check.layers('text.attention', (layer) => at(places('text.')[layer]!.name), filter, real)
  check.output('image.last', () => at(lastImage), states)
  check.output('text.last', () => at('text.finalNorm.output'), states, real)
  check.output('image.features', () => images, ['batch', 'width'])
  check.output('text.features', () => texts, ['batch', 'width'])
  check.output('image.embedding', () => unitLength(images, 'width'), ['batch', 'width'])
  check.output('text.embedding', () => unitLength(texts, 'width'), ['batch', 'width'])
  const logits = pairLogits(model, images, texts)
  check.output('logits_per_image', () => logits, ['image', 'text'])
  check.output('logits_per_text', () => logits, ['text', 'image'])
  check.output('probability', () => pairProbabilities(config, logits), ['image', 'text'])
}

function ofCaptions(check: Check, loaded: LoadedCaptioner): void {
  const { model, config, attentions } = loaded
  const real = 'decoder_attention_mask'
  const mask = check.has(real) ? padding(check.ids(real)) : undefined
  const words = ['batch', 'position', 'vocabulary']
  if (check.has('labels') && !check.has('decoder_input_ids')) {
    const labels = check.ids('labels')
    const shifted = shiftedLabels(config, labels)
    check.output('shifted_labels', () => shifted, ['batch', 'position'])
    const source = encodeImage(model, config, check.pixels())
    check.output('logits', () => targetLogits(model, config, shifted, source), words)
    check.output('loss', () => captionLoss(model, config, check.pixels(), labels), [])
    return
  }
  const { encoder, decoder } = config
  const last = decoder.finalNorm === undefined ? undefined : 'decoder.finalNorm.output'
  const {
    result: logits,
    at,
    hidden,
  } = watched(
    loaded,
    { 'encoder.': encoder.layers, 'decoder.': config.layers },
    ['encoder.finalNorm.output', ...(last === undefined ? [] : [last])],
    () => {
      const source = encodeImage(model, config, check.pixels())
      return targetLogits(model, config, check.ids('decoder_input_ids'), source, { mask })
    },
  )
  const places = (pattern: RegExp) => attentions.filter(({ name }) => pattern.test(name))
  const inLayer = (pattern: RegExp) => (layer: number) => at(places(pattern)[layer]!.name)
  check.layers('encoder.hidden', hidden('encoder.'), states)
  check.layers('encoder.attention', inLayer(/^encoder/), filter)
  check.layers(
    'decoder.hidden',
    (layer) => (layer === config.layers && last !== undefined ? at(last) : hidden('decoder.')(layer)),
    states,
    real,
  )
  check.layers('decoder.attention', inLayer(/^decoder.*\.attention\./), filter, real)
  check.layers('cross.attention', inLayer(/crossAttention/), filter, real)
  check.output('logits', () => logits, words, real)
  const encoded = at('encoder.finalNorm.output') as Tensor<'batch' | 'position' | 'width'>
  check.output('encoder.last', () => encoded, states)
  // Retrieval, which BLIP's captioner doesn't do, norms the first state once more.
  check.output(
    'pooled',
    () => norm(model.encoder.norm!, encoded.at('position', 0), 'width', encoder.finalNorm),
    ['batch', 'width'],
  )
  if (!check.has('labels')) return
  const count = logits.size('position')
  check.output(
    'loss',
    () =>
      crossEntropy(
        logits.slice('position', 0, count - 1),
        check.ids('labels').slice('position', 1, count),
        'vocabulary',
        { ignore: -100 },
      ),
    [],
  )
}
