import { checkNames, checkWhole, UsageError } from '../base/index.js'
import type { TokenizerDefinition } from './definition.js'
import type { PostProcessorDefinition, TokenAndId } from './finish/index.js'
import { createTokenizer } from './pipeline.js'
import { Vocabulary } from './steps/vocabulary.js'
import type { WordPieceDefinition } from './subword/index.js'
import type { Tokenizer } from './tokenizer.js'

/** Which tokens stay. */
export interface PruneOptions {
  /** How often a token has to occur; default 1. */
  readonly minimum?: number | undefined
  /** How many tokens there are at most: those stay that occur most often. Default: all that occur. */
  readonly most?: number | undefined
}

/** A tokenizer of fewer tokens. */
export interface PrunedTokenizer {
  readonly tokenizer: Tokenizer
  /** The old id of each new one: which rows of an embedding stay. */
  readonly ids: Int32Array
}

/**
 * A WordPiece tokenizer that keeps only what some texts need: the tokens that occur in them, the single
 * characters of these, and added tokens. Ids are counted anew in their old order. A word whose token is gone
 * is cut into smaller pieces (Abdaoui et al. 2020, "Load What You Need", reduce vocabularies the same way).
 *
 * @throws UsageError for another model than WordPiece, or a `most` that leaves no room for what must stay
 */
export function pruneTokenizer(
  tokenizer: Tokenizer,
  texts: Iterable<string>,
  options: PruneOptions = {},
): PrunedTokenizer {
  const operation = 'pruneTokenizer'
  checkNames(operation, options, ['minimum', 'most'] satisfies (keyof PruneOptions)[])
  const { minimum = 1, most = Infinity } = options
  checkWhole(operation, 'minimum', minimum, 1)
  if (most !== Infinity) checkWhole(operation, 'most', most, 1)
  const { definition, size } = tokenizer
  const { model, addedTokens } = definition
  if (model.type !== 'WordPiece')
    throw new UsageError({
      operation,
      expected: 'a tokenizer of the model WordPiece',
      found: model.type,
      hint: "take an encoder of BERT's tokens",
    })
  const counts = new Float64Array(size)
  for (const text of texts)
    for (const id of tokenizer.encode(text, { addSpecial: false, truncation: null, padding: null }).ids)
      counts[id]!++
  const stays = new Set(addedTokens.map(({ id }) => id))
  const unknown = model.vocab.id(model.unk_token)
  if (unknown !== undefined) stays.add(unknown)
  for (const id of characterIds(model, counts)) stays.add(id)
  if (stays.size > most)
    throw new UsageError({
      operation,
      expected: `room for ${stays.size} tokens: added ones and single characters`,
      found: `most: ${most}`,
      hint: 'give a larger number',
    })
  const often = Array.from(counts, (_, id) => id)
    .filter((id) => counts[id]! >= minimum && !stays.has(id))
    .sort((a, b) => counts[b]! - counts[a]! || a - b)
  for (const id of often.slice(0, Math.max(0, most - stays.size))) stays.add(id)
  const ids = Int32Array.from([...stays].sort((a, b) => a - b))
  const renumbered = new Map(Array.from(ids, (old, id) => [old, id]))
  return { tokenizer: createTokenizer(withIds(definition, model, renumbered)), ids }
}

/** The tokens of single characters that occur, at the beginning of a word and within. */
function* characterIds(model: WordPieceDefinition, counts: Float64Array): Generator<number> {
  const { vocab, continuing_subword_prefix: prefix } = model
  const characters = new Set<string>()
  for (const [token, id] of vocab) {
    if (counts[id] === 0) continue
    for (const character of token.startsWith(prefix) ? token.slice(prefix.length) : token)
      characters.add(character)
  }
  for (const character of characters)
    for (const token of [character, prefix + character]) {
      const id = vocab.id(token)
      if (id !== undefined) yield id
    }
}

function withIds(
  definition: TokenizerDefinition,
  model: WordPieceDefinition,
  renumbered: ReadonlyMap<number, number>,
): TokenizerDefinition {
  const { addedTokens, padding, postProcessor } = definition
  const vocab = new Vocabulary(renumbered.size)
  for (const [old, id] of renumbered) {
    const token = model.vocab.token(old)
    if (token !== undefined) vocab.add(token, id)
  }
  return {
    ...definition,
    addedTokens: addedTokens.map((token) => ({ ...token, id: renumbered.get(token.id)! })),
    padding: padding && { ...padding, pad_id: renumbered.get(padding.pad_id) ?? 0 },
    postProcessor: postProcessor && processorWithIds(postProcessor, renumbered),
    model: { ...model, vocab },
  }
}

function processorWithIds(
  definition: PostProcessorDefinition,
  renumbered: ReadonlyMap<number, number>,
): PostProcessorDefinition {
  const idOf = (old: number): number => renumbered.get(old) ?? old
  const moved = ([token, id]: TokenAndId): TokenAndId => [token, idOf(id)]
  switch (definition.type) {
    case 'BertProcessing':
    case 'RobertaProcessing':
      return { ...definition, sep: moved(definition.sep), cls: moved(definition.cls) }
    case 'TemplateProcessing':
      return {
        ...definition,
        special_tokens: new Map(
          [...definition.special_tokens].map(([name, own]) => [name, { ...own, ids: own.ids.map(idOf) }]),
        ),
      }
    case 'Sequence':
      return {
        ...definition,
        processors: definition.processors.map((one) => processorWithIds(one, renumbered)),
      }
    case 'ByteLevel':
      return definition
  }
}
