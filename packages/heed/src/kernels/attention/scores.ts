import { spread } from '../expression/index.js'
import {
  type Int,
  type Kernel,
  kernel,
  type Mask,
  type ParameterTerms,
  type Vector,
} from '../language/index.js'
import { type Launch, launchOf } from '../launch.js'
import {
  CaptureScatter,
  type GradientParameters,
  gradientParameters,
  gradientValues,
} from './capture-scatter.js'
import { checkPlaces, type LeafPlaces } from './check.js'
import type { AttentionDefinition, AttentionSizes } from './definition.js'
import { attentionDerivative, groupByAxes, type Separable } from './derivative.js'
import {
  headEmitter,
  leafEnvironment,
  type LeafParameters,
  leafParameters,
  leafValues,
  type Terms,
} from './leaves.js'
import type { Place } from './places.js'
import { taskRanges } from './ranges.js'
import { type PlaceParameters, placeParameters, placeValues } from './workspace.js'

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

type RowParameters = PlaceParameters<'products' | 'scores'> & {
  readonly heads: 'i32'
  readonly queries: 'i32'
  readonly keys: 'i32'
}
const rowParameters: RowParameters = {
  ...placeParameters('products'),
  ...placeParameters('scores'),
  heads: 'i32',
  queries: 'i32',
  keys: 'i32',
}
type ForwardParameters = RowParameters & { readonly rowsPerTask: 'i32' }
type BackwardParameters = RowParameters & PlaceParameters<'gradient'> & { readonly batches: 'i32' }

/** The plain path: scores[batch head query key] from products, `hidden` where masked. */
export function planScores(
  definition: AttentionDefinition,
  sizes: AttentionSizes,
  places: ScorePlaces,
  hidden: number = -Infinity,
): Launch[] {
  checkPlaces('attention scores', definition, sizes, places)
  const { batch, heads, queries, keys } = sizes
  const rowsPerTask = Math.max(1, Math.floor(taskElements / Math.max(1, keys)))
  const values = {
    ...placeValues('products', places.products),
    ...placeValues('scores', places.scores),
    heads,
    queries,
    keys,
    rowsPerTask,
    ...leafValues(places.parameters, places.captures),
  }
  return [
    launchOf(scoresKernel(definition, hidden), values, batch * heads * Math.ceil(queries / rowsPerTask)),
  ]
}

function scoresKernel(
  definition: AttentionDefinition,
  hidden: number,
): Kernel<ForwardParameters & LeafParameters> {
  const types: ForwardParameters & LeafParameters = {
    ...rowParameters,
    rowsPerTask: 'i32',
    ...leafParameters(definition),
  }
  const { score, mask, roots } = definition
  const name = `attention scores ${hidden === 0 ? 'or 0 ' : ''}${definition.key}`
  return kernel(name, types, (k, given, task) => {
    const terms = given as unknown as Terms
    const p = given as unknown as ParameterTerms<ForwardParameters>
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
        k.store(target.at(key), allowed?.select(value, k.vector(hidden)) ?? value, valid)
      })
    })
  })
}

/**
 * Gradients of the products, where they are wanted, and of the captured tensors in `slots`, which are added
 * to what is there.
 */
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
  const values = {
    ...placeValues('products', places.products),
    ...placeValues('scores', places.scores),
    heads,
    queries,
    keys,
    batches: batch,
    ...placeValues('gradient', productGradient ?? places.products),
    ...leafValues(places.parameters, places.captures),
  }
  const launch = (slots: readonly number[], axes: readonly Separable[]): Launch =>
    launchOf(
      scoresGradientKernel(definition, slots, axes),
      { ...values, ...gradientValues(slots, places.captureGradients ?? []) },
      axes.reduce((tasks, axis) => tasks * extents[axis], 1),
      64 * 8,
    )
  return [
    ...(productGradient === undefined ? [] : [launch([], ['batch', 'head', 'queryRow'])]),
    ...groupByAxes(definition, slots).map(({ slots, axes }) => launch(slots, axes)),
  ]
}

type GradientKernelParameters = BackwardParameters & GradientParameters & LeafParameters

/**
 * Without slots the gradient of the products; else those of the slots. A task has one position along each of
 * `axes`, and all of the others.
 */
function scoresGradientKernel(
  definition: AttentionDefinition,
  slots: readonly number[],
  axes: readonly Separable[],
): Kernel<GradientKernelParameters> {
  const types: GradientKernelParameters = {
    ...rowParameters,
    ...placeParameters('gradient'),
    batches: 'i32',
    ...gradientParameters(definition, slots),
    ...leafParameters(definition),
  }
  const derivative = attentionDerivative(definition)
  const { mask, product, roots } = derivative
  const name = `attention scores gradient ${slots.join(',') || 'of products'} ${axes.join(',')} ${definition.key}`
  return kernel(name, types, (k, given, task) => {
    const terms = given as unknown as Terms
    const p = given as unknown as ParameterTerms<BackwardParameters>
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
