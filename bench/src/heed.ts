/**
 * heed as the harness sees it. Each function formulates one kind of work (see peer.ts) the way a user of the
 * library would write it.
 */
import { readFileSync } from 'node:fs'
import {
  adamw,
  add,
  attention,
  type Block,
  causal,
  crossEntropy,
  currentDevice,
  type Decoder,
  decoderConfig,
  decoderLogits,
  dispose,
  dot,
  encoderBlock,
  gelu,
  keep,
  layerNorm,
  type Linear,
  matricesDecay,
  mul,
  quantizeDecoder,
  scope,
  slidingWindow,
  softmax,
  sum,
  type Tensor,
  tensor,
  valueAndGrad,
} from 'heed'
import { bert, blockOf, encode, encoderOf, gpt2Config, gpt2Of, Writer } from './heed-models.js'
import type {
  AttentionWork,
  DecodeWork,
  EncoderWork,
  Formulation,
  Inputs,
  LayerWork,
  Peer,
  Prepared,
  RowsWork,
  TrainWork,
} from './peer.js'

/** A work whose result is tensors: kept until the next run. */
function running<T>(inputs: unknown, work: () => T, read: (result: T) => Float32Array[]): Prepared {
  keep(inputs)
  let result: T | undefined
  const run = (): void => {
    dispose(result)
    result = keep(scope(work))
  }
  return {
    run,
    read() {
      if (result === undefined) run()
      return read(result!)
    },
    dispose() {
      dispose([inputs, result])
      result = undefined
    },
  }
}

const floatsOf = (x: Tensor): Float32Array => x.values() as Float32Array
const one = (name: string, prepare: () => Prepared, tolerance?: number): Formulation[] => [
  { name, prepare: () => Promise.resolve(prepare()), ...(tolerance !== undefined && { tolerance }) },
]

function attentionOf(
  { heads, length, width, causal: masked, gradient, window }: AttentionWork,
  inputs: Inputs['attention'],
): Formulation[] {
  return one('attention', () => {
    const of = <A extends 'query' | 'key'>(values: Float32Array, axis: A): Tensor<'head' | A | 'width'> =>
      tensor(values, { head: heads, [axis]: length, width } as Record<'head' | A | 'width', number>)
    const query = of(inputs.query, 'query')
    const key = of(inputs.key, 'key')
    const value = of(inputs.value, 'key')
    const mask = window === undefined ? (masked ? causal : undefined) : slidingWindow(window)
    const options = { mask }
    if (!gradient)
      return running(
        [query, key, value],
        () => attention(query, key, value, options),
        (output) => [floatsOf(output as Tensor)],
      )
    const upstream = of(inputs.outputGradient, 'query')
    const gradients = valueAndGrad((given: { q: typeof query; k: typeof key; v: typeof key }) =>
      sum(mul(attention(given.q, given.k, given.v, options), upstream)),
    )
    return running(
      [query, key, value, upstream],
      () => gradients({ q: query, k: key, v: value }).gradient,
      ({ q, k, v }) => [floatsOf(q as Tensor), floatsOf(k as Tensor), floatsOf(v as Tensor)],
    )
  })
}

function layerOf(
  { length, width, heads, hidden }: LayerWork,
  { x: values, weights }: Inputs['layer'],
): Formulation[] {
  return one('encoderBlock', () => {
    const block = blockOf(weights, { width, heads, hidden })
    const x = tensor(values, { batch: 1, position: length, width })
    return running(
      [block, x],
      () => encoderBlock(block, x, bert),
      (y) => [floatsOf(y as Tensor)],
    )
  })
}

function trainOf(
  { layers, width, heads, context, vocabulary, batch }: TrainWork,
  { parameters, batches }: Inputs['train'],
): Formulation[] {
  return one('decoder', () => {
    const headWidth = width / heads
    const hidden = 4 * width
    const of = <A extends string>(name: string, shape: Record<A, number>): Tensor<A> =>
      tensor(parameters[name]!.values, shape)
    const config = decoderConfig({
      architecture: 'decoder',
      vocabulary,
      context,
      width,
      layers,
      heads,
      hidden,
      gated: false,
      activation: 'gelu',
      norm: 'layer',
      epsilon: 1e-5,
      position: 'learned',
      bias: false,
    })
    const blockOf = (at: string): Block => {
      const role = (name: string): Linear<'width', 'head' | 'headWidth'> => ({
        weight: of(`${at}${name}Weight`, { width, head: heads, headWidth }),
      })
      return {
        attentionNorm: { weight: of(`${at}attentionNormScale`, { width }) },
        attention: {
          query: role('query'),
          key: role('key'),
          value: role('value'),
          output: { weight: of(`${at}outputWeight`, { head: heads, headWidth, width }) },
        },
        feedForwardNorm: { weight: of(`${at}hiddenNormScale`, { width }) },
        feedForward: {
          up: { weight: of(`${at}hiddenWeight`, { width, hidden }) },
          down: { weight: of(`${at}projectionWeight`, { hidden, width }) },
        },
      }
    }
    let model: Decoder = keep({
      embedding: { weight: of('embedding', { vocabulary, width }) },
      position: of('position', { position: context, width }),
      blocks: Array.from({ length: layers }, (_, layer) => blockOf(`layer${layer}.`)),
      norm: { weight: of('normScale', { width }) },
    })
    const optimizer = adamw({ betas: [0.9, 0.99], epsilon: 1e-8, decay: 0.1, decayed: matricesDecay })
    let state = keep(optimizer.init(model))
    const data = batches.map((tokens) => {
      const part = (shift: number): Int32Array =>
        Int32Array.from(
          { length: batch * context },
          (_, i) => tokens[Math.floor(i / context) * (context + 1) + (i % context) + shift]!,
        )
      const shape = { batch, position: context }
      return keep({
        ids: tensor(part(0), shape, { dtype: 'i32' }),
        next: tensor(part(1), shape, { dtype: 'i32' }),
      })
    })
    const both = valueAndGrad((given: Decoder, { ids, next }: (typeof data)[number]) =>
      crossEntropy(decoderLogits(given, config, ids), next, 'vocabulary'),
    )
    const losses: number[] = []
    return {
      run() {
        losses.push(
          scope(() => {
            const { value, gradient } = both(model, data[losses.length % data.length]!)
            const loss = value.item()
            const updated = optimizer.update(model, gradient, state, { rate: 1e-3, free: true })
            model = keep(updated.model)
            state = keep(updated.state)
            return loss
          }),
        )
      },
      read: () => [Float32Array.from(losses)],
      dispose: () => dispose([model, state, data]),
    }
  })
}

function encoderFormulations(work: EncoderWork, { parameters, ids }: Inputs['encoder']): Formulation[] {
  return one('encoderBlock', () => {
    const model = encoderOf(parameters, work)
    const shape = { batch: work.batch, position: work.length }
    const given = tensor(ids, shape, { dtype: 'i32' })
    return running(
      [model, given],
      () => encode(model, given),
      (y) => [floatsOf(y as Tensor)],
    )
  })
}

/** What heed has for a format of GGUF's: as many bits, and a scale for as many weights or more. */
const formatOf = { f16: 'bf16', q8_0: 'int8', q4_0: 'int4' } as const
/** What rounding weights and activations costs, as a share of the largest logit, for weights drawn evenly. */
const toleranceOf = { f32: 1e-4, f16: 1e-2, q8_0: 3e-2, q4_0: 0.4 } as const

function decodeFormulations(work: DecodeWork, { parameters, ids }: Inputs['decode']): Formulation[] {
  const format = work.weights === 'f32' ? undefined : formatOf[work.weights]
  return one(
    format ?? 'f32',
    () => {
      const given = gpt2Of(parameters, work)
      // All matrices in the format that the work asks for, the table too.
      const model = keep(format ? quantizeDecoder(given, format, { table: format, freeing: true }) : given)
      const writer = new Writer(model, gpt2Config(work), ids)
      let logits: Float32Array | undefined
      return {
        run() {
          logits = writer.write(work.tokens)
        },
        read: () => [logits ?? writer.write(1)],
        dispose() {
          writer.dispose()
          dispose(model)
        },
      }
    },
    toleranceOf[work.weights],
  )
}

function rowsOf({ operation, rows, columns }: RowsWork, inputs: Inputs['rows']): Formulation[] {
  return one(operation, () => {
    const shape = { row: rows, column: columns }
    const a = tensor(inputs.a, shape)
    const vector = (values: Float32Array): Tensor<'column'> => tensor(values, { column: columns })
    const read = (y: Tensor<'row' | 'column'>): Float32Array[] => [floatsOf(y as Tensor)]
    if (operation === 'add') {
      const b = tensor(inputs.b, shape)
      return running([a, b], () => add(a, b), read)
    }
    if (operation === 'gelu') return running(a, () => gelu(a), read)
    if (operation === 'softmax') return running(a, () => softmax(a, 'column'), read)
    const [weight, bias] = [vector(inputs.scale), vector(inputs.shift)]
    return running([a, weight, bias], () => layerNorm(a, 'column', { weight, bias, epsilon: 1e-5 }), read)
  })
}

/** The version of the package that a file belongs to. */
function versionOf(file: string): string {
  for (let folder = new URL('.', file); ; folder = new URL('..', folder)) {
    try {
      return (JSON.parse(readFileSync(new URL('package.json', folder), 'utf8')) as { version: string })
        .version
    } catch {
      if (folder.pathname === '/') return ''
    }
  }
}

/** `variant` is the target asked for with --target; '' is heed's own choice. */
export function load(variant: string): Promise<Peer> {
  if (variant) process.env['HEED_TARGET'] = variant
  const device = currentDevice()
  return Promise.resolve({
    version: versionOf(import.meta.resolve('heed')),
    target: device.name,
    configuration: `${device.target.machine.lanes} lanes, ${device.threads} threads`,
    matmul: ({ m, k, n }, inputs) =>
      one('dot', () => {
        const a = tensor(inputs.a, { m, k })
        const b = tensor(inputs.b, { k, n })
        return running(
          [a, b],
          () => dot(a, b, 'k'),
          (c) => [floatsOf(c as Tensor)],
        )
      }),
    attention: attentionOf,
    layer: layerOf,
    train: trainOf,
    rows: rowsOf,
    encoder: encoderFormulations,
    decode: decodeFormulations,
    add: ({ size }, inputs) =>
      one('add', () => {
        const a = tensor(inputs.a, { i: size })
        const b = tensor(inputs.b, { i: size })
        return running(
          [a, b],
          () => add(a, b),
          (y) => [floatsOf(y as Tensor)],
        )
      }),
  })
}
