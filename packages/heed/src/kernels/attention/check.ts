import { HeedError } from '../../base/index.js'
import { nodesOf } from '../expression/index.js'
import type { AttentionDefinition, AttentionSizes } from './definition.js'
import type { CapturePlace } from './places.js'

/** What score and mask read, and the gradients of it. */
export interface LeafPlaces {
  readonly captures: readonly CapturePlace[]
  readonly parameters: readonly number[]
  readonly sink?: number
  readonly captureGradients?: readonly (CapturePlace | undefined)[]
}

/**
 * Sees to it that kernels stay within their tensors: every captured tensor is as long as the axes that it is
 * addressed with.
 */
export function checkPlaces(
  operation: string,
  definition: AttentionDefinition,
  sizes: AttentionSizes,
  places: LeafPlaces,
): void {
  const refuse = (expected: string, found: string, hint: string): never => {
    throw new HeedError({ operation, expected, found, hint })
  }
  const { roots, captures, parameters, sink } = definition
  if (sizes.heads % sizes.kvHeads !== 0)
    refuse(
      `heads in groups of ${sizes.kvHeads} key/value heads`,
      `${sizes.heads} heads`,
      'make heads a multiple of kvHeads',
    )
  if (places.captures.length !== captures.length)
    refuse(`${captures.length} captured tensors`, String(places.captures.length), 'give one for each slot')
  if (places.parameters.length !== parameters.length)
    refuse(`${parameters.length} parameters`, String(places.parameters.length), 'give one for each slot')
  if (sink && places.sink === undefined) refuse('a sink', 'none', 'give the address of its [head] logits')
  const lengths: Readonly<Record<string, number>> = {
    batch: sizes.batch,
    head: sizes.heads,
    queryRow: sizes.queries,
    key: sizes.keys,
  }
  const gradients = places.captureGradients ?? []
  captures.forEach(({ rank, contiguous }, slot) => {
    const place = places.captures[slot]!
    if (
      place.strides.length !== rank ||
      place.sizes.length !== rank ||
      place.sizes.some((size) => size < 1)
    ) {
      refuse(
        `captured tensor ${slot} with ${rank} axes, none empty`,
        `sizes [${place.sizes.join(', ')}]`,
        'declare it as it is',
      )
    }
    const last = [place, gradients[slot]].flatMap((tensor) =>
      tensor === undefined ? [] : [tensor.strides[rank - 1]!],
    )
    if (contiguous && last.some((stride) => stride !== 1))
      refuse(
        `captured tensor ${slot} and its gradient with stride 1 along the last axis`,
        last.join(' and '),
        'declare it as not contiguous',
      )
  })
  for (const node of nodesOf(roots)) {
    if (node.operation !== 'capture') continue
    const slot = node.value as number
    const place = places.captures[slot]
    if (place === undefined || place.sizes.length !== node.operands.length)
      refuse(
        `a captured tensor in slot ${slot} with ${node.operands.length} axes`,
        `${captures.length} slots`,
        'declare it in `captures`',
      )
    node.operands.forEach((operand, axis) => {
      const length = operand.operation === 'index' ? lengths[operand.value as string] : undefined
      if (length === undefined) return
      if (place!.sizes[axis]! < length)
        refuse(
          `axis ${axis} of captured tensor ${slot} of size ${length}, as the axis ${operand.value}`,
          String(place!.sizes[axis]),
          'broadcast it by addressing it with 0',
        )
      if (gradients[slot]?.strides[axis] === 0 && length > 1)
        refuse(
          `a gradient of captured tensor ${slot} that is not broadcast along axis ${axis}`,
          'stride 0',
          'address the axis with 0 instead',
        )
    })
  }
}
