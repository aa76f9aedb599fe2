import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { argmax, dispose, randomKey, scope } from 'heed'
import { expect, test } from 'vitest'
import { contestantOf, padded, special } from './contestants.js'
import { measureSymbols, settingsOf } from './measure-symbols.js'
import { between } from './page.js'
import { isRunOf, readRuns, type Run } from './runs.js'
import { modelNames, seeds, symbolTaskNames, symbolTasks, taskNames } from './settings.js'
import { drawPairs, symbolText, symbolVocabulary } from './symbols.js'

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const each = symbolTaskNames.flatMap((task) => modelNames.map((model) => ({ task, model })))

test.each(each)('$task, $model: three steps of its own configuration', async ({ task, model }) => {
  const short = { ...symbolTasks[task], steps: 3, lengths: [2, 5], examples: 4, batch: 4 }
  const steps: number[] = []
  const run = await measureSymbols(task, short, { model, seed: 0 }, { onStep: (step) => steps.push(step) })
  expect(steps).toEqual([1, 2, 3])
  expect(run!.loss).toBeGreaterThan(1)
  // About as unsure as if it chose among all ids.
  expect(run!.loss).toBeLessThan(2 * Math.log(symbolVocabulary(short)))
  expect(run!.reached.map(({ length, examples }) => [length, examples])).toEqual([
    [2, 4],
    [5, 4],
  ])
  const { shown } = run!
  if (model === 'fixed vector') return expect(shown).toBeUndefined()
  expect(shown!.filter).toHaveLength(Math.max(1, shown!.written.length))
  for (const row of shown!.filter) {
    expect(row).toHaveLength(shown!.source.length)
    expect(row.reduce((sum, weight) => sum + weight)).toBeCloseTo(1, 4)
  }
})

test('the models are of one size, within 5 %', async () => {
  for (const task of Object.values(symbolTasks)) {
    const counts = await Promise.all(
      modelNames.map(async (model) => {
        const short = { ...task, steps: 1, lengths: [], batch: 2, longest: task.longest }
        return (await measureSymbols('recall', short, { model, seed: 1 }))!.parameters
      }),
    )
    expect(Math.max(...counts) / Math.min(...counts), counts.join(', ')).toBeLessThan(1.05)
  }
})

test('all write what is likeliest, step by step', async () => {
  const task = symbolTasks.copy
  for (const name of modelNames) {
    const vocabulary = symbolVocabulary(task)
    const contestant = contestantOf(task.models[name].sizes, vocabulary)
    const model = contestant.create(randomKey(3))
    const sources = [
      [5, 6, 7],
      [8, 9, 10, 11, 12],
    ]
    const written = await contestant.write(model, sources, 4)
    for (const [row, source] of sources.entries()) {
      const own = [special.start as number, ...written[row]!]
      const wanted = [...written[row]!, ...(written[row]!.length < 4 ? [special.end] : [])]
      const likeliest = scope(() => {
        const logits = contestant.logits(model, padded([source]), padded([own]))
        return [...argmax(logits, 'vocabulary').values()]
      })
      expect(likeliest.slice(0, wanted.length), name).toEqual(wanted)
    }
    dispose(model as never)
  }
})

test('a question names a place that was trained on, and the answer is the symbol there', () => {
  const task = { ...symbolTasks.recall, longest: 6 }
  const text = (ids: readonly number[]): string[] => ids.map((id) => symbolText(task, id))
  for (const length of [1, 4, 9]) {
    const pairs = drawPairs('recall', task, { key: randomKey(1), length, count: 50 })
    const places = pairs.map(({ source, target }) => {
      const [symbols, place] = [text(source.slice(0, -1)), Number(text(source).at(-1))]
      expect(symbols).toHaveLength(length)
      expect(text(target)).toEqual([symbols[place - 1]])
      return place
    })
    expect(Math.min(...places)).toBe(1)
    expect(Math.max(...places)).toBe(Math.min(length, task.longest))
    expect(Math.max(...pairs.flatMap(({ source }) => source))).toBeLessThan(symbolVocabulary(task))
  }
  for (const { source, target } of drawPairs('copy', task, { key: randomKey(1), length: 5, count: 9 }))
    expect(target.join()).toBe(source.join())
})

test('the page shows the runs that are kept, and these are of the present settings', async () => {
  const runs = await readRuns(here('./finished'))
  const results = JSON.parse(readFileSync(here('./results.json'), 'utf8')) as Run[]
  expect(results.length).toBe(runs.length)
  const page = readFileSync(here('../../docs/why-attention.md'), 'utf8')
  for (const task of taskNames) expect(() => between(page, task, '')).not.toThrow()
  for (const run of runs) {
    const settings = settingsOf(symbolTasks[run.task], run.model)
    expect(isRunOf(run, { ...run, settings }), `${run.task} ${run.model}`).toBe(true)
    expect(seeds).toContain(run.seed)
    expect(page).toContain(run.parameters.toLocaleString('en'))
  }
})

test('what the page says in words holds of the runs', async () => {
  const runs = await readRuns(here('./finished'))
  const scores = (task: string, model: string, length: number): number[] =>
    runs
      .filter((run) => run.task === task && run.model === model)
      .map(({ reached }) => reached.find((one) => one.length === length)!.score)
  for (const task of symbolTaskNames) {
    for (const model of modelNames) expect(scores(task, model, 24)).toHaveLength(3)
    for (const model of ['attention', 'transformer'])
      for (const length of [4, 8, 12, 16])
        expect(Math.min(...scores(task, model, length))).toBeGreaterThan(99.5)
  }
  // It forgets with length.
  for (const [task, low, high] of [
    ['recall', 15, 30],
    ['copy', 20, 30],
  ] as const)
    for (const score of scores(task, 'fixed vector', 24)) {
      expect(score).toBeGreaterThan(low)
      expect(score).toBeLessThan(high)
    }
  expect(Math.min(...scores('copy', 'fixed vector', 4))).toBeGreaterThan(90)
  for (const model of ['attention', 'transformer']) {
    expect(Math.min(...scores('recall', model, 24))).toBeGreaterThan(80)
    expect(Math.max(...scores('copy', model, 64))).toBeLessThan(40)
  }
  // Beyond the lengths of training.
  expect(Math.min(...scores('recall', 'attention', 64))).toBeGreaterThan(70)
  expect(Math.max(...scores('recall', 'transformer', 64))).toBeGreaterThan(90)
  expect(Math.min(...scores('recall', 'transformer', 64))).toBeLessThan(15)
})
