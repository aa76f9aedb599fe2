import {
  type AnyTensor,
  type AttentionOptions,
  capture,
  type Mask,
  type Score,
  type Tensor,
} from '../../tensor/index.js'
import {
  alibi,
  allOf,
  bias,
  causal,
  cosine,
  explicit,
  inOrder,
  local,
  padding,
  prefix,
  sameDocument,
  slidingWindow,
  softCap,
  t5Bias,
} from '../index.js'
import type { NamedTensors, ReferenceCase } from './reference.js'

/** What cases.json says of an attention beside its tensors. */
export interface AttentionCase extends ReferenceCase {
  readonly kind?: string
  readonly mask: readonly string[]
  readonly score: string
  readonly scale?: number
  readonly sink: boolean
  readonly window?: number
  readonly soft_cap?: number
  readonly bidirectional?: boolean
}

const position = ['batch', 'head', 'query', 'key']

/** The axes of each tensor of a case, in the file's order. */
export const attentionCaseAxes: Readonly<Record<string, readonly string[]>> = {
  q: ['batch', 'head', 'query', 'width'],
  k: ['batch', 'head', 'key', 'width'],
  v: ['batch', 'head', 'key', 'width'],
  d_output: ['batch', 'head', 'query', 'width'],
  output: ['batch', 'head', 'query', 'width'],
  filter: position,
  mask: position,
  bias: position,
  table: ['bucket', 'head'],
  slope: ['head'],
  sink: ['head'],
  temperature: ['head'],
  gain: ['head'],
  prefix: ['batch'],
  query_document: ['batch', 'query'],
  key_document: ['batch', 'key'],
  key_padding: ['batch', 'key'],
  ...Object.fromEntries(
    ['log_sum_exp', 'entropy', 'largest_weight', 'largest_key', 'row_sum'].map((name) => [
      name,
      ['batch', 'head', 'query'],
    ]),
  ),
}

/** The options that make heed compute a case, from the ready-made scores and masks. */
export function attentionCaseOptions(reference: AttentionCase, inputs: NamedTensors): AttentionOptions {
  const masks = reference.mask.map((name) => maskOf(name, reference, inputs))
  const scores = scoresOf(reference, inputs)
  return {
    scale: reference.scale,
    mask: masks.length === 0 ? undefined : allOf(...masks),
    score: scores.length === 0 ? undefined : inOrder(...scores),
    sink: reference.sink ? given<'head'>(inputs, 'sink') : undefined,
  }
}

function given<A extends string>(inputs: NamedTensors, name: string): Tensor<A> {
  const found = inputs[name]
  if (found === undefined) throw new Error(`no tensor ${name}`)
  return found as AnyTensor as Tensor<A>
}

function scoresOf(reference: AttentionCase, inputs: NamedTensors): Score[] {
  const { soft_cap: cap, bidirectional = false } = reference
  const scores: Score[] = []
  if (reference.score === 'cosine') scores.push(cosine(given<'head'>(inputs, 'temperature')))
  if (cap !== undefined) scores.push(softCap(cap))
  if (reference.score === 'alibi') scores.push(alibi(given<'head'>(inputs, 'slope')))
  if (reference.score === 't5')
    scores.push(t5Bias(given<'bucket' | 'head'>(inputs, 'table'), { bidirectional }))
  if (reference.score === 'bias') scores.push(bias(given<'batch' | 'head' | 'query' | 'key'>(inputs, 'bias')))
  if (reference.score === 'written') {
    const gain = capture(given<'head'>(inputs, 'gain'))
    scores.push((score, { head, query, key }) =>
      score.add(gain.at({ head }).mul(query.sub(key).toFloat().sin())),
    )
  }
  const known = ['scaled dot', 'soft cap', 'cosine', 'alibi', 't5', 'bias', 'written']
  if (!known.includes(reference.score)) throw new Error(`${reference.name}: unknown score ${reference.score}`)
  return scores
}

function maskOf(name: string, { window = 0 }: AttentionCase, inputs: NamedTensors): Mask {
  switch (name) {
    case 'causal':
      return causal
    case 'window':
      return slidingWindow(window)
    case 'local':
      return local(window)
    case 'prefix':
      return prefix(given<'batch'>(inputs, 'prefix'))
    case 'document':
      return sameDocument(
        given<'batch' | 'key'>(inputs, 'key_document'),
        given<'batch' | 'query'>(inputs, 'query_document'),
      )
    case 'padding':
      return padding(given<'batch' | 'key'>(inputs, 'key_padding'))
    case 'random':
      return explicit(given<'batch' | 'head' | 'query' | 'key'>(inputs, 'mask'))
    default:
      throw new Error(`unknown mask ${name}`)
  }
}
