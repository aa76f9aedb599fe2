import { planMap, type Space, type StridedOperand } from '../elementwise/index.js'
import { differentiate, type Expression, float, input } from '../expression/index.js'
import type { Launch } from '../launch.js'

type Float = Expression<'float'>

/**
 * One step of a recurrent cell, element by element: what comes out, as expressions of what goes in, each in
 * its slot.
 */
export interface Cell {
  readonly inputs: number
  readonly outputs: readonly Float[]
}

/** Where the tensors of a step lie, along the axes of `space`. */
export interface CellOperands {
  readonly space: Space
  /** One for each slot. */
  readonly inputs: readonly StridedOperand[]
}

/** One step forward, in one pass: every output is written. */
export function planCell(
  { outputs }: Cell,
  { space, inputs }: CellOperands,
  targets: readonly StridedOperand[],
): Launch[] {
  return planMap({
    space,
    inputs,
    outputs: targets.map((operand, i) => ({ operand, expression: outputs[i]! })),
  })
}

/**
 * One step backward, in one pass: from the gradient of each output (undefined where there is none) the
 * gradients of those inputs that have a target. What the forward step computed inside is computed again.
 */
export function planCellBackward(
  cell: Cell,
  { space, inputs }: CellOperands,
  upstream: readonly (StridedOperand | undefined)[],
  targets: readonly (StridedOperand | undefined)[],
): Launch[] {
  const given = cell.outputs.map((_, output) => output).filter((output) => upstream[output] !== undefined)
  const gradients = gradientsOf(cell, given)
  return planMap({
    space,
    inputs: [...inputs, ...given.map((output) => upstream[output]!)],
    outputs: targets.flatMap((operand, slot) =>
      operand === undefined ? [] : [{ operand, expression: gradients[slot]! }],
    ),
  })
}

const known = new WeakMap<Cell, Map<string, readonly Float[]>>()

/**
 * The gradient of each input, where the gradients of the `given` outputs stand in the slots after the inputs.
 */
function gradientsOf(cell: Cell, given: readonly number[]): readonly Float[] {
  const found = known.get(cell) ?? new Map<string, readonly Float[]>()
  known.set(cell, found)
  const key = given.join(' ')
  let gradients = found.get(key)
  if (gradients === undefined) {
    const sums: (Float | undefined)[] = Array.from({ length: cell.inputs }, () => undefined)
    given.forEach((output, place) => {
      for (const [leaf, part] of differentiate(cell.outputs[output]!, input(cell.inputs + place)))
        if (leaf.operation === 'input')
          sums[leaf.value as number] = sums[leaf.value as number]?.add(part) ?? part
    })
    gradients = sums.map((sum) => sum ?? float(0))
    found.set(key, gradients)
  }
  return gradients
}
