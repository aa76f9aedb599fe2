import { nodesOf } from '../expression/index.js'
import type { Bool, Builder, Int, Pointer, Variable } from '../language/index.js'
import type { AttentionDefinition } from './definition.js'

// What is masked can't be seen, whatever it holds. Scores are chosen, so that one of NaN is masked like any
// other. But a weight of 0 times a value of NaN or infinity is NaN, and a weight of 0 must take nothing. So
// products run as they are first. Where the result is not finite, they run once more with zeros chosen
// (`writeTileProduct`). That takes a multiple of the time.

/**
 * Whether keys may have a weight of 0 that is more than rounding: by a mask, by −infinity in a captured
 * tensor, or by a function on the filter.
 */
export function hidesKeys(definition: AttentionDefinition): boolean {
  return definition.mask !== undefined || definition.filter !== undefined || hidesByTensor(definition)
}

/** Whether the score reads a tensor of floats, which may hold −infinity. */
export function hidesByTensor({ score, captures }: AttentionDefinition): boolean {
  return nodesOf([score]).some(
    ({ operation, value }) => operation === 'capture' && captures[value as number]!.kind === 'float',
  )
}

/** Sums of a row of products that run side by side: enough to wait for none. */
const sideBySide = 4

/** Whether `count` elements are neither NaN nor infinite. */
export function allFinite(k: Builder, from: Pointer<'f32'>, count: Int | number): Bool {
  const sums = Array.from({ length: sideBySide }, () => k.variable(k.vector(0)))
  const add = (which: number, at: Pointer<'f32'>): void =>
    sums[which]!.set(k.load(at).fma(0, sums[which]!.get()))
  const total = k.operand('i32', count)
  const step = sideBySide * k.lanes
  const whole = total.and(-step)
  k.loop(0, whole, step, (i) => k.unroll(sideBySide, (s) => add(s, from.at(i).at(s * k.lanes))))
  k.vectors(total.sub(whole), (i, mask) => {
    const value = k.load(from.at(whole).at(i), mask)
    sums[0]!.set(value.fma(0, sums[0]!.get()))
  })
  // Products with 0 are ±0, or NaN.
  return sums
    .map((sum) => sum.get())
    .reduce((a, b) => a.add(b))
    .eq(0)
    .all()
}

/**
 * Runs `work`, and once more with `careful` at 1 where `count` elements of its output are not all finite:
 * work that begins anew each time. Without `careful` just once.
 */
export function untilFinite(
  k: Builder,
  careful: Variable<'i32'> | undefined,
  output: Pointer<'f32'>,
  count: Int,
  work: () => void,
): void {
  if (careful === undefined) return work()
  const again = k.variable(k.int(1))
  k.while(
    () => again.get().ne(0),
    () => {
      work()
      again.set(0)
      k.if(
        careful
          .get()
          .eq(0)
          .and(allFinite(k, output, count).not()),
        () => {
          again.set(1)
          careful.set(1)
        },
      )
    },
  )
}

/** One of two products: with weights of 0 told from others where `careful` is 1. */
export function withCare(
  k: Builder,
  careful: Variable<'i32'> | undefined,
  product: (weighted: boolean) => void,
): void {
  if (careful === undefined) product(false)
  else
    k.if(
      careful.get().eq(0),
      () => product(false),
      () => product(true),
    )
}
