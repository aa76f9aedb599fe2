/** One run of a task on symbols: training, and how much is right at each length. */
import { dispose, foldIn, type RandomKey, randomKey } from 'heed'
import { integerAt } from 'heed/internals'
import { contestantOf, special } from './contestants.js'
import type { Reached, Run, Shown } from './runs.js'
import { type ModelName, settingsOf, type SymbolTask, type SymbolTaskName } from './settings.js'
import { drawPairs, type Pair, symbolText, symbolVocabulary } from './symbols.js'
import { type BatchesOfPairs, countOf, pairBatch, trainModel, type Watching } from './train.js'

/** Symbols of the sequence whose attention is shown. */
const shownLength = 12

/** Which run: its model and its seed. */
export interface Which {
  readonly model: ModelName
  readonly seed: number
}

/** Trains and measures; undefined where it was stopped. */
export async function measureSymbols(
  name: SymbolTaskName,
  task: SymbolTask,
  { model: modelName, seed }: Which,
  watching: Watching = {},
): Promise<Run | undefined> {
  const { sizes, rate } = task.models[modelName]
  const contestant = contestantOf(sizes, symbolVocabulary(task))
  const data = symbolBatches(name, task, randomKey(seed, 'why attention', name))
  const trained = await trainModel(contestant, { ...task, data, rate, seed, ...watching })
  if (trained === undefined) return undefined
  const { model, parameters, tokens, loss, seconds } = trained
  // The same sequences for all models and seeds, and never those of a training.
  const key = randomKey(0, 'why attention', name, 'test')
  const reached: Reached[] = []
  for (const length of task.lengths) {
    const pairs = drawPairs(name, task, { key: foldIn(key, length), length, count: task.examples })
    const longest = pairs[0]!.target.length
    const sources = pairs.map(({ source }) => source)
    const written = await contestant.write(model, sources, longest)
    reached.push({ length, score: 100 * shareOf(pairs, written), examples: pairs.length })
  }
  const shown = seed === 0 ? await show() : undefined
  dispose(model as never)
  const settings = settingsOf(task, modelName)
  return { task: name, model: modelName, seed, settings, parameters, tokens, loss, seconds, reached, shown }

  async function show(): Promise<Shown | undefined> {
    const length = Math.min(shownLength, task.longest)
    const [{ source }] = drawPairs(name, task, { key: foldIn(key, 'shown'), length, count: 1 }) as [Pair]
    const [written] = (await contestant.write(model, [source], length)) as [number[]]
    const filter = contestant.filter(model, source, [special.start, ...written.slice(0, -1)])
    const text = (ids: readonly number[]): string[] => ids.map((id) => symbolText(task, id))
    return filter && { source: text(source), written: text(written), filter }
  }
}

/** Batches that never repeat: each has sequences of one length, drawn anew. */
function symbolBatches(name: SymbolTaskName, task: SymbolTask, key: RandomKey): BatchesOfPairs {
  return {
    batchesPerEpoch: task.steps,
    tokensPerBatch: 0,
    fingerprint: `${name}, symbols ${task.symbols}, lengths to ${task.longest}, batch ${task.batch}, key ${key.join(' ')}`,
    batch(index) {
      const own = foldIn(key, index)
      const length = 1 + integerAt(foldIn(own, 'length'), 0, task.longest)
      const pairs = drawPairs(name, task, { key: own, length, count: task.batch })
      return pairBatch(pairs)
    },
  }
}

/** The share of all ids of the targets that stand where they should. */
function shareOf(pairs: readonly Pair[], written: readonly (readonly number[])[]): number {
  const right = pairs.flatMap(({ target }, i) => target.filter((id, at) => written[i]![at] === id))
  return right.length / countOf(pairs.map(({ target }) => target))
}
