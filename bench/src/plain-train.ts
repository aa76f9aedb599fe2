/** The character model's training in f64, one scalar at a time: slow, short, and with nothing to hide. */
import type { Inputs, TrainWork } from './peer.js'
import { erf } from './erf.js'

/** A number that remembers what it came from. */
class Scalar {
  readonly value: number
  readonly from: readonly (readonly [Scalar, number])[]
  gradient = 0
  /** `from`: each input with this value's derivative by it. */
  constructor(value: number, from: readonly (readonly [Scalar, number])[] = []) {
    this.value = value
    this.from = from
  }
}

const add = (a: Scalar, b: Scalar): Scalar =>
  new Scalar(a.value + b.value, [
    [a, 1],
    [b, 1],
  ])
const scaled = (a: Scalar, by: number): Scalar => new Scalar(a.value * by, [[a, by]])
const exp = (a: Scalar): Scalar => new Scalar(Math.exp(a.value), [[a, Math.exp(a.value)]])
const log = (a: Scalar): Scalar => new Scalar(Math.log(a.value), [[a, 1 / a.value]])
const power = (a: Scalar, n: number): Scalar => new Scalar(a.value ** n, [[a, n * a.value ** (n - 1)]])
const multiply = (a: Scalar, b: Scalar): Scalar =>
  new Scalar(a.value * b.value, [
    [a, b.value],
    [b, a.value],
  ])
const sum = (all: Scalar[]): Scalar =>
  new Scalar(
    all.reduce((total, a) => total + a.value, 0),
    all.map((a) => [a, 1] as const),
  )
const dot = (a: Scalar[], b: Scalar[]): Scalar => sum(a.map((x, i) => multiply(x, b[i]!)))

function gelu(a: Scalar): Scalar {
  const x = a.value
  const below = (1 + erf(x / Math.SQRT2)) / 2
  return new Scalar(x * below, [[a, below + (x * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI)]])
}

function backward(loss: Scalar): void {
  const order: Scalar[] = []
  const seen = new Set<Scalar>()
  const visit = (node: Scalar): void => {
    if (seen.has(node)) return
    seen.add(node)
    for (const [input] of node.from) visit(input)
    order.push(node)
  }
  visit(loss)
  loss.gradient = 1
  for (const node of order.reverse())
    for (const [input, derivative] of node.from) input.gradient += derivative * node.gradient
}

type Matrix = Scalar[][]
const columnsOf = (a: Matrix): Matrix => a[0]!.map((_, j) => a.map((row) => row[j]!))
const times = (a: Matrix, b: Matrix): Matrix => {
  const columns = columnsOf(b)
  return a.map((row) => columns.map((column) => dot(row, column)))
}
const plus = (a: Matrix, b: Matrix): Matrix => a.map((row, i) => row.map((x, j) => add(x, b[i]![j]!)))

function norm(x: Matrix, scale: Scalar[]): Matrix {
  return x.map((row) => {
    const mean = scaled(sum(row), 1 / row.length)
    const centred = row.map((a) => add(a, scaled(mean, -1)))
    const variance = scaled(sum(centred.map((a) => power(a, 2))), 1 / row.length)
    const inverse = power(add(variance, new Scalar(1e-5)), -0.5)
    return centred.map((a, i) => multiply(multiply(a, inverse), scale[i]!))
  })
}

function causalAttention(query: Matrix, key: Matrix, value: Matrix, heads: number): Matrix {
  const width = query[0]!.length / heads
  return query.map((row, i) =>
    Array.from({ length: heads }, (_, head) => {
      const part = (x: Scalar[]): Scalar[] => x.slice(head * width, (head + 1) * width)
      const powers = key
        .slice(0, i + 1)
        .map((k) => exp(scaled(dot(part(row), part(k)), 1 / Math.sqrt(width))))
      const inverse = power(sum(powers), -1)
      const filter = powers.map((p) => multiply(p, inverse))
      return columnsOf(value.slice(0, i + 1).map(part)).map((column) => dot(filter, column))
    }).flat(),
  )
}

function lossOf(work: TrainWork, parameter: (name: string) => Matrix, batch: Int32Array): Scalar {
  const terms: Scalar[] = []
  for (let sequence = 0; sequence < work.batch; sequence++) {
    const at = sequence * (work.context + 1)
    const tokens = [...batch.subarray(at, at + work.context + 1)]
    const embedding = parameter('embedding')
    let x = plus(
      tokens.slice(0, -1).map((id) => embedding[id]!),
      parameter('position'),
    )
    for (let layer = 0; layer < work.layers; layer++) {
      const of = (name: string): Matrix => parameter(`layer${layer}.${name}`)
      const first = norm(x, of('attentionNormScale')[0]!)
      const [query, key, value] = ['query', 'key', 'value'].map((name) => times(first, of(`${name}Weight`)))
      x = plus(x, times(causalAttention(query!, key!, value!, work.heads), of('outputWeight')))
      const inner = times(norm(x, of('hiddenNormScale')[0]!), of('hiddenWeight'))
      x = plus(
        x,
        times(
          inner.map((row) => row.map(gelu)),
          of('projectionWeight'),
        ),
      )
    }
    const logits = times(norm(x, parameter('normScale')[0]!), columnsOf(embedding))
    logits.forEach((row, i) => {
      terms.push(add(log(sum(row.map(exp))), scaled(row[tokens[i + 1]!]!, -1)))
    })
  }
  return scaled(sum(terms), 1 / terms.length)
}

/** The loss of each of `steps` AdamW steps (Loshchilov and Hutter 2019, algorithm 2), before its update. */
export function plainLosses(work: TrainWork, inputs: Inputs['train'], steps: number): number[] {
  const state = Object.entries(inputs.parameters).map(([name, { shape, values }]) => ({
    name,
    decay: shape.length === 2 ? 0.1 : 0,
    columns: shape[shape.length - 1]!,
    values: Float64Array.from(values),
    first: new Float64Array(values.length),
    second: new Float64Array(values.length),
  }))
  const losses: number[] = []
  for (let step = 1; step <= steps; step++) {
    const scalars = new Map(state.map((one) => [one.name, [...one.values].map((x) => new Scalar(x))]))
    const matrix = (name: string): Matrix => {
      const { columns } = state.find((one) => one.name === name)!
      const all = scalars.get(name)!
      return Array.from({ length: all.length / columns }, (_, i) => all.slice(i * columns, (i + 1) * columns))
    }
    const loss = lossOf(work, matrix, inputs.batches[(step - 1) % inputs.batches.length]!)
    backward(loss)
    losses.push(loss.value)
    for (const one of state)
      scalars.get(one.name)!.forEach(({ gradient }, i) => {
        one.first[i] = 0.9 * one.first[i]! + 0.1 * gradient
        one.second[i] = 0.99 * one.second[i]! + 0.01 * gradient ** 2
        const mean = one.first[i]! / (1 - 0.9 ** step)
        const spread = Math.sqrt(one.second[i]! / (1 - 0.99 ** step)) + 1e-8
        one.values[i] = one.values[i]! - 1e-3 * (mean / spread + one.decay * one.values[i]!)
      })
  }
  return losses
}
