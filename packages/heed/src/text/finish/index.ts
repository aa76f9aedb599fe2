/**
 * The last step: tokens of one text or two → truncation → post-processor → padding → `Encoding`.
 *
 * `finish` makes an encoding of `TokenList`s, `padBatch` fills several up to one length.
 */
import type { JsonValue } from '../../base/index.js'
import type { Component, ReadContext } from '../steps/component.js'
import { bert, type BertProcessingDefinition, type RobertaProcessingDefinition } from './bert.js'
import type { ByteLevelDefinition } from '../steps/byte-level.js'
import { byteLevel } from './byte-level.js'
import { type Encoding, encodingOf, type TokenOf } from './encoding.js'
import { changed, ofSequence, type TextTokens } from './part.js'
import type { PostProcessor } from './post-processor.js'
import { template, type TemplateDefinition } from './template.js'
import { truncated, type TruncationDefinition } from './truncation.js'

export type { BertProcessingDefinition, RobertaProcessingDefinition, TokenAndId } from './bert.js'
export type { ByteLevelDefinition } from '../steps/byte-level.js'
export { Encoding, type TokenOf } from './encoding.js'
export { padBatch } from './pad-batch.js'
export { type PaddingDefinition, readPadding } from './padding.js'
export type { TextTokens } from './part.js'
export type { PostProcessor } from './post-processor.js'
export type { TemplateDefinition, TemplatePiece, TemplateTokens } from './template.js'
export { readTruncation, type TruncationDefinition } from './truncation.js'

/** What happens to the tokens of a text at the end. */
export type PostProcessorDefinition =
  | BertProcessingDefinition
  | RobertaProcessingDefinition
  | ByteLevelDefinition
  | TemplateDefinition
  | PostProcessorSequence

/** One after the other. */
export interface PostProcessorSequence {
  readonly type: 'Sequence'
  readonly processors: readonly PostProcessorDefinition[]
}

const sequence: Component<PostProcessorSequence, PostProcessor> = {
  read: (value, context) => ({
    type: 'Sequence',
    processors: context
      .items(value.member('processors'))
      .map((item) => readPostProcessor(item, context) ?? item.refuse('a post-processor')),
  }),

  create({ processors }) {
    const steps = processors.map((definition) => createPostProcessor(definition)!)
    return {
      added: (isPair) => steps.reduce((sum, step) => sum + step.added(isPair), 0),
      process: (parts, addSpecial) => steps.reduce((now, step) => step.process(now, addSpecial), parts),
    }
  },
}

const components = {
  TemplateProcessing: template,
  BertProcessing: bert,
  RobertaProcessing: bert,
  ByteLevel: byteLevel,
  Sequence: sequence,
} as const

/** @throws FormatError that names the field that is wrong, or the type that isn't there */
export function readPostProcessor(value: JsonValue, context: ReadContext): PostProcessorDefinition | null {
  if (value.isNull) return null
  const type = value.member('type')
  // Of older files, without a type, only that of BERT can be told.
  const isBert = type.isNull && !value.member('sep').isNull && !value.member('cls').isNull
  const name = isBert ? 'BertProcessing' : type.choice(Object.keys(components) as (keyof typeof components)[])
  return components[name].read(value, context)
}

export function createPostProcessor(definition: PostProcessorDefinition | null): PostProcessor | null {
  if (definition === null) return null
  const component = components[definition.type] as Component<PostProcessorDefinition, PostProcessor>
  return component.create(definition)
}

/** What `finish` makes an encoding of. */
export interface FinishInput {
  /**
   * One text or two. The lists are read until the encoding's `overflow` was asked for: don't use them again.
   */
  readonly texts: readonly [TextTokens] | readonly [TextTokens, TextTokens]
  readonly postProcessor: PostProcessor | null
  /** false: the post-processor adds no tokens (but trims spans and gives types). */
  readonly addSpecial: boolean
  readonly truncation: TruncationDefinition | null
  /** A token's text, for `Encoding.tokens` and for trimming. */
  readonly tokenOf: TokenOf
}

/**
 * Tokens of one text or two as an encoding, without padding.
 *
 * @throws UsageError where truncation can't be done as it says
 */
export function finish(input: FinishInput): Encoding {
  const { texts, postProcessor, addSpecial, truncation, tokenOf } = input
  const added = addSpecial && postProcessor !== null ? postProcessor.added(texts.length === 2) : 0
  const parts = truncated(texts, truncation, added, postProcessor?.added(false) ?? 0)
  // A text alone, without a post-processor, isn't counted.
  if (postProcessor === null && parts.length === 1) return encodingOf(parts, tokenOf)
  const known = parts.map((part, i) => changed(part, (own) => ofSequence(own, i)))
  return encodingOf(postProcessor === null ? known : postProcessor.process(known, addSpecial), tokenOf)
}
