import { type Kernel, kernel, nearestBf16, nearestF16 } from '../language/index.js'
import { type Launch, launchOf } from '../launch.js'

/** Stretches of floats that are rounded to half precision: places in bytes, lengths and steps in elements. */
export interface NarrowPlan {
  readonly element: 'f16' | 'bf16'
  /** How many stretches, and how long each is. */
  readonly stretches: number
  readonly length: number
  readonly source: number
  readonly sourceStep: number
  readonly target: number
  readonly targetStep: number
}

const parameters = {
  source: 'f32*',
  target: 'u16*',
  length: 'i32',
  sourceStep: 'i32',
  targetStep: 'i32',
} as const

/**
 * Rounds to nearest, ties to even; what is too large becomes infinite, and NaN stays NaN. Tasks: one for each
 * stretch.
 */
export function planNarrow({ element, stretches, target, ...values }: NarrowPlan): Launch[] {
  if (stretches === 0 || values.length === 0) return []
  const { length, source, sourceStep, targetStep } = values
  return [launchOf(narrowKernel(element), { source, target, length, sourceStep, targetStep }, stretches)]
}

function narrowKernel(element: 'f16' | 'bf16'): Kernel<typeof parameters> {
  const round = element === 'bf16' ? nearestBf16 : nearestF16
  return kernel(`narrow ${element}`, parameters, (k, p, task) => {
    const source = p.source.at(task.mul(p.sourceStep))
    const target = p.target.at(task.mul(p.targetStep))
    k.vectors(p.length, (i, mask) => k.store(target.at(i), round(k.load(source.at(i), mask)), mask))
  })
}
