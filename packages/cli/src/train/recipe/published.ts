import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { dispose, loadModel } from 'heed'
import { writeFileWhole } from 'heed/internals'
import { watchedBy } from '../watched-text.js'
import { parsedConfig } from '../config.js'
import { cardText } from './card.js'
import { recipeOf, recipeSection, type RecipeConfig } from './config.js'
import { headsFile, headsPicture } from './heads-card.js'
import { measureHeads } from './heads.js'
import { Measurements } from './measurements.js'
import { measureFirst, resultsFile, type FirstScores, type RecipeResults } from './results.js'
import { recipeTasks } from './tasks.js'

/** A model that a recipe published, and what its results say. */
export interface PublishedModel {
  readonly config: RecipeConfig
  /** Its folder. */
  readonly folder: string
  readonly results: RecipeResults
}

/**
 * What the recipe of a file published; undefined where it is none that publishes, or has not done so yet.
 *
 * @throws {ConfigError} where the configuration makes no sense
 */
export async function publishedBy(file: string): Promise<PublishedModel | undefined> {
  const json = parsedConfig(await readFile(file, 'utf8'), file) as { readonly task?: unknown }
  if (json.task === undefined) return undefined
  const config = recipeOf(recipeSection(json, file), file, Object.keys(recipeTasks))
  const folder = config.publish?.to
  if (folder === undefined || !existsSync(join(folder, resultsFile))) return undefined
  return publishedIn(config, folder)
}

async function publishedIn(config: RecipeConfig, folder: string): Promise<PublishedModel> {
  const results = JSON.parse(await readFile(join(folder, resultsFile), 'utf8')) as RecipeResults
  return { config, folder, results }
}

/** Measures what was just published, and states it. */
export async function stateFirst(config: RecipeConfig, folder: string, signal: AbortSignal): Promise<void> {
  const published = await publishedIn(config, folder)
  await stateAgain(published, await measureAgain(published, signal))
}

/** A score of the first records, as the results have it and as it is now. */
export interface MeasuredAgain {
  /** The evaluation's name. */
  readonly name: string
  /** As the results have it. */
  readonly stated: FirstScores | undefined
  readonly found: FirstScores
}

/** Measures a published model again, on the first records of each of its evaluations. */
export async function measureAgain(
  { config, folder, results }: PublishedModel,
  signal?: AbortSignal,
): Promise<readonly MeasuredAgain[]> {
  const measured: MeasuredAgain[] = []
  for (const task of config.evaluation) {
    const stated = results.evaluation.find(({ name }) => name === task.name)?.first
    measured.push({ name: task.name, stated, found: await measureFirst(folder, task, signal) })
  }
  return measured
}

/**
 * Measures what each head of a published model is worth, where its recipe asks for it, and writes that into
 * results and card, with the picture of the heads.
 */
export async function stateHeads(
  { config, folder, results }: PublishedModel,
  options: Parameters<typeof measureHeads>[3],
): Promise<void> {
  const heads = await measureHeads(config, folder, await Measurements.in(config.output), options)
  if (heads === undefined) return
  const { watch } = config
  const loaded = await loadModel(folder)
  const attend = watch && watchedBy(loaded, config.publish!.name, watch)?.attend(loaded.model)
  dispose(loaded.model)
  await writeFileWhole(join(folder, headsFile), new TextEncoder().encode(headsPicture(heads, attend)))
  await state({ config, folder, results: { ...results, heads } })
}

/** Writes scores of the first records into results and card. */
export async function stateAgain(
  { config, folder, results }: PublishedModel,
  measured: readonly MeasuredAgain[],
): Promise<void> {
  const evaluation = results.evaluation.map(({ name, found, beside, ...others }) => {
    const first = measured.find((one) => one.name === name)?.found
    return { name, found, ...others, ...(first && { first }), beside }
  })
  await state({ config, folder, results: { ...results, evaluation } })
}

async function state({ config, folder, results }: PublishedModel): Promise<void> {
  const write = (file: string, text: string): Promise<void> =>
    writeFileWhole(join(folder, file), new TextEncoder().encode(text))
  await write(resultsFile, `${JSON.stringify(results, undefined, 2)}\n`)
  await write('README.md', cardText(config, config.publish!, results))
}
