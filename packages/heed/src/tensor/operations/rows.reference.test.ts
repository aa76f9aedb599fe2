import { describe, expect, test } from 'vitest'
import {
  checkReference,
  constant,
  deviceTitle,
  type NamedTensors,
  referenceCases,
  referenceDevices,
  referenceFolder,
  type ReferenceLayer,
} from '../../nn/testing/reference.js'
import {
  binaryCrossEntropy,
  concat,
  contrastiveLoss,
  crossEntropy,
  dot,
  exp,
  layerNorm,
  logSoftmax,
  meanSquaredError,
  rmsNorm,
  softmax,
  type Tensor,
  unitLength,
} from '../index.js'

const rows = { x: ['batch', 'position', 'width'], output: ['batch', 'position', 'width'] }
const norm = { ...rows, weight: ['width'], bias: ['width'] }

/** The layers by the start of their cases' names; of several that fit, the longest. */
const layers: Readonly<Record<string, ReferenceLayer>> = {
  softmax: { axes: rows, run: ({ x }) => ({ output: softmax(x!, 'width') }) },
  'log-softmax': { axes: rows, run: ({ x }) => ({ output: logSoftmax(x!, 'width') }) },
  'layer-norm': {
    axes: norm,
    run: ({ x, weight, bias }, reference) => ({
      output: layerNorm(x!, 'width', { weight, bias, epsilon: constant(reference, 'epsilon') }),
    }),
  },
  'rms-norm': {
    axes: norm,
    run: ({ x, weight }, reference) => ({
      output: rmsNorm(x!, 'width', {
        weight,
        epsilon: constant(reference, 'epsilon'),
        onePlus: constant<boolean>(reference, 'one_plus'),
      }),
    }),
  },
  'unit-length': {
    axes: { x: ['batch', 'width'], output: ['batch', 'width'] },
    run: ({ x }) => ({ output: unitLength(x!, 'width') }),
  },
  'cross-entropy': {
    axes: { logits: ['row', 'class'], target: ['row'], output: [], per_row: ['row'] },
    run: ({ logits, target }, reference) => {
      const labelSmoothing = constant(reference, 'smoothing')
      const reduction = constant<'mean' | 'sum'>(reference, 'reduction')
      return {
        output: crossEntropy(logits!, target!, 'class', { labelSmoothing, reduction }),
        per_row: crossEntropy(logits!, target!, 'class', { labelSmoothing, reduction: 'none' }),
      }
    },
  },
  'mean-squared-error': {
    axes: { x: ['a', 'b'], target: ['a', 'b'], output: [] },
    run: ({ x, target }) => ({ output: meanSquaredError(x!, target!) }),
  },
  'binary-cross-entropy': {
    axes: { x: ['a', 'b'], target: ['a', 'b'], output: [] },
    run: ({ x, target }) => ({ output: binaryCrossEntropy(x!, target!) }),
  },
  'ranking-loss': contrast(rankingScores),
  'contrast-symmetric': contrast(rankingScores),
  'contrast-clip': contrast(({ image, text, log_scale }) =>
    cosines(image!, text!.rename({ anchor: 'candidate' }), exp(log_scale!.at('one', 0))),
  ),
}

function contrast(scoresOf: (inputs: NamedTensors, scale: number) => Tensor): ReferenceLayer {
  const embeddings = ['anchor', 'width']
  return {
    axes: {
      anchor: embeddings,
      positive: embeddings,
      negative: embeddings,
      image: embeddings,
      text: embeddings,
      log_scale: ['one'],
      output: [],
      scores: ['anchor', 'candidate'],
    },
    run: (inputs, reference) => {
      const clip = 'image' in inputs
      const scores = scoresOf(inputs, clip ? 1 : constant(reference, 'scale'))
      return {
        scores,
        output: contrastiveLoss(scores, 'candidate', {
          symmetric: clip || constant<boolean>(reference, 'symmetric'),
        }),
      }
    },
  }
}

function rankingScores({ anchor, positive, negative }: NamedTensors, scale: number): Tensor {
  const candidates = negative === undefined ? positive! : concat([positive!, negative], 'anchor')
  return cosines(anchor!, candidates.rename({ anchor: 'candidate' }), scale)
}

function cosines(a: Tensor, b: Tensor, scale: Tensor | number): Tensor {
  return dot(unitLength(a, 'width'), unitLength(b, 'width'), 'width').mul(scale)
}

function layerOf(name: string): ReferenceLayer | undefined {
  const fits = Object.keys(layers).filter((start) => name === start || name.startsWith(`${start}-`))
  return layers[fits.sort((a, b) => b.length - a.length)[0] ?? '']
}

describe.skipIf(referenceFolder('layers') === undefined)('against PyTorch (set HEED_SHARED to run)', () => {
  const cases = referenceCases('layers').flatMap((reference) => {
    const layer = layerOf(reference.name)
    return layer === undefined
      ? []
      : referenceDevices.map(
          (device) => [reference.name, deviceTitle(device), reference, layer, device] as const,
        )
  })
  test('every layer here has a case', () => {
    const without = Object.values(layers).filter((layer) => !cases.some((entry) => entry[3] === layer))
    expect(without).toEqual([])
  })
  test.each(cases)('%s on %s', (_, __, reference, layer, device) => {
    checkReference('layers', reference, layer, device)
  })
})
