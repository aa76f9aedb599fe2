import type { TaskOptions } from './fields.js'
import type { Item } from './items.js'
import { keyOf, openKeyedResults, type KeyedResult } from './keyed-results.js'
import { errorText, groupsOf, outcomesOf, type Outcome, type Runner } from './runner.js'

/** Work on many inputs whose results become a file. */
export interface Batch {
  readonly runner: Runner
  readonly task: string
  /** The inputs, from the beginning each time. */
  readonly items: () => AsyncIterable<Item>
  readonly options: TaskOptions
  /** The file for the results. */
  readonly path: string
  /** What is written of an input and its outcomes: a line of JSON. */
  readonly lineOf: (item: Item, outcomes: readonly Outcome[]) => string
  readonly signal: AbortSignal
  /** Called once, with how many results earlier work has left. */
  readonly onBegin?: (known: number) => void
  /** Called with how many bytes of the inputs are done. */
  readonly onBytes?: (bytes: number) => void
}

/** What came of a batch. */
export interface BatchEnd {
  readonly isDone: boolean
  readonly items: number
  /** Inputs whose line has an error. */
  readonly failed: number
}

/**
 * Runs a batch. A result is known by a hash of the input, the options and the model; it is on the disk before
 * the next inputs run. So the same call goes on where a process ended, however it ended, and no input is lost
 * or done twice. The file comes at the end, whole, in the order of the inputs.
 *
 * @throws {StateError} where another process writes the same file
 */
export async function runBatch(batch: Batch): Promise<BatchEnd> {
  const { runner, signal, path } = batch
  const results = await openKeyedResults(path)
  let [items, failed, before] = [0, 0, 0]
  try {
    batch.onBegin?.(results.count)
    for await (const group of groupsOf(
      missing(batch, (key) => results.has(key)),
      batch.options,
    )) {
      if (signal.aborted) break
      const end = group.items.at(-1)!.bytes
      const outcomes = await outcomesOf(runner, group, signal, (share) =>
        batch.onBytes?.(before + Math.round(share * (end - before))),
      )
      const found = group.items.flatMap((item, i): KeyedResult[] =>
        keysOf(batch, item).map((key, j) => ({ key, text: JSON.stringify(outcomes[i]![j]) })),
      )
      await results.append(found)
      batch.onBytes?.((before = end))
    }
    if (signal.aborted) return { isDone: false, items, failed }
    await results.finish(lines())
    return { isDone: true, items, failed }
  } catch (error) {
    if (signal.aborted) return { isDone: false, items, failed }
    throw error
  } finally {
    await results.close()
  }

  async function* lines(): AsyncGenerator<string> {
    for await (const item of batch.items()) {
      const outcomes = await known(item)
      items++
      if (outcomes.some((outcome) => 'error' in outcome)) failed++
      yield batch.lineOf(item, outcomes)
    }
  }

  async function known(item: Item): Promise<readonly Outcome[]> {
    if (item.inputs instanceof Error) return [{ error: errorText(item.inputs) }]
    const outcomes: Outcome[] = []
    for (const key of keysOf(batch, item)) {
      if (!results.has(key))
        throw new Error(`run: the input changed while it was read; the same command goes on`)
      outcomes.push(JSON.parse(await results.read(key)) as Outcome)
    }
    return outcomes
  }
}

/** The items of which a result isn't there yet; of those that are alike the first. */
async function* missing(batch: Batch, has: (key: string) => boolean): AsyncGenerator<Item> {
  for await (const item of batch.items()) {
    if (batch.signal.aborted) return
    const keys = keysOf(batch, item)
    if (keys.some((key) => !has(key))) yield item
    else batch.onBytes?.(item.bytes)
  }
}

function keysOf({ runner, task, options }: Batch, item: Item): readonly string[] {
  if (item.inputs instanceof Error) return []
  const all = { ...options, ...item.options }
  return item.inputs.map((fields) =>
    keyOf(task, runner.stamp, sorted(all), sorted(fields), ...(item.stamp === undefined ? [] : [item.stamp])),
  )
}

/** The members in the order of their names, so that equal records are the same JSON. */
function sorted(record: Readonly<Record<string, unknown>>): readonly (readonly [string, unknown])[] {
  return Object.entries(record).sort(([one], [other]) => (one < other ? -1 : 1))
}
