import type { Gguf } from '../../formats/index.js'
import type { AddedToken } from '../added-tokens.js'
import { pieceType } from '../subword/index.js'
import { Vocabulary } from '../steps/vocabulary.js'
import { mostTokens } from './limits.js'
import { addedToken } from '../added-tokens.js'

/** The tokens of a GGUF file. */
export interface GgufTokens {
  readonly vocabulary: Vocabulary
  /** By id, of float32. */
  readonly scores: Float64Array
  /** By id, of `pieceType`; 0 where the file has another type. */
  readonly types: Uint8Array
}

const { normal, unknown, control, userDefined } = pieceType
const prefix = 'tokenizer.ggml.'

/** @throws FormatError where there are no tokens, one is there twice, or scores or types are fewer */
export function readGgufTokens(file: Gguf): GgufTokens {
  const name = `${prefix}tokens`
  const count = file.countOf(name)
  if (count === undefined || count === 0) return file.refuse(name, 'a list of tokens', 'none')
  if (count > mostTokens) file.refuse(name, `at most ${mostTokens} tokens`, count)
  const vocabulary = readVocabulary(file, name, count)
  const listOf = (key: string): Float64Array | undefined => {
    const length = file.countOf(`${prefix}${key}`)
    if (length !== undefined && (length < count || length > 2 * mostTokens))
      file.refuse(`${prefix}${key}`, `as long as the list of ${count} tokens`, length)
    return file.numbers(`${prefix}${key}`)
  }
  const scores = listOf('scores')?.subarray(0, count) ?? new Float64Array(count)
  if (scores.some((score) => !Number.isFinite(score))) file.refuse(`${prefix}scores`, 'finite', 'another')
  const types = new Uint8Array(count).fill(normal)
  listOf('token_type')?.forEach((type, id) => (types[id] = type >= 1 && type <= 6 ? type : 0))
  return { vocabulary, scores, types }
}

/** So many tokens are added together, so that memory is waited for once. */
const together = 256

function readVocabulary(file: Gguf, name: string, count: number): Vocabulary {
  const vocabulary = new Vocabulary(count)
  const bounds = new Int32Array(2 * together)
  const ids = new Int32Array(together)
  let pending = 0
  let from = new Uint8Array(0)
  const flush = (): void => {
    if (!vocabulary.addAll(from, bounds, ids, pending))
      file.refuse(name, 'tokens that are there once', `one of the first ${vocabulary.size + pending} again`)
    pending = 0
  }
  file.eachText(name, (bytes, start, end, id) => {
    if (pending > 0 && (bytes !== from || pending === together)) flush()
    from = bytes as Uint8Array<ArrayBuffer>
    if (start === end) {
      if (pending > 0) flush()
      if (!vocabulary.add(`[EMPTY_${id}]`, id)) file.refuse(name, 'tokens that are there once', 'one again')
      return
    }
    bounds[2 * pending] = start
    bounds[2 * pending + 1] = end
    ids[pending++] = id
  })
  if (pending > 0) flush()
  return vocabulary
}

/** Tokens that end a text, and so mean none, whatever type the file gives them. */
const ends =
  '<|eot_id|> <|im_end|> <|end|> <|return|> <|call|> <|flush|> <|calls|> <end_of_turn> <|endoftext|> </s> ' +
  '<|eom_id|> <EOT> _<EOT> [EOT] [EOS] <|end_of_text|> <end_of_utterance> <eos> <turn|> <|tool_response> ' +
  '<｜end▁of▁sentence｜> [e~['
/** The same for tokens around code that is filled in, unless the file has an id for them. */
const fills: readonly (readonly [keys: string, names: string])[] = [
  [
    'fim_pre prefix',
    '<|fim_prefix|> <fim-prefix> <fim_prefix> <｜fim▁begin｜> <PRE> ▁<PRE> <|code_prefix|> <|prefix|>',
  ],
  [
    'fim_suf suffix',
    '<|fim_suffix|> <fim-suffix> <fim_suffix> <｜fim▁hole｜> <SUF> ▁<SUF> <|code_suffix|> <|suffix|>',
  ],
  [
    'fim_mid middle',
    '<|fim_middle|> <fim-middle> <fim_middle> <｜fim▁end｜> <MID> ▁<MID> <|code_middle|> <|middle|>',
  ],
  ['fim_pad', '<|fim_pad|> <fim-pad> <fim_pad> <PAD> [PAD]'],
  ['fim_rep', '<|fim_repo|> <|repo_name|> <fim-repo> <REPO> <reponame>'],
  ['fim_sep', '<|file_sep|>'],
]

/** Changes types as llama.cpp does where it knows a token by its name. */
export function correctTypes(file: Gguf, { vocabulary, types }: GgufTokens): void {
  const set = (name: string, type: number): void => {
    const id = vocabulary.id(name)
    if (id !== undefined) types[id] = type
  }
  const has = (name: string): boolean => vocabulary.has(name)
  for (const [keys, names] of fills) {
    if (keys.split(' ').some((key) => file.has(`${prefix}${key}_token_id`))) continue
    for (const name of names.split(' ')) set(name, control)
  }
  for (const name of ends.split(' ')) set(name, control)
  for (const name of ['<|channel|>', '<|message|>', '<|start|>', '<|constrain|>']) set(name, userDefined)
  const calls = has('<|call|>') || has('<|calls|>')
  if (has('<|end|>') && calls && (has('<|return|>') || has('<|flush|>'))) set('<|end|>', userDefined)
  if (has('<|tool_response>')) set('</s>', normal)
}

/** Control and unknown tokens, which are special, and those that a user defined, which aren't. */
export function addedTokensOf(file: Gguf, { vocabulary, types }: GgufTokens): AddedToken[] {
  const strips = stripsOf(file)
  const tokens: AddedToken[] = []
  types.forEach((type, id) => {
    if (type !== control && type !== unknown && type !== userDefined) return
    const content = vocabulary.token(id)!
    tokens.push(addedToken(id, content, { special: type !== userDefined, ...strips(content) }))
  })
  return tokens
}

/** Which tokens take the white space at their side along: llama.cpp knows that by the model's name. */
function stripsOf(file: Gguf): (token: string) => Partial<AddedToken> {
  const pre = file.string(`${prefix}pre`) ?? ''
  const architecture = file.string('general.architecture') ?? ''
  const name = (file.string('general.name') ?? '').toLowerCase()
  const contains = (text: string, parts: string): boolean =>
    parts.split(' ').some((part) => text.includes(part))
  if (
    contains(pre, 'jina-v2-de jina-v2-es jina-v2-code') ||
    contains(architecture, 'nomic-bert-moe jina-bert-v3')
  )
    return (token) => ({ lstrip: token === '<mask>' })
  if (contains(name, 'phi-3 phi3'))
    return (token) => ({ rstrip: !['<unk>', '<s>', '<|endoftext|>'].includes(token) })
  if (name.includes('modern-bert')) return (token) => ({ lstrip: token === '[MASK]' })
  return () => ({})
}
