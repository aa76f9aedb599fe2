import type { MatmulAxis } from './request.js'

/** An axis with every stride present. */
export interface Axis {
  readonly size: number
  readonly a: number
  readonly b: number
  readonly c: number
  readonly bias: number
  readonly residual: number
}

export const unitAxis: Axis = { size: 1, a: 0, b: 0, c: 0, bias: 0, residual: 0 }

/**
 * The same index space with as few axes as the strides allow: axes of size 1 left out, neighbours that are
 * one run in every operand made one. Outermost first, by their distance in C, then in B, then in A.
 */
export function collapse(axes: readonly MatmulAxis[]): readonly Axis[] {
  if (axes.length === 0) return none
  if (axes.length === 1) return axes[0]!.size === 1 ? none : [complete(axes[0]!)]
  const kept = axes
    .filter(({ size }) => size !== 1)
    .map(complete)
    .sort((x, y) => y.c - x.c || y.b - x.b || y.a - x.a)
  const merged: Axis[] = []
  for (const inner of kept) {
    const outer = merged[merged.length - 1]
    if (outer !== undefined && continues(outer, inner))
      merged[merged.length - 1] = { ...inner, size: outer.size * inner.size }
    else merged.push(inner)
  }
  return merged
}

const none: readonly Axis[] = []

function complete({ size, a, b, c, bias = 0, residual = 0 }: MatmulAxis): Axis {
  return { size, a, b, c, bias, residual }
}

function continues(outer: Axis, { size, a, b, c, bias, residual }: Axis): boolean {
  return (
    outer.a === size * a &&
    outer.b === size * b &&
    outer.c === size * c &&
    outer.bias === size * bias &&
    outer.residual === size * residual
  )
}

/** The same axis of the transposed problem, Cᵀ = Bᵀ·Aᵀ. */
export function transposed({ size, a, b, c, bias, residual }: Axis): Axis {
  return { size, a: b, b: a, c, bias, residual }
}

export function sizeOf(axes: readonly { readonly size: number }[]): number {
  let size = 1
  for (const axis of axes) size *= axis.size
  return size
}
