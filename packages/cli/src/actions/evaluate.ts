import { basename, resolve } from 'node:path'
import { type DataSource, evaluationOf, loadRecords, openTask, type TaskSettings } from 'heed'
import { readJson } from 'heed/internals'
import type { Context } from '../context.js'
import { UsageError } from '../errors.js'
import { measuredHeads, sampled } from '../evaluate/heads.js'
import { ablationText, evaluationText } from '../evaluate/text.js'
import { listenForInterruption } from '../interruption.js'
import type { WeightChoice } from '../options.js'
import { ProgressLine } from '../progress-line.js'
import { shippedModelOf } from '../run/open-runner.js'
import { escaped, jsonText } from '../terminal.js'

export interface EvaluateCommandOptions {
  readonly task: string
  readonly data: readonly string[]
  readonly format?: string
  readonly columns?: string
  readonly field?: readonly string[]
  readonly label?: readonly string[]
  readonly limit?: number
  readonly sample?: number
  readonly learnFrom?: readonly string[]
  readonly baselines: boolean
  readonly seed: number
  readonly draws: number
  readonly confidence: number
  readonly weights: WeightChoice
  readonly as?: TaskSettings['as']
  readonly dimensions?: number
  readonly vectors?: 'int8' | 'binary'
  readonly questions?: 'first' | 'all'
  readonly rerank?: string
  readonly first?: string
  readonly depth?: number
  readonly threshold?: number
  readonly beams?: number
  readonly lengthPenalty?: number
  readonly tokens?: number
  readonly towers?: string
  readonly template?: readonly string[]
  readonly window?: number
  readonly stride?: number
  readonly ablateHeads?: 'zero' | 'uniform'
  readonly metric?: string
  readonly json?: boolean
}

/** Measures a model on data, and prints what it found. */
export async function evaluateModel(
  given: string | undefined,
  options: EvaluateCommandOptions,
  { output, errorOutput, environment }: Context,
): Promise<void> {
  const { task, seed, draws: samples, confidence, baselines, ablateHeads: ablation, metric } = options
  const interruption = listenForInterruption()
  const progress = new ProgressLine(errorOutput, environment)
  const told = (unit: string) => (done: number, total: number) => progress.update(task, done, total, unit)
  const { signal } = interruption
  const intervals = { samples, confidence, seed, signal }
  try {
    const all = await loadRecords(sourcesOf(options.data, options), origin)
    const { records, settings: drawn } = sampled(task, all, options.sample, seed)
    const learnFrom =
      options.learnFrom &&
      (await loadRecords(sourcesOf(options.learnFrom, { ...options, limit: undefined }), origin))
    const { as, dimensions, vectors, questions, rerank, first } = options
    const { depth, window, stride, threshold, beams, lengthPenalty, tokens, weights } = options
    const { towers, template: templates } = options
    const settings = {
      as,
      dimensions,
      vectors,
      questions,
      ...drawn,
      rerank: rerank && resolve(rerank),
      first: first && resolve(first),
      depth,
      window,
      stride,
      threshold,
      beams,
      lengthPenalty,
      tokens,
      towers: towers && resolve(towers),
      templates,
    }
    const model =
      given === undefined ? shippedModelOf(shippedFor(task), 'name one: heed evaluate MODEL') : resolve(given)
    const opened = await openTask(model, task, settings, { weights })
    const about = { model: basename(model), records: records.length }
    if (ablation !== undefined) {
      const how = { ...intervals, ablation, metric, progress: told('runs') }
      const found = await measuredHeads(opened, records, how)
      progress.end()
      output.write(
        options.json
          ? `${jsonText({ ...about, ...found })}\n`
          : ablationText(about, found, output, environment),
      )
      return
    }
    const how = { ...intervals, baselines, learnFrom }
    const found = await evaluationOf(await opened.measure(records, { ...how, progress: told('items') }), how)
    progress.end()
    output.write(
      options.json
        ? `${jsonText({ ...about, ...found })}\n`
        : evaluationText(about, found, output, environment),
    )
  } catch (error) {
    if (signal.aborted) throw new Error('evaluate: stopped before the end', { cause: error })
    throw error
  } finally {
    progress.end()
    interruption.end()
  }
}

const origin = { operation: 'evaluate' }

/** The task of `pipeline` whose model is measured. */
function shippedFor(task: string): string {
  if (task === 'search') return 'sentence-similarity'
  return task === 'perplexity' || task === 'choice' ? 'text-generation' : task
}

/** How files of records are read. */
type Reading = Pick<EvaluateCommandOptions, 'task' | 'format' | 'columns' | 'field' | 'label'> & {
  readonly limit?: number | undefined
}

/** Files, or JSON, as sources of data. */
function sourcesOf(
  data: readonly string[],
  { task, format, columns, field, label, limit }: Reading,
): DataSource[] {
  const named = {
    ...(format !== undefined && { format }),
    ...(columns !== undefined && { columns: columns.split(',') }),
    ...(field !== undefined && { fields: pairsOf('--field', field) }),
    ...(label !== undefined && { labels: pairsOf('--label', label) }),
    ...(limit !== undefined && { limit }),
  }
  return data.flatMap((given) => {
    // Questions in JSON are SQuAD's, or one a line, which the same reader takes.
    const isSquad = task === 'question-answering' && /\.(json|jsonl|ndjson)(\.gz)?$/i.test(given)
    if (!/^\s*[[{]/.test(given))
      return [{ ...(isSquad && { format: 'squad' }), ...named, path: given } as DataSource]
    const json = readJson(given, {
      operation: 'evaluate',
      file: '--data',
      hint: 'write { "path": "…" }',
    }).plain()
    return (Array.isArray(json) ? json : [json]).map(
      (one: object) => ({ ...named, ...one }) as unknown as DataSource,
    )
  })
}

function pairsOf(option: string, given: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    given.map((pair) => {
      const at = pair.indexOf('=')
      if (at > 0) return [pair.slice(0, at), pair.slice(at + 1)]
      throw new UsageError(`evaluate: expected ${option} as name=value, found '${escaped(pair)}'`)
    }),
  )
}
