import { input } from '../expression/index.js'
import { type Launch, launchOf } from '../launch.js'
import { planMap } from './map.js'
import { simplifySpace, type SpaceAxis, type Space, type StridedOperand } from './space.js'
import { transposeKernel, tileSide } from './transpose.js'

export interface CopyPlan {
  readonly space: Space
  readonly input: StridedOperand
  /** f32 or i32; integers are cut off towards 0. */
  readonly output: StridedOperand
  readonly floatBytes: number
}

/** Axes shorter than this are not worth a tile. */
const leastSide = 4

/**
 * Copies elements from one layout to another; where the innermost axes differ, by tiles that pass through the
 * scratch memory.
 */
export function planCopy({ space, input: from, output: to, floatBytes }: CopyPlan): Launch[] {
  if (space.sizes.includes(0)) return []
  // Where both take four bytes integers are moved as they are: a float would not hold all of them.
  const raw = from.element === 'i32' && to.element === 'i32' && floatBytes === 4
  const operands: [StridedOperand, StridedOperand] = raw
    ? [
        { ...from, element: 'f32' },
        { ...to, element: 'f32' },
      ]
    : [from, to]
  const axes = simplifySpace(space, operands, new Set())
  const read = axes.find(({ size, strides }) => size >= leastSide && strides[0] === 1 && strides[1] !== 1)
  const written = axes.find(({ size, strides }) => size >= leastSide && strides[1] === 1 && strides[0] !== 1)
  const moved = operands[0].element === operands[1].element
  if (read === undefined || written === undefined || !moved)
    return planMap({
      space,
      inputs: [operands[0]],
      outputs: [{ operand: operands[1], expression: input(0) }],
    })
  return [
    transpose(
      operands,
      read,
      written,
      axes.filter((axis) => axis !== read && axis !== written),
      floatBytes,
    ),
  ]
}

function transpose(
  [from, to]: readonly [StridedOperand, StridedOperand],
  read: SpaceAxis,
  written: SpaceAxis,
  outer: readonly SpaceAxis[],
  floatBytes: number,
): Launch {
  const readTiles = Math.ceil(read.size / tileSide)
  const writtenTiles = Math.ceil(written.size / tileSide)
  const values: Record<string, number> = {
    source: from.address,
    target: to.address,
    readSize: read.size,
    writtenSize: written.size,
    readTiles,
    writtenTiles,
    targetStride: read.strides[1]!,
    sourceStride: written.strides[0]!,
  }
  let tasks = readTiles * writtenTiles
  outer.forEach(({ size, strides }, axis) => {
    values[`size${axis}`] = size
    values[`from${axis}`] = strides[0]!
    values[`to${axis}`] = strides[1]!
    tasks *= size
  })
  const scratchBytes = tileSide * (tileSide + 16) * (from.element === 'f32' ? floatBytes : 4)
  return launchOf(transposeKernel(from.element as 'f32' | 'i32', outer.length), values, tasks, scratchBytes)
}
