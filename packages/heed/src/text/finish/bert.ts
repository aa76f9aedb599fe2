import type { JsonValue } from '../../base/index.js'
import type { Component, ReadContext } from '../steps/component.js'
import { addedPart, changed, joined, ofType, type Part } from './part.js'
import type { PostProcessor } from './post-processor.js'
import { trimmer } from './byte-level.js'

/** A token and its id. */
export type TokenAndId = readonly [token: string, id: number]

/** `[CLS] A [SEP]`, or `[CLS] A [SEP] B [SEP]`; types 0 for A and 1 for B. */
export interface BertProcessingDefinition {
  readonly type: 'BertProcessing'
  readonly sep: TokenAndId
  readonly cls: TokenAndId
}

/** `<s> A </s>`, or `<s> A </s> </s> B </s>`; all types 0. Spans are trimmed as by ByteLevel. */
export interface RobertaProcessingDefinition {
  readonly type: 'RobertaProcessing'
  readonly sep: TokenAndId
  readonly cls: TokenAndId
  readonly trim_offsets: boolean
  readonly add_prefix_space: boolean
}

/**
 * One for both: what `type` says counts less than which fields are there, as in the package that has them.
 */
export const bert: Component<BertProcessingDefinition | RobertaProcessingDefinition, PostProcessor> = {
  read(value, context) {
    const sep = readToken(value.member('sep'), context)
    const cls = readToken(value.member('cls'), context)
    const trims = value.member('trim_offsets')
    const prefix = value.member('add_prefix_space')
    return trims.isNull || prefix.isNull
      ? { type: 'BertProcessing', sep, cls }
      : {
          type: 'RobertaProcessing',
          sep,
          cls,
          trim_offsets: trims.boolean(),
          add_prefix_space: prefix.boolean(),
        }
  },

  create(definition) {
    const isRoberta = definition.type === 'RobertaProcessing'
    const trim = isRoberta && definition.trim_offsets ? trimmer(definition.add_prefix_space) : null
    const { cls, sep } = definition
    const before = addedPart([cls[1]], [cls[0]], 0)
    const end = addedPart([sep[1]], [sep[0]], 0)
    const secondEnd = isRoberta ? end : addedPart([sep[1]], [sep[0]], 1)
    return {
      added: (isPair) => (isPair ? (isRoberta ? 4 : 3) : 2),
      process: (parts, addSpecial) =>
        parts.map((part, i) => {
          if (trim !== null) part = trim(part)
          if (isRoberta) part = ofType(part, 0)
          if (!addSpecial) return part
          if (isRoberta) part = changed(part, (own) => ofType(own, 0))
          return changed(part, (own) =>
            i === 0 ? enclosed(before, own, end, 0) : enclosed(isRoberta ? end : null, own, secondEnd, 1),
          )
        }),
    }
  },
}

/** A part between special tokens, of which it alone is of the text. */
function enclosed(before: Part | null, part: Part, after: Part, sequence: number): Part {
  const own = { ...part, runs: part.runs.map((run) => ({ ...run, isSpecial: false })) }
  const start = before?.length ?? 0
  const whole = joined(before === null ? [own, after] : [before, own, after])
  return { ...whole, sequences: new Map([[sequence, [start, start + part.length]]]) }
}

function readToken(value: JsonValue, { highestId }: ReadContext): TokenAndId {
  const items = value.items()
  if (items.length !== 2) value.refuse('a token and its id', { found: `${items.length} values` })
  return [items[0]!.string(), items[1]!.count(highestId)]
}
