import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  cachedTokens,
  encodeDocuments,
  FormatError,
  loadTokenizer,
  saveTokenizer,
  trainByteLevel,
  UsageError,
  type Tokenizer,
  type TokenIds,
} from 'heed'
import { documentToken, foundAt, writeFileWhole } from 'heed/internals'
import type { Begun } from './begun.js'
import type { TrainConfig } from './config.js'
import { readDocuments, type Documents } from './documents.js'

/** What a run trains on. */
export interface Prepared {
  readonly tokenizer: Tokenizer
  /** The SHA-256 of the training documents. */
  readonly documents: string
  readonly train: TokenIds
  readonly validation: TokenIds | undefined
  /** UTF-8 bytes that a token of the validation data stands for, on average. */
  readonly bytesPerToken: number | undefined
  /** The id of the token before every document. */
  readonly separator: number | undefined
}

/** The name of the tokenizer's file in the output folder. */
export const tokenizerFile = 'tokenizer.json'

export interface PrepareOptions {
  /** The run that is gone on with. */
  readonly begun: Begun | undefined
  /** Of the program that makes tokens: those of another are made anew. */
  readonly version: string
  /** Told what is being done. */
  readonly stage: (text: string) => void
  /** Told what is unexpected, and no reason to stop. */
  readonly note: (text: string) => void
}

/**
 * Reads the data and makes tokens of it; trains the tokenizer first where the configuration wants one.
 * Tokenizer and tokens are kept in the output folder. A resumed run takes the tokenizer from its checkpoint.
 * Nothing is written where data or tokenizer are others than those of the run that is gone on with.
 *
 * @throws {FormatError} where a file of data or the tokenizer's can't be read or is not what it should be
 * @throws {UsageError} where a resumed run began with other data or another tokenizer
 * @throws {HeedError} where the output folder can't be written to
 */
export async function prepareData(config: TrainConfig, options: PrepareOptions): Promise<Prepared> {
  const { begun, version, stage } = options
  stage('reading the training data')
  const train = await documentsOf(config.data.train)
  if (begun !== undefined) checkDocuments(begun, train, config)
  const tokenizer = await tokenizerOf(config, train, options)
  const separator = tokenizer.id(documentToken)
  const text = saveTokenizer(tokenizer)
  await writeIfOther(join(config.output, tokenizerFile), text)
  const tokensOf = async (name: string, documents: Documents): Promise<TokenIds> => {
    const vocabulary = hashOf(text)
    const fingerprint = `documents ${documents.sha256}, tokenizer ${vocabulary}, separator ${separator}, heed ${version}`
    return cachedTokens(join(config.output, `${name}.tokens.safetensors`), fingerprint, () => {
      stage(`making tokens of ${documents.texts.length} documents`)
      return encodeDocuments(tokenizer, documents.texts, separator === undefined ? {} : { separator })
    })
  }
  const tokens = await tokensOf('train', train)
  const prepared = { tokenizer, documents: train.sha256, train: tokens, separator }
  if (config.data.validation.length === 0)
    return { ...prepared, validation: undefined, bytesPerToken: undefined }
  const held = await documentsOf(config.data.validation)
  const validation = await tokensOf('validation', held)
  return { ...prepared, validation, bytesPerToken: held.bytes / validation.length }
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

/** Writes a file whole, unless it is there and says the same. */
async function writeIfOther(path: string, text: string): Promise<void> {
  if ((await readFile(path, 'utf8').catch(() => undefined)) === text) return
  await writeFileWhole(path, new TextEncoder().encode(text))
}

async function documentsOf(files: readonly string[]): Promise<Documents> {
  const documents = await readDocuments(files)
  if (documents.texts.length > 0) return documents
  throw new FormatError({
    operation: 'train',
    expected: 'at least one document',
    found: `none in ${files.join(', ')}`,
    hint: 'give files with text',
    file: files[0],
  })
}

function checkDocuments({ path, documents }: Begun, train: Documents, { data }: TrainConfig): void {
  if (documents === undefined || documents === train.sha256) return
  throw new UsageError({
    operation: 'resume',
    expected: `the training data that '${path}' was trained on`,
    found: `other documents in ${data.train.map((file) => `'${file}'`).join(', ')}`,
    hint: 'put the data back, or begin anew in another folder',
  })
}

async function tokenizerOf(
  config: TrainConfig,
  documents: Documents,
  { begun, stage, note }: PrepareOptions,
): Promise<Tokenizer> {
  if (begun !== undefined) return begunTokenizer(config, begun, note)
  if (typeof config.tokenizer === 'string') return tokenizerIn(config.tokenizer)
  return trainByteLevel(documents.texts, {
    vocabularySize: config.tokenizer.train,
    special: [documentToken],
    onProgress: (done, all) => {
      if (done % 64 === 0) stage(`training the tokenizer: ${done} of ${all} tokens`)
    },
  })
}

async function tokenizerIn(file: string): Promise<Tokenizer> {
  const hint = 'correct the path in the configuration, or take { "train": 4096 }'
  return loadTokenizer(await textOf(file, `a tokenizer.json that can be read, '${file}'`, hint), file)
}

/** The tokenizer of the run that is gone on with, held to what the configuration says now. */
async function begunTokenizer(
  { tokenizer: given }: TrainConfig,
  { path, tokenizer, vocabulary }: Begun,
  note: (text: string) => void,
): Promise<Tokenizer> {
  const refuse = (expected: string, found: string): never => {
    const hint = 'go on with what the run began with, or begin anew in another folder'
    throw new UsageError({ operation: 'resume', expected, found, hint })
  }
  if (typeof given !== 'string') {
    if (vocabulary !== undefined && vocabulary !== given.train)
      refuse(`the tokenizer.train of '${path}' (${vocabulary})`, String(given.train))
    return tokenizer
  }
  const own = await tokenizerIn(given).catch((error: unknown) => {
    if (!(error instanceof FormatError)) throw error
    note(`'${given}' can't be used, the tokenizer of '${path}' is taken: ${error.message}`)
  })
  if (own !== undefined && saveTokenizer(own) !== saveTokenizer(tokenizer))
    refuse(`the tokenizer of '${path}'`, `another in '${given}'`)
  return tokenizer
}

/**
 * The text of a file that `heed train` needs. @throws {FormatError} saying what was expected and what to do
 */
export async function textOf(file: string, expected: string, hint: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (cause) {
    throw new FormatError({ operation: 'train', expected, found: foundAt(file, cause), hint, file, cause })
  }
}
