import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readSafetensors } from '../../formats/index.js'
import {
  type AttentionDefinition,
  attentionDefinition,
  type AttentionSizes,
  type CapturedTensor,
} from '../attention/index.js'
import { Capture, type Expression, index, input, integer } from '../expression/index.js'
import type { AttentionInputs, CaptureValues } from './attention.js'

/** A case of the reference, as its cases.json tells it. */
export interface ReferenceCase {
  readonly name: string
  readonly file: string
  readonly kind?: string
  readonly sizes: {
    batch: number
    heads: number
    kv_heads: number
    query: number
    key: number
    width: number
    value_width: number
  }
  readonly mask: readonly string[]
  readonly score: string
  readonly scale: number
  readonly sink: boolean
  readonly window?: number
  readonly soft_cap?: number
  readonly bidirectional?: boolean
  readonly tolerance: Readonly<Record<string, number>>
}

/** A case made ready for the kernels. */
export interface PreparedCase {
  readonly definition: AttentionDefinition
  readonly sizes: AttentionSizes
  readonly inputs: AttentionInputs
  readonly tensor: (name: string) => number[]
  /** The names of the captured float tensors, by slot. */
  readonly captured: readonly string[]
  /** Cosine: what query and key were divided by, row by row. */
  readonly norms: { query: number[]; key: number[] } | undefined
}

const folder =
  process.env['HEED_SHARED'] === undefined
    ? undefined
    : join(process.env['HEED_SHARED'], 'reference', 'attention')
export const referenceFolder: string | undefined =
  folder !== undefined && existsSync(folder) ? folder : undefined

export function referenceCases(): ReferenceCase[] {
  if (referenceFolder === undefined) return []
  const { cases } = JSON.parse(readFileSync(join(referenceFolder, 'cases.json'), 'utf8')) as {
    cases: ReferenceCase[]
  }
  return cases.filter(({ kind }) => kind !== 'layer')
}

/**
 * Position of key minus position of query -> bucket of the T5 table; bounds as in the paper's code, as whole
 * numbers.
 */
export function t5Bucket(relative: Expression<'integer'>, bidirectional: boolean): Expression<'integer'> {
  const buckets = bidirectional ? 16 : 32
  const distance = bidirectional ? relative.abs() : relative.neg().max(0)
  const exact = buckets / 2
  let bucket = distance.min(exact)
  for (let b = exact + 1; b < buckets; b++) {
    // The least distance whose bucket is b: exact (128 / exact)^((b − exact) / (buckets − exact)), rounded
    // up.
    const bound = Math.ceil(exact * (128 / exact) ** ((b - exact) / (buckets - exact)) - 1e-9)
    bucket = bucket.add(distance.ge(bound).select(integer(1), 0))
  }
  return bidirectional ? bucket.add(relative.gt(0).select(integer(16), 0)) : bucket
}

export function prepare(reference: ReferenceCase): PreparedCase {
  const { tensors } = readSafetensors(readFileSync(join(referenceFolder!, reference.file)))
  const get = (name: string): { values: number[]; shape: readonly number[] } => {
    const tensor = tensors.get(name)
    if (tensor === undefined) throw new Error(`${reference.name}: no tensor ${name}`)
    return { values: Array.from(tensor.data as ArrayLike<number>), shape: tensor.shape }
  }
  const {
    batch,
    heads,
    kv_heads: kvHeads,
    query: queries,
    key: keys,
    width,
    value_width: valueWidth,
  } = reference.sizes
  const captures: (CapturedTensor & CaptureValues)[] = []
  const captured: string[] = []
  const capture = <K extends 'float' | 'integer'>(kind: K, name: string, contiguous = false): Capture<K> => {
    const { values, shape } = get(name)
    const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1))
    captures.push({
      kind,
      rank: shape.length,
      contiguous: contiguous && shape[shape.length - 1] !== 1,
      values,
      sizes: shape,
      strides,
    })
    captured.push(kind === 'float' ? name : '')
    return new Capture(captures.length - 1, kind, shape.length)
  }
  const [query, key, head] = [index('query'), index('key'), index('head')]
  let [q, k] = [get('q').values, get('k').values]
  let norms: PreparedCase['norms']
  let score = input(0).mul(reference.scale ?? 1)
  if (reference.score === 'cosine') {
    norms = { query: rowNorms(q, width), key: rowNorms(k, width) }
    q = q.map((x, i) => x / norms!.query[Math.floor(i / width)]!)
    k = k.map((x, i) => x / norms!.key[Math.floor(i / width)]!)
    score = input(0).div(capture('float', 'temperature').at(head))
  }
  if (reference.soft_cap !== undefined) score = score.div(reference.soft_cap).tanh().mul(reference.soft_cap)
  if (reference.score === 'alibi')
    score = score.sub(capture('float', 'slope').at(head).mul(query.sub(key).abs()))
  if (reference.score === 't5')
    score = score.add(capture('float', 'table').at(t5Bucket(key.sub(query), reference.bidirectional!), head))
  if (reference.score === 'bias')
    score = score.add(broadcast(capture('float', 'bias', true), get('bias').shape))
  if (reference.score === 'written')
    score = score.add(capture('float', 'gain').at(head).mul(query.sub(key).toFloat().sin()))
  let mask: Expression<'boolean'> | undefined
  for (const name of reference.mask) {
    const next = maskOf(name, reference, capture, (tensor) => get(tensor).shape)
    mask = mask === undefined ? next : mask.and(next)
  }
  const sink = reference.sink ? { sink: get('sink').values } : {}
  return {
    definition: attentionDefinition({ width, valueWidth, score, mask, captures, sink: reference.sink }),
    sizes: { batch, heads, kvHeads, queries, keys },
    inputs: { query: q, key: k, value: get('v').values, captures, ...sink },
    tensor: (name) => get(name).values,
    captured,
    norms,
  }
}

/** The element for a batch, head, query and key of a tensor with these four axes, some of size 1. */
function broadcast<K extends 'float' | 'integer'>(
  capture: Capture<K>,
  shape: readonly number[],
): Expression<K> {
  return capture.at(
    ...['batch', 'head', 'queryRow', 'key'].map((axis, i) => (shape[i] === 1 ? 0 : index(axis))),
  )
}

function maskOf(
  name: string,
  reference: ReferenceCase,
  capture: <K extends 'float' | 'integer'>(kind: K, name: string, contiguous?: boolean) => Capture<K>,
  shape: (name: string) => readonly number[],
): Expression<'boolean'> {
  const [query, key, row, batch] = [index('query'), index('key'), index('queryRow'), index('batch')]
  switch (name) {
    case 'causal':
      return key.le(query)
    case 'window':
      return key.le(query).and(query.sub(key).lt(reference.window!))
    case 'local':
      return query.sub(key).abs().le(reference.window!)
    case 'prefix':
      return key.le(query).or(key.lt(capture('integer', 'prefix').at(batch)))
    case 'document':
      return capture('integer', 'query_document')
        .at(batch, row)
        .eq(capture('integer', 'key_document', true).at(batch, key))
    case 'padding':
      return capture('integer', 'key_padding', true).at(batch, key).eq(1)
    case 'random':
      return broadcast(capture('integer', 'mask', true), shape('mask')).eq(1)
    default:
      throw new Error(`unknown mask ${name}`)
  }
}

function rowNorms(values: readonly number[], width: number): number[] {
  return Array.from({ length: values.length / width }, (_, row) =>
    Math.max(1e-12, Math.hypot(...values.slice(row * width, (row + 1) * width))),
  )
}

/** Gradient of x / |x| by rows -> gradient of x. */
export function normGradient(
  gradient: readonly number[],
  normalized: ArrayLike<number>,
  norms: readonly number[],
  width: number,
): number[] {
  return gradient.map((g, i) => {
    const row = Math.floor(i / width)
    let along = 0
    for (let w = row * width; w < (row + 1) * width; w++) along += gradient[w]! * normalized[w]!
    return (g - normalized[i]! * along) / norms[row]!
  })
}
