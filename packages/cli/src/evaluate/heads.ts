/** What each head of a model is worth to a task, and what it does with the texts. */
import {
  ablateHeads,
  type AblateOptions,
  type Ablation,
  type DataRecord,
  type HeadRow,
  headTable,
  type OpenedTask,
  type TaskSettings,
} from 'heed'
import { drawnOf } from 'heed/internals'

/** What an ablation found, with the table of the heads. */
export interface MeasuredHeads extends Ablation {
  readonly table: readonly HeadRow[]
}

/** A part of the records, and the settings of the task that take it. */
export interface Sampled {
  readonly records: readonly DataRecord[]
  readonly settings: Pick<TaskSettings, 'queries'>
}

/** So many records, drawn by the seed; of a collection that is searched, queries: all documents stay. */
export function sampled(
  task: string,
  records: readonly DataRecord[],
  sample: number | undefined,
  seed: number,
): Sampled {
  if (sample === undefined) return { records, settings: {} }
  if (task === 'search') return { records, settings: { queries: sample } }
  return { records: drawnOf(records, sample, seed), settings: {} }
}

/** Records whose texts the table looks at. */
const looked = 16

/** Measures a task without each head, and looks at what the heads do with the first records. */
export async function measuredHeads(
  opened: OpenedTask,
  records: readonly DataRecord[],
  options: AblateOptions,
): Promise<MeasuredHeads> {
  const { loaded, task } = opened
  const found = await ablateHeads(loaded, (own) => opened.measure(records, own), options)
  // Vectors are made of texts by themselves, a cross-encoder's scores of two together.
  const together =
    !['sentence-similarity', 'search'].includes(task) ||
    (loaded.family === 'encoder' && loaded.config.head?.kind === 'classification')
  const texts = records.slice(0, looked).map((record) => textOf(record, together))
  const reads = ['encoder', 'decoder', 'encoder-decoder'].includes(loaded.family)
  return { ...found, table: reads ? await headTable(loaded, texts, { signal: options.signal }) : [] }
}

/** What a model reads of a record. */
function textOf(record: DataRecord, together: boolean): string | [string, string] {
  const { words, documents } = record
  const named = (...names: string[]): string | undefined =>
    names.map((name) => record[name]).find((value): value is string => typeof value === 'string')
  const text = Array.isArray(words)
    ? words.join(' ')
    : (named('text', 'question', 'prompt', 'query', 'source') ?? '')
  const pair = named('pair', 'context', 'positive') ?? (Array.isArray(documents) ? documents[0] : undefined)
  return together && typeof pair === 'string' ? [text, pair] : text
}

/**
 * `layer 3` of `blocks.3.attention.filter`; of an encoder-decoder `source 3`, `target 3`, and `cross 3` from
 * one to the other.
 */
export function attentionName(attention: string): string {
  return attention
    .replace(/\.filter$/, '')
    .replace(/^blocks\.(\d+)\.attention$/, 'layer $1')
    .replace(/^encoder\.blocks\.(\d+)\.attention$/, 'source $1')
    .replace(/^decoder\.blocks\.(\d+)\.attention$/, 'target $1')
    .replace(/^decoder\.blocks\.(\d+)\.crossAttention$/, 'cross $1')
}

/** Hundredths of a share; of what is no share, where less is better, the number itself. */
export function costText(value: number, lower: boolean): string {
  return (lower ? value.toFixed(2) : (100 * value).toFixed(1)).replace(/^-(0\.0+)$/, '$1')
}
