import type { Int, Pointer } from '../language/index.js'
import type { LaunchValues } from '../launch.js'

export type OuterParameters = { readonly [parameter: `outer${number}.${string}`]: 'i32' }

/**
 * Parameters `outer0.size`, `outer0.a`, …: the axes that a kernel steps over by its task number, innermost
 * last.
 */
export function outerParameters(rank: number, operands: readonly string[]): OuterParameters {
  const parameters: Record<`outer${number}.${string}`, 'i32'> = {}
  for (let axis = 0; axis < rank; axis++) {
    for (const field of ['size', ...operands]) parameters[`outer${axis}.${field}`] = 'i32'
  }
  return parameters
}

/** Their values, from those of each axis by name. */
export function outerValues(
  axes: readonly { readonly size: number }[],
  operands: readonly string[],
): LaunchValues<OuterParameters> {
  const values: Record<`outer${number}.${string}`, number> = {}
  axes.forEach((axis, place) => {
    const given = axis as unknown as Readonly<Record<string, number>>
    for (const field of ['size', ...operands]) values[`outer${place}.${field}`] = given[field]!
  })
  return values
}

/** A pointer for each operand, moved to the place that `index`, counted over the outer axes, means. */
export function outerPointers<Name extends string>(
  pointers: Readonly<Record<Name, Pointer<'f32'>>>,
  rank: number,
  parameters: Readonly<Record<string, unknown>>,
  index: Int,
): Record<Name, Pointer<'f32'>> {
  const names = Object.keys(pointers) as Name[]
  const moved: Record<Name, Pointer<'f32'>> = { ...pointers }
  let rest = index
  for (let axis = rank - 1; axis >= 0; axis--) {
    const size = parameters[`outer${axis}.size`] as Int
    const [place, remaining] = axis === 0 ? [rest, rest] : divide(rest, size)
    for (const name of names)
      moved[name] = moved[name].at(place.mul(parameters[`outer${axis}.${name}`] as Int))
    rest = remaining
  }
  return moved
}

/** [remainder, quotient] */
export function divide(dividend: Int, divisor: Int): [Int, Int] {
  const quotient = dividend.div(divisor)
  return [dividend.sub(quotient.mul(divisor)), quotient]
}
