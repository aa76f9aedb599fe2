import { spread } from '../expression/index.js'
import {
  type Int,
  type Kernel,
  kernel,
  type Mask,
  type ParameterTerms,
  type ParameterType,
  type Vector,
} from '../language/index.js'
import type { Launch } from '../launch.js'
import { CaptureScatter, gradientParameters, gradientValues } from './capture-scatter.js'
import { checkPlaces, type LeafPlaces } from './check.js'
import type { AttentionDefinition, AttentionSizes } from './definition.js'
import { attentionDerivative, groupByAxes, type Separable } from './derivative.js'
import { headEmitter, leafEnvironment, leafParameters, leafValues, type Terms } from './leaves.js'
import type { Place } from './places.js'
import { taskRanges } from './ranges.js'

/** Where the tensors of the plain path lie, each of axes batch, head, query, key; the key's stride is 1. */
export interface ScorePlaces extends LeafPlaces {
  /** q·k, unscaled. */
  readonly products: Place
  readonly scores: Place
}

export interface ScoreGradientPlaces extends ScorePlaces {
  /** Gradient of the scores is read from `scores`; that of the products goes here, where it is wanted. */
  readonly productGradient?: Place
}

/** Elements that make one task. */
const taskElements = 16384

const rowParameters = {
  products: 'f32*',
  productsBatch: 'i32',
  productsHead: 'i32',
  productsRow: 'i32',
  scores: 'f32*',
  scoresBatch: 'i32',
  scoresHead: 'i32',
  scoresRow: 'i32',
  heads: 'i32',
  queries: 'i32',
  keys: 'i32',
} as const
const forwardParameters = { ...rowParameters, rowsPerTask: 'i32' } as const
const backwardParameters = {
  ...rowParameters,
  batches: 'i32',
  gradient: 'f32*',
  gradientBatch: 'i32',
  gradientHead: 'i32',
  gradientRow: 'i32',
} as const

/** The plain path: scores[batch head query key] from products, −infinity where masked. */
export function planScores(
  definition: AttentionDefinition,
  sizes: AttentionSizes,
  places: ScorePlaces,
): Launch[] {
  checkPlaces('attention scores', definition, sizes, places)
  const { batch, heads, queries, keys } = sizes
  const rowsPerTask = Math.max(1, Math.floor(taskElements / Math.max(1, keys)))
  return [
    {
      kernel: scoresKernel(definition),
      tasks: batch * heads * Math.ceil(queries / rowsPerTask),
      parameters: [
        ...placeValues(places.products),
        ...placeValues(places.scores),
        heads,
        queries,
        keys,
        rowsPerTask,
        ...leafValues(places.parameters, places.captures),
      ],
    },
  ]
}

function scoresKernel(definition: AttentionDefinition): Kernel {
  const types: Record<string, ParameterType> = { ...forwardParameters, ...leafParameters(definition) }
  const { score, mask, roots } = definition
  return kernel(`attention scores ${definition.key}`, types, (k, given, task) => {
    const terms = given as unknown as Terms
    const p = given as unknown as ParameterTerms<typeof forwardParameters>
    const blocks = p.queries.add(p.rowsPerTask).sub(1).div(p.rowsPerTask)
    const matrix = task.div(blocks)
    const [batch, head] = [matrix.div(p.heads), matrix.rem(p.heads)]
    const firstRow = task.rem(blocks).mul(p.rowsPerTask)
    const emitter = headEmitter(k, terms, definition, roots, batch, head)
    const from = p.products.at(batch.mul(p.productsBatch)).at(head.mul(p.productsHead))
    const to = p.scores.at(batch.mul(p.scoresBatch)).at(head.mul(p.scoresHead))
    k.loop(firstRow, firstRow.add(p.rowsPerTask).min(p.queries), 1, (row) => {
      const rowEmitter = emitter.within({ index: rowIndex(row, p) })
      rowEmitter.hoist(roots)
      const [source, target] = [from.at(row.mul(p.productsRow)), to.at(row.mul(p.scoresRow))]
      k.vectors(p.keys, (key, valid) => {
        const inner = rowEmitter.within({
          ...leafEnvironment(k, terms, definition, { axis: 'key', first: key, mask: valid }),
          input: () => k.load(source.at(key), valid),
          index: (axis) => (axis === 'key' ? k.laneIndex().add(key) : undefined),
        })
        const value = spread(inner.emit(score)) as Vector
        const allowed = mask === undefined ? undefined : (spread(inner.emit(mask)) as Mask)
        k.store(target.at(key), allowed?.select(value, k.vector(-Infinity)) ?? value, valid)
      })
    })
  })
}

/** Gradients of the products, where they are wanted, and of the captured tensors in `slots`, which are added to what is there. */
export function planScoresBackward(
  definition: AttentionDefinition,
  sizes: AttentionSizes,
  slots: readonly number[],
  places: ScoreGradientPlaces,
): Launch[] {
  checkPlaces('attention scores backward', definition, sizes, places)
  const { batch, heads, queries, keys } = sizes
  const { productGradient } = places
  const extents: Readonly<Record<Separable, number>> = { batch, head: heads, queryRow: queries }
  const launch = (slots: readonly number[], axes: readonly Separable[]): Launch => ({
    kernel: scoresGradientKernel(definition, slots, axes),
    tasks: axes.reduce((tasks, axis) => tasks * extents[axis], 1),
    scratchBytes: 64 * 8,
    parameters: [
      ...placeValues(places.products),
      ...placeValues(places.scores),
      heads,
      queries,
      keys,
      batch,
      ...placeValues(productGradient ?? places.products),
      ...gradientValues(slots, places.captureGradients ?? []),
      ...leafValues(places.parameters, places.captures),
    ],
  })
  return [
    ...(productGradient === undefined ? [] : [launch([], ['batch', 'head', 'queryRow'])]),
    ...groupByAxes(definition, slots).map(({ slots, axes }) => launch(slots, axes)),
  ]
}

/** Without slots the gradient of the products; else those of the slots. A task has one position along each of `axes`, and all of the others. */
function scoresGradientKernel(
  definition: AttentionDefinition,
  slots: readonly number[],
  axes: readonly Separable[],
): Kernel {
  const types: Record<string, ParameterType> = {
    ...backwardParameters,
    ...gradientParameters(definition, slots),
    ...leafParameters(definition),
  }
  const derivative = attentionDerivative(definition)
  const { mask, product, roots } = derivative
  const name = `attention scores gradient ${slots.join(',') || 'of products'} ${axes.join(',')} ${definition.key}`
  return kernel(name, types, (k, given, task) => {
    const terms = given as unknown as Terms
    const p = given as unknown as ParameterTerms<typeof backwardParameters>
    const scatter = new CaptureScatter(terms, definition, derivative, slots, k.scratch('f32'))
    const range = taskRanges(k, task, axes)
    const row = (batch: Int, head: Int, i: Int): void => {
      const emitter = headEmitter(k, terms, definition, roots, batch, head).within({ index: rowIndex(i, p) })
      emitter.hoist(roots)
      const source = p.products
        .at(batch.mul(p.productsBatch))
        .at(head.mul(p.productsHead))
        .at(i.mul(p.productsRow))
      const upstream = p.scores.at(batch.mul(p.scoresBatch)).at(head.mul(p.scoresHead)).at(i.mul(p.scoresRow))
      const target = p.gradient
        .at(batch.mul(p.gradientBatch))
        .at(head.mul(p.gradientHead))
        .at(i.mul(p.gradientRow))
      const sums = slots.length === 0 ? undefined : scatter.beginRow(k, emitter)
      k.vectors(p.keys, (key, valid) => {
        const inner = emitter.within({
          ...leafEnvironment(k, terms, definition, { axis: 'key', first: key, mask: valid }),
          input: (slot) => k.load((slot === 0 ? source : upstream).at(key), valid),
          index: (axis) => (axis === 'key' ? k.laneIndex().add(key) : undefined),
        })
        const allowed = allowedHere(valid, mask && (spread(inner.emit(mask)) as Mask))
        const keep = (value: Vector): Vector => allowed?.select(value, k.vector(0)) ?? value
        if (sums === undefined) {
          const value = product === undefined ? k.vector(0) : (spread(inner.emit(product)) as Vector)
          k.store(target.at(key), keep(value), valid)
        } else sums.add(inner, { axis: 'key', first: key, mask: valid }, p.keys, keep)
      })
      sums?.end()
    }
    range('batch', p.batches, 1, (batch) =>
      range('head', p.heads, 1, (head) => range('queryRow', p.queries, 1, (i) => row(batch, head, i))),
    )
  })
}

function allowedHere(valid: Mask | undefined, allowed: Mask | undefined): Mask | undefined {
  return valid === undefined ? allowed : allowed === undefined ? valid : valid.and(allowed)
}

/** The positions of a query row. */
function rowIndex(
  row: Int,
  { keys, queries }: { readonly keys: Int; readonly queries: Int },
): (axis: string) => Int | undefined {
  return (axis) => (axis === 'query' ? row.add(keys).sub(queries) : axis === 'queryRow' ? row : undefined)
}

function placeValues({ address, batch, head, row }: Place): number[] {
  return [address, batch, head, row]
}
