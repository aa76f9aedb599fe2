import { describe, test } from 'vitest'
import type { Device } from '../device/index.js'
import { stack, type Tensor } from '../tensor/index.js'
import {
  additiveScores,
  align,
  bidirectionalGru,
  bidirectionalLstm,
  concatScores,
  dotScores,
  generalScores,
  gru,
  lstm,
  poolFirst,
  poolLast,
  poolMax,
  poolMean,
  type LongShortState,
  type Pooled,
  type Recurrent,
  type Sequence,
} from './index.js'
import {
  checkReference,
  deviceTitle,
  type NamedTensors,
  referenceCases,
  type ReferenceCase,
  referenceDevices,
  type ReferenceLayer,
} from './testing/reference.js'

// Recurrent layers, their attention, and pooling against the numbers of another implementation.

const cases = referenceCases('layers')

/** How a case of the file is computed here; undefined for a case of another test. */
function layerOf({ name, inputs }: ReferenceCase): ReferenceLayer | undefined {
  if (/^(lstm|gru)(-|$)/.test(name)) return recurrentLayer('c0' in inputs, 'input_weight_reverse' in inputs)
  if (name === 'bahdanau' || name.startsWith('luong-')) return alignmentLayer(name)
  if (name.startsWith('pool-')) return poolingLayer(name)
  return undefined
}

function recurrentLayer(long: boolean, both: boolean): ReferenceLayer {
  const state = ['direction', 'batch', 'unit']
  const parameterAxes: Record<string, string[]> = {}
  for (const end of ['', '_reverse']) {
    parameterAxes[`input_weight${end}`] = ['row', 'width']
    parameterAxes[`hidden_weight${end}`] = ['row', 'state']
    parameterAxes[`input_bias${end}`] = ['row']
    parameterAxes[`hidden_bias${end}`] = ['row']
  }
  const gates = long ? 4 : 3
  return {
    axes: {
      x: ['batch', 'position', 'width'],
      h0: state,
      c0: state,
      last_h: state,
      last_c: state,
      lengths: ['batch'],
      output: ['batch', 'position', 'unit'],
      ...parameterAxes,
    },
    run: (given) => {
      const x = given.x as unknown as Sequence
      const lengths = given.lengths as Tensor<string> as Tensor<'batch'>
      const parametersOf = (end: string): Recurrent => {
        const unit = given.h0!.size('unit')
        const apart = (name: string): Tensor => given[`${name}${end}`]!.split('row', { gate: gates, unit })
        const parameters: unknown = {
          input: { weight: apart('input_weight'), bias: apart('input_bias') },
          hidden: { weight: apart('hidden_weight'), bias: apart('hidden_bias') },
        }
        return parameters as Recurrent
      }
      const initialOf = (direction: number): LongShortState => ({
        hidden: given.h0!.at('direction', direction) as never,
        cell: given[long ? 'c0' : 'h0']!.at('direction', direction) as never,
      })
      const directions = {
        forward: parametersOf(''),
        backward: both ? parametersOf('_reverse') : parametersOf(''),
      }
      const initial = { forward: initialOf(0), backward: initialOf(both ? 1 : 0) }
      if (long) {
        const found = both
          ? bidirectionalLstm(directions, x, { initial, lengths })
          : oneWay(lstm(directions.forward, x, { initial: initial.forward, lengths }))
        const last = both ? [found.last.forward, found.last.backward] : [found.last.forward]
        return {
          output: found.output,
          last_h: stack(
            last.map(({ hidden }) => hidden),
            'direction',
          ),
          last_c: stack(
            last.map(({ cell }) => cell),
            'direction',
          ),
        }
      }
      const states = { forward: initial.forward.hidden, backward: initial.backward.hidden }
      const found = both
        ? bidirectionalGru(directions, x, { initial: states, lengths })
        : oneWay(gru(directions.forward, x, { initial: states.forward, lengths }))
      const last = both ? [found.last.forward, found.last.backward] : [found.last.forward]
      return { output: found.output, last_h: stack(last, 'direction') }
    },
  }
}

function oneWay<S>({ output, last }: { output: Tensor<'batch' | 'position' | 'unit'>; last: S }): {
  output: Tensor<'batch' | 'position' | 'unit'>
  last: { forward: S; backward: S }
} {
  return { output, last: { forward: last, backward: last } }
}

function alignmentLayer(name: string): ReferenceLayer {
  const scoresOf = (
    given: NamedTensors,
    state: Tensor<'batch' | 'state'>,
    memory: Sequence,
  ): Tensor<'batch' | 'position'> => {
    const { query_weight, key_weight, bias, weight, score_weight: score } = given
    switch (name) {
      case 'bahdanau': {
        const parameters: unknown = {
          query: { weight: query_weight },
          key: { weight: key_weight },
          bias,
          score,
        }
        return additiveScores(parameters as Parameters<typeof additiveScores>[0], state, memory)
      }
      case 'luong-dot':
        return dotScores(state, memory)
      case 'luong-general':
        return generalScores(weight as Tensor<string> as Tensor<'state' | 'width'>, state, memory)
      case 'luong-concat': {
        const parameters: unknown = { weight, score }
        return concatScores(parameters as Parameters<typeof concatScores>[0], state, memory)
      }
      default:
        throw new Error(`no score for ${name}`)
    }
  }
  return {
    axes: {
      state: ['batch', 'state'],
      memory: ['batch', 'position', 'width'],
      query_weight: ['alignment', 'state'],
      key_weight: ['alignment', 'width'],
      bias: ['alignment'],
      score_weight: ['alignment'],
      weight: name === 'luong-general' ? ['state', 'width'] : ['alignment', 'joined'],
      key_padding: ['batch', 'position'],
      output: ['batch', 'width'],
      filter: ['batch', 'position'],
    },
    run: (given) => {
      const memory = given.memory as unknown as Sequence
      const scores = scoresOf(given, given.state as Tensor<string> as Tensor<'batch' | 'state'>, memory)
      const { output, filter } = align<'batch'>(scores, memory, given.key_padding as Tensor<string> as never)
      return { output, filter }
    },
  }
}

function poolingLayer(name: string): ReferenceLayer {
  type Pool = (x: Sequence, real: Tensor<'batch' | 'position'>) => Pooled
  const pools: Readonly<Record<string, Pool>> = {
    'pool-first': poolFirst,
    'pool-last': poolLast,
    'pool-max': poolMax,
    'pool-mean': poolMean,
  }
  return {
    axes: { x: ['batch', 'position', 'width'], padding: ['batch', 'position'], output: ['batch', 'width'] },
    run: ({ x, padding }) => ({
      output: pools[name]!(x as unknown as Sequence, padding as Tensor<string> as never),
    }),
  }
}

const layers = cases.flatMap((reference) => {
  const layer = layerOf(reference)
  return layer === undefined ? [] : [{ reference, layer, name: reference.name }]
})

describe.skipIf(cases.length === 0)('recurrent layers equal PyTorch, forward and every gradient', () => {
  describe.each(referenceDevices.map((device): [string, Device] => [deviceTitle(device), device]))(
    'on %s',
    (_, device) => {
      test.each(layers)('$name', ({ reference, layer }) => checkReference('layers', reference, layer, device))
    },
  )
})
