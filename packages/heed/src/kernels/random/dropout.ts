import type { RandomKey } from '../../base/index.js'
import { kernel } from '../language/index.js'
import { type Launch, launchOf } from '../launch.js'
import { philoxVectors } from './philox.js'

/** Elements that make one task: a multiple of four vectors of any machine. */
const taskElements = 16384
/** Four words of random bits for each lane of the widest machine. */
const scratchBytes = 4 * 16 * 4

export interface DropoutPlan {
  /** Byte address of `count` f32 elements, without gaps. */
  readonly input: number
  /** Byte address of the result; it may be the input's. */
  readonly output: number
  readonly count: number
  /** The share that is dropped: at least 0, below 1. */
  readonly rate: number
  readonly key: RandomKey
}

/**
 * Dropout (Srivastava et al. 2014), scaled while training: element i becomes x / (1 − rate) where base's
 * `uniformAt(key, i)` is at least `rate`, else 0. The same elements are kept on every target.
 */
export function planDropout({ input, output, count, rate, key }: DropoutPlan): Launch[] {
  // uniformAt gives k / 2²⁴: a comparison of whole numbers, so that no target rounds the rate.
  const threshold = Math.ceil(rate * 2 ** 24)
  const scale = 1 / (1 - rate)
  const values = { count, threshold, scale, keyLow: key[0], keyHigh: key[1], input, output }
  return [launchOf(dropout, values, Math.ceil(count / taskElements), scratchBytes)]
}

const dropout = kernel(
  'dropout',
  {
    count: 'i32',
    threshold: 'i32',
    scale: 'f32',
    keyLow: 'i32',
    keyHigh: 'i32',
    input: 'f32*',
    output: 'f32*',
  },
  (k, p, task) => {
    const words = k.scratch('i32')
    const lane = k.laneIndex()
    const start = task.mul(taskElements)
    k.loop(start, start.add(taskElements).min(p.count), 4 * k.lanes, (i) => {
      // Lane l makes the four words of elements i + 4 l …; through the scratch they come into the elements'
      // order.
      philoxVectors(lane.add(i.ushr(2)), p.keyLow, p.keyHigh).forEach((word, w) =>
        k.store(words.at(w * k.lanes), word),
      )
      const write = (v: number, masked: boolean): void => {
        const element = lane.add(v * k.lanes)
        const bits = k.gather(words, element.and(3).mul(k.lanes).add(element.shr(2)))
        const at = i.add(v * k.lanes)
        const mask = masked ? k.tail(p.count.sub(at)) : undefined
        const x = k.load(p.input.at(at), mask)
        k.store(p.output.at(at), bits.ushr(8).ge(p.threshold).select(x.mul(p.scale), 0), mask)
      }
      k.if(
        i.add(4 * k.lanes).le(p.count),
        () => k.unroll(4, (v) => write(v, false)),
        () => k.unroll(4, (v) => write(v, true)),
      )
    })
  },
)
