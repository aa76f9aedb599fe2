/**
 * Late interaction from the files of sentence-transformers, of PyLate, of ColBERT itself, or of any encoder.
 */
import { type JsonValue, randomKey, UsageError } from '../../base/index.js'
import { describing, linearBinding, loadTree } from '../../checkpoint/index.js'
import { openWeights } from '../../formats/index.js'
import { createLinear } from '../../nn/index.js'
import type { Tokenizer } from '../../text/index.js'
import { type LoadedEncoder, type LoadOptions, ofFamily, readModel, type Running } from '../load.js'
import { type Dense, readDense } from './dense.js'
import {
  LateInteraction,
  type LateInteractionSettings,
  type SideSettings,
  type TokenModule,
} from './late-interaction.js'
import { jsonFile, type StoredModule, storedModules } from './modules.js'
import { storedPrompts, textSettings } from './settings.js'

const punctuation = [...'!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~']
/** More tokens than any query is filled up to. */
const longest = 2 ** 16

/** What files say of queries and documents. */
interface Said {
  readonly prompts: { readonly query: string; readonly document: string }
  /**
   * Which token a prompt may begin with, as its marker: any of the vocabulary (`[unused0]`), or only one that
   * was added to it, which its text alone would not become.
   */
  readonly marker: 'any' | 'added'
  readonly queryLength: number
  readonly documentLength: number
  readonly expansion: SaidExpansion | undefined
  readonly skipped: readonly string[]
  readonly skippedOf: readonly string[]
}

interface SaidExpansion {
  readonly length: number
  readonly attend: boolean
  /** Whether longer queries are cut to the length. */
  readonly fixed: boolean
  readonly token?: string | undefined
}

/** Any encoder: its states, of length 1. */
const plain: Said = {
  prompts: { query: '', document: '' },
  marker: 'added',
  queryLength: Infinity,
  documentLength: Infinity,
  expansion: undefined,
  skipped: [],
  skippedOf: ['document'],
}

/**
 * Late interaction with a model of this machine: a folder of sentence-transformers' MultiVectorEncoder, of
 * PyLate, of ColBERT itself (`artifact.metadata`), or any encoder. Markers, lengths, query augmentation and
 * what is skipped are as the files say. Of an encoder of which they say nothing, the vectors are its states,
 * made of length 1, without markers or augmentation.
 *
 * @throws FormatError where files are missing or wrong, or name a module that heed doesn't know; UsageError
 * where the model is no encoder
 */
export async function loadLateInteraction(
  from: string | Running<LoadedEncoder>,
  options: LoadOptions = {},
): Promise<LateInteraction> {
  return readLateInteraction(from, options)
}

/** `loadLateInteraction` at once, for `withDevice`. Throws as it does. */
export function readLateInteraction(
  from: string | Running<LoadedEncoder>,
  options: LoadOptions = {},
): LateInteraction {
  const folder = typeof from === 'string' ? from : from.stored.path
  const [first, ...rest] = isLateInteraction(folder) ? (storedModules(folder) ?? []) : []
  if (first !== undefined && first.type !== 'Transformer') first.named.refuse('a Transformer first')
  const loaded =
    typeof from === 'string' ? ofFamily(readModel(first?.folder ?? from, options), 'encoder') : from
  const own = isStanford(loaded)
  const said = own ? ofArtifact(folder) : (ofModules(folder, first, rest) ?? plain)
  const modules: readonly TokenModule[] = own
    ? [{ kind: 'dense', dense: inlineDense(folder, loaded.config.width) }, { kind: 'normalize' }]
    : tokenModules(rest, loaded.config.width)
  return new LateInteraction(loaded, modules, settingsOf(loaded, said))
}

/** Whether a folder's files say that its vectors are of tokens. */
export function isLateInteraction(folder: string): boolean {
  const type = jsonFile(folder, 'config_sentence_transformers.json')?.member('model_type').value
  if (type === 'ColBERT' || type === 'MultiVectorEncoder') return true
  if (jsonFile(folder, 'artifact.metadata') !== undefined) return true
  const modules = jsonFile(folder, 'modules.json') === undefined ? [] : (storedModules(folder) ?? [])
  return modules.some(
    ({ named, type: kind }) => kind === 'MultiVectorMask' || named.string().startsWith('pylate.'),
  )
}

function isStanford({ stored }: Running<LoadedEncoder>): boolean {
  const classes = stored.config.member('architectures')
  return !classes.isNull && classes.items()[0]?.value === 'HF_ColBERT'
}

/** The projections and norms behind the encoder. Folders of PyLate don't list the norm. */
function tokenModules(rest: readonly StoredModule[], encoderWidth: number): TokenModule[] {
  const modules: TokenModule[] = []
  let width = encoderWidth
  for (const module of rest) {
    const { type, named } = module
    if (type === 'Dense') {
      const dense = readDense(module, width, 'token_embeddings')
      width = dense.map.weight.size('made')
      modules.push({ kind: 'dense', dense })
    } else if (type === 'Normalize') modules.push({ kind: 'normalize' })
    else if (type !== 'MultiVectorMask' && type !== 'Dropout')
      named.refuse('Transformer, Dense, MultiVectorMask, Normalize or Dropout', {
        hint: 'heed has no other modules of late interaction',
      })
  }
  const isListed = rest.some(({ type }) => type === 'MultiVectorMask')
  return isListed ? modules : [...modules.filter(({ kind }) => kind === 'dense'), { kind: 'normalize' }]
}

/** `linear.weight` beside the encoder's own weights, as ColBERT stores it. */
function inlineDense(folder: string, width: number): Dense {
  const map = openWeights(folder, (files) => {
    const made = files.tensors.get('linear.weight')?.shape[0] ?? 1
    const like = {
      map: createLinear(randomKey(0), { width }, { made }, { bias: false, initializer: describing }),
    }
    const bindings = {
      leaves: linearBinding('map', { file: 'linear', from: 'width', to: 'made' }),
      ignored: ['*'],
    }
    return loadTree(files, like, bindings, { file: folder }).map
  })
  return { map, activation: undefined }
}

/** `artifact.metadata` of ColBERT, with the defaults of its own settings. */
function ofArtifact(folder: string): Said {
  const json = jsonFile(folder, 'artifact.metadata')
  const field = (name: string): JsonValue | undefined => present(json?.member(name))
  const length = field('query_maxlen')?.count(longest) ?? 32
  return {
    prompts: {
      query: field('query_token_id')?.string() ?? '[unused0]',
      document: field('doc_token_id')?.string() ?? '[unused1]',
    },
    marker: 'any',
    queryLength: length,
    documentLength: field('doc_maxlen')?.count(longest) ?? 220,
    expansion: { length, attend: field('attend_to_mask_tokens')?.boolean() ?? false, fixed: true },
    skipped: (field('mask_punctuation')?.boolean() ?? true) ? punctuation : [],
    skippedOf: ['document'],
  }
}

/** What a folder of sentence-transformers or PyLate says. Undefined: nothing of late interaction. */
function ofModules(
  folder: string,
  first: StoredModule | undefined,
  rest: readonly StoredModule[],
): Said | undefined {
  if (first === undefined) return undefined
  const general = jsonFile(folder, 'config_sentence_transformers.json')
  const transformer = jsonFile(first.folder, 'sentence_bert_config.json')
  const field = (name: string): JsonValue | undefined =>
    present(transformer?.member(name)) ?? present(general?.member(name))
  const prompts = storedPrompts(folder)
  const mask = rest.find(({ type }) => type === 'MultiVectorMask')
  const own = mask && jsonFile(mask.folder, 'config.json')
  present(own?.member('keep_only_token_ids'))?.refuse('no keep_only_token_ids: it is for pictures')
  const words = present(own?.member('skiplist_words')) ?? field('skiplist_words')
  const tasks = present(own?.member('skiplist_tasks'))
  const marks = { query: field('query_prefix')?.string(), document: field('document_prefix')?.string() }
  const pylate = mask === undefined
  const queryLength = field('query_length')?.count(longest)
  return {
    prompts: {
      query: marks.query ?? prompts.get('query') ?? (pylate ? '[Q] ' : ''),
      document: marks.document ?? prompts.get('document') ?? (pylate ? '[D] ' : ''),
    },
    marker: pylate ? 'any' : 'added',
    queryLength: queryLength ?? (pylate ? 32 : Infinity),
    documentLength: field('document_length')?.count(longest) ?? (pylate ? 180 : Infinity),
    expansion: pylate ? expansionOfPylate(field, queryLength ?? 32) : expansionOf(field('query_expansion')),
    skipped: words?.items().map((word) => word.string()) ?? (pylate ? punctuation : []),
    skippedOf: tasks?.items().map((task) => task.string()) ?? ['document'],
  }
}

function expansionOfPylate(
  field: (name: string) => JsonValue | undefined,
  length: number,
): SaidExpansion | undefined {
  const wanted = field('do_query_expansion')?.boolean() ?? true
  const attend = field('attend_to_expansion_tokens')?.boolean() ?? false
  return wanted ? { length, attend, fixed: true } : undefined
}

function expansionOf(said: JsonValue | undefined): SaidExpansion | undefined {
  if (said === undefined) return undefined
  said.only(['strategy', 'attend', 'token', 'length'])
  return {
    length: said.member('length').count(longest),
    attend: said.member('attend').boolean(false),
    fixed: said.member('strategy').choice(['fixed', 'min']) === 'fixed',
    token: present(said.member('token'))?.string(),
  }
}

function present(value: JsonValue | undefined): JsonValue | undefined {
  return value?.isNull === false ? value : undefined
}

function settingsOf(loaded: Running<LoadedEncoder>, said: Said): LateInteractionSettings {
  const text = textSettings(loaded)
  const { tokenizer } = text
  const unknown = tokenizer.definition.model
  const ids = said.skipped.flatMap((word) => {
    const id = tokenizer.id(word)
    return id === undefined || ('unk_token' in unknown && unknown.unk_token === word) ? [] : [id]
  })
  const { expansion } = said
  const side = (name: 'query' | 'document', length: number): SideSettings => {
    const written = said.prompts[name]
    const marker = markerOf(tokenizer, written, said.marker)
    return {
      marker: marker?.id,
      prompt: written.slice(marker?.text.length ?? 0).trimStart(),
      maximum: Math.min(text.maximum, length),
      skipped: new Set(said.skippedOf.includes(name) ? ids : []),
    }
  }
  return {
    text,
    query: side('query', expansion?.fixed === true ? expansion.length : said.queryLength),
    document: side('document', said.documentLength),
    expansion: expansion && {
      id: fillingId(tokenizer, expansion.token),
      length: Math.min(expansion.length, loaded.config.context),
      attend: expansion.attend,
    },
  }
}

/** The token that a prompt begins with: all of it, or its first word. */
function markerOf(
  tokenizer: Tokenizer,
  prompt: string,
  which: Said['marker'],
): { readonly id: number; readonly text: string } | undefined {
  const added = tokenizer.definition.addedTokens
  for (const text of [prompt, prompt.split(/\s/, 1)[0]!]) {
    const id = text === '' ? undefined : tokenizer.id(text)
    if (id !== undefined && (which === 'any' || added.some(({ content }) => content === text)))
      return { id, text }
  }
  return undefined
}

/** What queries are filled up with: a mask, where there is no other. */
function fillingId(tokenizer: Tokenizer, token: string | undefined): number {
  const names = token === undefined ? ['[MASK]', '<mask>'] : [token]
  const id = names.map((name) => tokenizer.id(name)).find((found) => found !== undefined)
  if (id !== undefined) return id
  throw new UsageError({
    operation: 'loadLateInteraction',
    expected: `a tokenizer with ${names.join(' or ')}, which queries are filled up with`,
    found: 'none',
    hint: 'switch query expansion off in the files of the model',
  })
}
