import type { Builder, ElementType, Float, Int, Pointer, Vector } from '../language/index.js'
import { type Packing, scaleElement } from './format.js'

/** Where scales and factors begin, and how many scales, groups a column has. */
export interface ScaleOperands {
  readonly scales: Pointer<'u16'>
  readonly factors: Pointer<'u8'>
  readonly scaleCount: Int
  readonly groups: Int
}

/** What a group's whole numbers are multiplied with, and what is added then. */
interface Scale<T> {
  readonly factor: T
  readonly minimum: T | undefined
}

/** Scales of a panel's columns, group by group. */
export function panelScales(
  k: Builder,
  packing: Packing,
  operands: ScaleOperands,
  panel: Int,
): (group: Int) => Scale<Vector> {
  return read(k, packing, operands, panel, k.int(0), {
    float: (pointer) => k.load(pointer as Pointer<'f32'>),
    whole: (pointer) => k.load(pointer as Pointer<'u8'>).toFloat(),
  })
}

/** Scales of one column. */
export function scalesAt(
  k: Builder,
  packing: Packing,
  operands: ScaleOperands,
  panel: Int,
  lane: Int,
): (group: Int) => Scale<Float> {
  return read(k, packing, operands, panel, lane, {
    float: (pointer) => k.loadScalar(pointer as Pointer<'f32'>),
    whole: (pointer) => k.loadScalar(pointer as Pointer<'u8'>).toFloat(),
  })
}

function read<T extends Vector | Float>(
  k: Builder,
  packing: Packing,
  { scales, factors, scaleCount, groups }: ScaleOperands,
  panel: Int,
  lane: Int,
  load: { float(pointer: Pointer<ElementType>): T; whole(pointer: Pointer<ElementType>): T },
): (group: Int) => Scale<T> {
  const { factor, minimum } = packing
  const step = (minimum ? 2 : 1) * k.lanes
  const from = scales
    .as(scaleElement(packing, k.machine))
    .at(panel.mul(scaleCount.mul(step)))
    .at(lane)
  const whole = factors
    .as(factor?.element ?? 'u8')
    .at(panel.mul(groups.mul(step)))
    .at(lane)
  return (group) => {
    const shared = factor === undefined ? group : group.ushr(Math.log2(factor.groups))
    const at = (kind: number): T => {
      const value = load.float(from.at(shared.mul(step)).at(kind * k.lanes))
      if (factor === undefined) return value
      const times = load.whole(whole.at(group.mul(step)).at(kind * k.lanes))
      return (value as Vector).mul(times as Vector) as T
    }
    return { factor: at(0), minimum: minimum ? at(1) : undefined }
  }
}
