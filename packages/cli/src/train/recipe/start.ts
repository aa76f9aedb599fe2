import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  createCheckpoint,
  loadEncoder,
  loadTokenizer,
  openCheckpoint,
  saveModel,
  shrinkEncoder,
  trainTokenizer,
  type DataRecord,
  type ShrinkOptions,
  type Tokenizer,
} from 'heed'
import { presets } from '../../tokenize/presets.js'
import { trainingSettings } from '../../tokenize/training-settings.js'
import type { NewTokenizer, RecipeConfig } from './config.js'
import { configured } from './configured.js'

/** Where a new model stands in the output folder before it is trained. */
export const startFolder = 'start'

/**
 * The path of the model that a training begins with: another's, or a new one's, which is made where it is not
 * there.
 *
 * @param records what it is trained on: a tokenizer may be, too
 * @throws {FormatError} for a configuration or a tokenizer that makes no sense
 */
export async function startOf(config: RecipeConfig, records: readonly DataRecord[]): Promise<string> {
  const { start, output, training } = config
  if ('from' in start && start.shrink === undefined) return start.from
  const folder = join(output, startFolder)
  if (existsSync(join(folder, 'config.json'))) return folder
  if ('from' in start) {
    const large = await loadEncoder(start.from)
    const options = { texts: textsOf(records), ...start.shrink } as ShrinkOptions
    const small = await configured(config, 'shrink', async () => shrinkEncoder(large, options))
    await saveModel(folder, small)
    return folder
  }
  const tokenizer =
    typeof start.tokenizer === 'string'
      ? await tokenizerIn(start.tokenizer)
      : await learnedTokenizer(textsOf(records), start.tokenizer)
  await createCheckpoint(folder, { config: start.config, tokenizer, seed: training.seed })
  return folder
}

async function tokenizerIn(path: string): Promise<Tokenizer> {
  if (!path.endsWith('.json')) return openCheckpoint(path).tokenizer()
  return loadTokenizer(await readFile(path), path)
}

function learnedTokenizer(
  texts: Iterable<string>,
  { train: vocabularySize, model, preset }: NewTokenizer,
): Promise<Tokenizer> {
  return trainTokenizer(texts, trainingSettings({ model, vocabularySize }, presets[preset]!))
}

/** All texts of records. */
export function textsOf(records: readonly DataRecord[]): string[] {
  const texts = new Set<string>()
  const names = ['text', 'pair', 'positive', 'query', 'question', 'context', 'source', 'target'] as const
  for (const record of records) {
    for (const name of names) if (typeof record[name] === 'string') texts.add(record[name])
    for (const name of ['negatives', 'documents', 'words'])
      if (Array.isArray(record[name]))
        for (const text of record[name]) if (typeof text === 'string') texts.add(text)
  }
  return [...texts]
}
