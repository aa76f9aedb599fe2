import { FormatError, type JsonValue, UsageError } from '../../base/index.js'
import type { Component, ReadContext } from '../steps/component.js'
import { addedPart, ofSequence, ofType, type Part } from './part.js'
import type { PostProcessor } from './post-processor.js'

/** A part of a template: the text itself (A), a second text (B), or special tokens. */
export type TemplatePiece =
  | { readonly Sequence: { readonly id: 'A' | 'B'; readonly type_id: number } }
  | { readonly SpecialToken: { readonly id: string; readonly type_id: number } }

/** The tokens that a SpecialToken of a template stands for. */
export interface TemplateTokens {
  readonly id: string
  readonly ids: readonly number[]
  readonly tokens: readonly string[]
}

/** Special tokens around one text, or two. */
export interface TemplateDefinition {
  readonly type: 'TemplateProcessing'
  readonly single: readonly TemplatePiece[]
  readonly pair: readonly TemplatePiece[]
  readonly special_tokens: ReadonlyMap<string, TemplateTokens>
}

/** Of the pieces and tokens of one template together. */
const mostPieces = 1024
const mostType = 2 ** 31 - 1

export const template: Component<TemplateDefinition, PostProcessor> = {
  read(value, context) {
    const special = readTokens(value.member('special_tokens'), context)
    const single = readPieces(value.member('single'), special, false)
    const pair = value.member('pair')
    return {
      type: 'TemplateProcessing',
      single,
      pair: pair.isNull
        ? [{ Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 1 } }]
        : readPieces(pair, special, true),
      special_tokens: special,
    }
  },

  create({ single, pair, special_tokens }) {
    const tokensOf = (name: string): TemplateTokens => special_tokens.get(name) ?? refuseToken(name)
    const count = (pieces: readonly TemplatePiece[]): number =>
      pieces.reduce(
        (sum, piece) => sum + ('Sequence' in piece ? 0 : tokensOf(piece.SpecialToken.id).ids.length),
        0,
      )
    const added = [count(single), count(pair)] as const
    return {
      added: (isPair) => added[isPair ? 1 : 0],
      process(parts, addSpecial) {
        if (parts.length !== 1 && parts.length !== 2) refuseParts(parts.length)
        const filled: Part[] = []
        for (const piece of parts.length === 2 ? pair : single) {
          if ('Sequence' in piece) {
            const sequence = piece.Sequence.id === 'A' ? 0 : 1
            // Windows of the overflow keep the types they have.
            filled.push(ofSequence(ofType(parts[sequence]!, piece.Sequence.type_id), sequence))
          } else if (addSpecial) {
            const { ids, tokens } = tokensOf(piece.SpecialToken.id)
            filled.push(addedPart(ids, tokens, piece.SpecialToken.type_id))
          }
        }
        return filled
      },
    }
  },
}

function readTokens(value: JsonValue, { highestId }: ReadContext): ReadonlyMap<string, TemplateTokens> {
  let count = 0
  return new Map(
    value.members().map(([name, entry]) => {
      const ids = entry.member('ids')
      const tokens = entry.member('tokens')
      count += 1 + ids.items().length
      if (count > mostPieces) value.refuse(`of at most ${mostPieces} tokens in all`, { found: 'more' })
      if (ids.items().length !== tokens.items().length) entry.refuse('as many ids as tokens')
      return [
        name,
        {
          id: entry.member('id').string(),
          ids: ids.items().map((id) => id.count(highestId)),
          tokens: tokens.items().map((token) => token.string()),
        },
      ]
    }),
  )
}

function readPieces(
  list: JsonValue,
  special: ReadonlyMap<string, TemplateTokens>,
  isPair: boolean,
): readonly TemplatePiece[] {
  let count = 0
  const texts = new Set<string>()
  return list.items().map((item) => {
    count++
    const sequence = item.member('Sequence')
    if (!sequence.isNull) {
      const id = sequence.member('id').choice(isPair ? ['A', 'B'] : ['A'])
      if (texts.has(id)) item.refuse(`a template with each text once`, { found: `${id} again` })
      texts.add(id)
      return { Sequence: { id, type_id: sequence.member('type_id').count(mostType) } }
    }
    const token = item.member('SpecialToken')
    const id = token.member('id').string()
    const tokens = special.get(id) ?? token.member('id').refuse('one of special_tokens')
    count += tokens.ids.length
    if (count > mostPieces) list.refuse(`of at most ${mostPieces} parts and tokens in all`, { found: 'more' })
    return { SpecialToken: { id, type_id: token.member('type_id').count(mostType) } }
  })
}

function refuseToken(name: string): never {
  throw new FormatError({
    operation: 'loadTokenizer',
    expected: 'special_tokens to have each token of the template',
    found: `no '${name.slice(0, 100)}'`,
    hint: 'add it to special_tokens',
  })
}

function refuseParts(count: number): never {
  throw new UsageError({
    operation: 'encode',
    expected: 'one text or two at a TemplateProcessing',
    found: `${count} parts of an earlier one`,
    hint: 'put both templates into one',
  })
}
