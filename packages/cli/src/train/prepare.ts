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
  type Tokenizer,
  type TokenIds,
} from 'heed'
import { writeFileWhole } from 'heed/internals'
import { documentToken } from '../generate.js'
import type { TrainConfig } from './config.js'
import { readDocuments, type Documents } from './documents.js'

/** What a run trains on. */
export interface Prepared {
  readonly tokenizer: Tokenizer
  readonly train: TokenIds
  readonly validation: TokenIds | undefined
  /** UTF-8 bytes that a token of the validation data stands for, on average. */
  readonly bytesPerToken: number | undefined
  /** The id of the token before every document. */
  readonly separator: number | undefined
}

/** The name of the tokenizer's file in the output folder. */
export const tokenizerFile = 'tokenizer.json'

/**
 * Reads the data and makes tokens of it; trains the tokenizer first where the configuration wants one. Tokenizer and tokens
 * are kept in the output folder: a resumed run takes them from there.
 *
 * @param stage told what is being done
 * @throws {FormatError} where a file of data or the tokenizer's can't be read or is not what it should be
 */
export async function prepareData(
  config: TrainConfig,
  resume: boolean,
  stage: (text: string) => void,
): Promise<Prepared> {
  stage('reading the training data')
  const train = await documentsOf(config.data.train)
  const tokenizer = await tokenizerOf(config, train, resume, stage)
  const separator = tokenizer.id(documentToken)
  const tokensOf = async (name: string, documents: Documents): Promise<TokenIds> => {
    const vocabulary = createHash('sha256').update(saveTokenizer(tokenizer)).digest('hex')
    const fingerprint = `documents ${documents.sha256}, tokenizer ${vocabulary}, separator ${separator}`
    return cachedTokens(join(config.output, `${name}.tokens.safetensors`), fingerprint, () => {
      stage(`making tokens of ${documents.texts.length} documents`)
      return encodeDocuments(tokenizer, documents.texts, separator === undefined ? {} : { separator })
    })
  }
  const tokens = await tokensOf('train', train)
  if (config.data.validation.length === 0) {
    return { tokenizer, train: tokens, validation: undefined, bytesPerToken: undefined, separator }
  }
  const held = await documentsOf(config.data.validation)
  const validation = await tokensOf('validation', held)
  return { tokenizer, train: tokens, validation, bytesPerToken: held.bytes / validation.length, separator }
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

async function tokenizerOf(
  config: TrainConfig,
  documents: Documents,
  resume: boolean,
  stage: (text: string) => void,
): Promise<Tokenizer> {
  const kept = join(config.output, tokenizerFile)
  if (typeof config.tokenizer === 'string') {
    const tokenizer = loadTokenizer(
      await textOf(
        config.tokenizer,
        'a tokenizer.json that can be read',
        'correct the path in the configuration, or take { "train": 4096 }',
      ),
    )
    await writeFileWhole(kept, new TextEncoder().encode(saveTokenizer(tokenizer)))
    return tokenizer
  }
  if (resume) {
    const text = await readFile(kept, 'utf8').catch(() => undefined)
    if (text !== undefined) return loadTokenizer(text)
  }
  const tokenizer = trainByteLevel(documents.texts, {
    vocabularySize: config.tokenizer.train,
    special: [documentToken],
    onProgress: (done, all) => {
      if (done % 64 === 0) stage(`training the tokenizer: ${done} of ${all} tokens`)
    },
  })
  await writeFileWhole(kept, new TextEncoder().encode(saveTokenizer(tokenizer)))
  return tokenizer
}

/** The text of a file that `heed train` needs. @throws {FormatError} saying what was expected and what to do */
export async function textOf(file: string, expected: string, hint: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (cause) {
    const found = cause instanceof Error ? cause.message : String(cause)
    throw new FormatError({ operation: 'train', expected, found, hint, file, cause })
  }
}
