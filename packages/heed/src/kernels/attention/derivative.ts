import { differentiate, type Expression, input, nodesOf, share } from '../expression/index.js'
import type { AttentionDefinition } from './definition.js'
import { filteredSlot, weightSlot } from './filter.js'

type Float = Expression<'float'>

/**
 * A definition with the gradients of its score and of the function on the filter. `input(1)` is the gradient
 * of the score, `input(3)` that of what the function gives. All expressions share their nodes.
 */
export interface AttentionDerivative {
  readonly score: Float
  readonly mask: Expression<'boolean'> | undefined
  /** Gradient of q·k; `undefined` where the score does not depend on it. */
  readonly product: Float | undefined
  readonly filter: Float | undefined
  /** Gradient of the normalized weight, where there is a function on the filter. */
  readonly weight: Float | undefined
  /**
   * For each element of a captured float tensor that score or filter read: what is to be added to that
   * element's gradient.
   */
  readonly captures: readonly { readonly node: Float; readonly gradient: Float }[]
  readonly roots: readonly Expression[]
}

export function attentionDerivative({ score, mask, filter }: AttentionDefinition): AttentionDerivative {
  const ofScore = differentiate(score, input(1))
  const ofFilter = filter === undefined ? undefined : differentiate(filter, input(filteredSlot))
  const gradientOf = (leaves: Iterable<[Float, Float]> = [], slot: number): Float | undefined =>
    [...leaves].find(([leaf]) => leaf.operation === 'input' && leaf.value === slot)?.[1]
  const product = gradientOf(ofScore, 0)
  const weight = gradientOf(ofFilter, weightSlot)
  // What both read is one element, which gets what both give.
  const captures = new Map([...ofScore].filter(([leaf]) => leaf.operation === 'capture'))
  for (const [leaf, gradient] of ofFilter ?? [])
    if (leaf.operation === 'capture') captures.set(leaf, captures.get(leaf)?.add(gradient) ?? gradient)
  const roots = share([
    score,
    ...[mask, product, filter, weight].filter((root) => root !== undefined),
    ...[...captures].flat(),
  ] as readonly Expression[])
  let next = 0
  const take = <E extends Expression>(): E => roots[next++] as E
  const takeFor = <E extends Expression>(root: E | undefined): E | undefined =>
    root === undefined ? undefined : take<E>()
  return {
    score: take<Float>(),
    mask: takeFor(mask),
    product: takeFor(product),
    filter: takeFor(filter),
    weight: takeFor(weight),
    captures: [...captures].map(() => ({ node: take<Float>(), gradient: take<Float>() })),
    roots,
  }
}

/** Whether the gradient of a captured element has a part that comes from the gradient of the score. */
export function comesFromScore(gradient: Float): boolean {
  return nodesOf([gradient]).some(({ operation, value }) => operation === 'input' && value === 1)
}

/** Axes whose bare index makes tasks write to different elements. */
const separable = ['batch', 'head', 'queryRow'] as const
export type Separable = (typeof separable)[number]

/** The captured tensors that can get a gradient, each with the axes that every access has as a bare index. */
export function captureGradients(
  definition: AttentionDefinition,
): { readonly slot: number; readonly axes: readonly Separable[] }[] {
  const { captures } = attentionDerivative(definition)
  const slots = [...new Set(captures.map(({ node }) => node.value as number))].toSorted((a, b) => a - b)
  return slots.map((slot) => ({
    slot,
    axes: separable.filter((axis) =>
      samePlace(
        captures.filter(({ node }) => node.value === slot).map(({ node }) => node),
        axis,
      ),
    ),
  }))
}

/** Slots of the captured float tensors that score or filter read: those that can get a gradient. */
export function captureGradientSlots(definition: AttentionDefinition): readonly number[] {
  return captureGradients(definition).map(({ slot }) => slot)
}

/**
 * Whether all these accesses have the axis as a bare index, and at the same place, so that they never meet
 * across its positions.
 */
function samePlace(nodes: readonly Float[], axis: Separable): boolean {
  const places = (node: Float): number[] =>
    node.operands.flatMap((operand, place) =>
      operand.operation === 'index' && operand.value === axis ? [place] : [],
    )
  return places(nodes[0]!).some((place) => nodes.every((node) => places(node).includes(place)))
}

/** Captured tensors whose gradients one kernel can write: those with the same axes. */
export function groupByAxes(
  definition: AttentionDefinition,
  slots: readonly number[],
): { slots: number[]; axes: readonly Separable[] }[] {
  const groups = new Map<string, { slots: number[]; axes: readonly Separable[] }>()
  for (const { slot, axes } of captureGradients(definition)) {
    if (!slots.includes(slot)) continue
    const group = groups.get(axes.join(' ')) ?? { slots: [], axes }
    group.slots.push(slot)
    groups.set(axes.join(' '), group)
  }
  return [...groups.values()]
}
