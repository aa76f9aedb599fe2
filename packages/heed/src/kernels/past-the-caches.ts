import type {
  Builder,
  Int,
  Kernel,
  Mask,
  ParameterTerms,
  ParameterType,
  Pointer,
  Vector,
} from './language/index.js'
import { kernel } from './language/index.js'

/** Results of so many bytes and more are written past the caches. */
const leastBytes = 32 * 2 ** 20

/** What the place of a vector is a multiple of on every machine, in bytes and in floats. */
const alignedBytes = 64
const alignedFloats = 16

/**
 * Elements of four bytes that a launch writes: runs of adjacent ones, whose starts lie multiples of each of
 * `strides` from the address.
 */
export interface WrittenRuns {
  readonly address: number
  readonly elements: number
  readonly strides: readonly number[]
}

/**
 * Whether a result should go past the caches (`storePast`): it is so large that nobody finds it there later,
 * and whole vectors of it are aligned. An input must not share its memory: its lines are in the caches.
 */
export function goesPastCaches({ address, elements, strides }: WrittenRuns): boolean {
  return (
    4 * elements >= leastBytes &&
    address % alignedBytes === 0 &&
    strides.every((stride) => stride % alignedFloats === 0)
  )
}

/** `k.store` or `k.storePast`, for results. */
export type Store = (place: Pointer<'f32'>, value: Vector, mask?: Mask) => void

export function storeOf(k: Builder, past: boolean): Store {
  return (place, value, mask) => (past ? k.storePast(place, value, mask) : k.store(place, value, mask))
}

/** What is added to the name of a kernel that writes past the caches. */
export const pastCachesName = ', past the caches'

/**
 * A kernel in two forms, with results in the caches and past them; `past` is whether the machine does that.
 */
export function inAndPastCaches<const P extends Readonly<Record<string, ParameterType>>>(
  name: string,
  parameters: P,
  write: (k: Builder, parameters: ParameterTerms<P>, task: Int, store: Store, past: boolean) => void,
): (past: boolean) => Kernel<P> {
  const [inside, beyond] = [false, true].map((past) =>
    kernel(past ? name + pastCachesName : name, parameters, (k, p, task) =>
      write(k, p, task, storeOf(k, past), past && k.storesPast),
    ),
  )
  return (past) => (past ? beyond! : inside!)
}
