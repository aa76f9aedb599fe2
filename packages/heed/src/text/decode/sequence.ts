import type { JsonValue } from '../../base/index.js'
import type { Component, ReadContext } from '../steps/component.js'
import { checkGrowth } from '../steps/growth.js'
import type { DecodeStep } from './step.js'

/** Decoders one after another: each takes what the one before gives. */
export interface DecoderSequenceDefinition<Item> {
  readonly type: 'Sequence'
  readonly decoders: readonly Item[]
}

export function sequenceOf<Item>(
  read: (value: JsonValue, context: ReadContext) => Item,
  create: (definition: Item) => DecodeStep,
): Component<DecoderSequenceDefinition<Item>, DecodeStep> {
  return {
    read: (value, context) => ({
      type: 'Sequence',
      decoders: context.items(value.member('decoders')).map((item) => read(item, context)),
    }),
    create({ decoders }) {
      const steps = decoders.map(create)
      return (tokens) => {
        let parts = tokens
        const before = tokens.length + lengthOf(tokens)
        for (const step of steps) {
          parts = step(parts)
          checkGrowth('decode', lengthOf(parts), before)
        }
        return parts
      }
    },
  }
}

function lengthOf(parts: readonly string[]): number {
  let length = 0
  for (const part of parts) length += part.length
  return length
}
