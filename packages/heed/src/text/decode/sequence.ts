import type { JsonValue } from '../../base/index.js'
import type { Component, ReadContext } from '../steps/component.js'
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
      return (tokens) => steps.reduce((parts, step) => step(parts), tokens)
    },
  }
}
