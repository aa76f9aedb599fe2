import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { argmax, dispose, randomKey, scope } from 'heed'
import { expect, test } from 'vitest'
import { contestantOf, padded, special } from './contestants.js'
import { measureSymbols } from './measure-symbols.js'
import { measureTranslation } from './measure-translation.js'
import { between } from './page.js'
import { isRunOf, readRuns, type Run } from './runs.js'
import {
  modelNames,
  seeds,
  settingsOf,
  symbolTaskNames,
  symbolTasks,
  taskNames,
  taskOf,
  translationTask,
} from './settings.js'
import { drawPairs, symbolText, symbolVocabulary } from './symbols.js'
import { countOfWeights } from './train.js'

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

test('a run that was stopped goes on to the same', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'heed-why-'))
  const short = { ...symbolTasks.copy, steps: 4, lengths: [3], examples: 8, batch: 4 }
  const which = { model: 'attention', seed: 1 } as const
  const stop = new AbortController()
  const onStep = (step: number): void => {
    if (step === 2) stop.abort()
  }
  const watching = { folder, signal: stop.signal, onStep }
  expect(await measureSymbols('copy', short, which, watching)).toBeUndefined()
  const later: number[] = []
  const resumed = await measureSymbols('copy', short, which, { folder, onStep: (step) => later.push(step) })
  rmSync(folder, { recursive: true })
  expect(later).toEqual([3, 4])
  const whole = await measureSymbols('copy', short, which)
  for (const own of [resumed!, whole!]) expect(own.seconds).toBeGreaterThan(0)
  expect({ ...resumed, seconds: 0 }).toEqual({ ...whole, seconds: 0 })
})

test.each(modelNames)('translation, %s: three steps of its own configuration', async (model) => {
  const folder = mkdtempSync(join(tmpdir(), 'heed-why-'))
  const words = ['a', 'tool', 'for', 'pictures', 'of', 'small', 'birds', 'and', 'their', 'songs']
  const lines = Array.from({ length: 40 }, (_, i) => {
    const own = [...words.slice(i % words.length), ...words.slice(0, i % words.length)].slice(0, 2 + (i % 7))
    const source = `>>it<< ${own.join(' ')}`
    return JSON.stringify({ source, target: own.toReversed().join(' ') })
  })
  const path = join(folder, 'pairs.jsonl')
  writeFileSync(path, `${lines.join('\n')}\n`)
  const data = { train: { path }, test: { path, limit: 20 } }
  const task = {
    ...translationTask,
    ...data,
    vocabulary: 300,
    steps: 3,
    batchTokens: 128,
    buckets: [4, 8, 99],
  }
  const run = (await measureTranslation(task, { model, seed: 0 }))!
  const stopped = { signal: AbortSignal.abort() }
  expect(await measureTranslation(task, { model, seed: 0 }, stopped)).toBeUndefined()
  rmSync(folder, { recursive: true })
  expect(run.loss).toBeLessThan(2 * Math.log(300))
  // No sentence is longer than 8 words.
  expect(run.reached.map(({ length }) => length)).toEqual([4, 8])
  expect(run.reached.reduce((sum, { examples }) => sum + examples, 0)).toBe(20)
  if (model === 'fixed vector') return expect(run.shown).toBeUndefined()
  expect(run.shown!.source.join(' ')).not.toContain('>>')
  expect(run.shown!.filter[0]).toHaveLength(run.shown!.source.length)
})

test('the models of a task are of one size, within 5 %', () => {
  for (const name of taskNames) {
    const task = taskOf(name)
    const vocabulary = 'symbols' in task ? symbolVocabulary(task) : task.vocabulary
    const counts = modelNames.map((model) => {
      const made = contestantOf(task.models[model].sizes, vocabulary).create(randomKey(1))
      const count = countOfWeights(made)
      dispose(made as never)
      return count
    })
    expect(Math.max(...counts) / Math.min(...counts), `${name}: ${counts.join(', ')}`).toBeLessThan(1.05)
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
    const settings = settingsOf(taskOf(run.task), run.model)
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
  for (const task of ['recall', 'copy']) {
    for (const model of modelNames) expect(scores(task, model, 24)).toHaveLength(3)
    for (const model of ['attention', 'transformer'])
      for (const length of [4, 8, 12, 16])
        expect(Math.min(...scores(task, model, length))).toBeGreaterThan(99.5)
  }
  // It forgets with length.
  for (const [task, low, high] of [
    ['recall', 15, 30],
    ['recall-longer', 30, 45],
    ['copy', 20, 30],
  ] as const)
    for (const score of scores(task, 'fixed vector', 24)) {
      expect(score).toBeGreaterThan(low)
      expect(score).toBeLessThan(high)
    }
  for (const task of ['recall-longer', 'copy'])
    expect(Math.min(...scores(task, 'fixed vector', 4))).toBeGreaterThan(90)
  for (const model of ['attention', 'transformer']) {
    expect(scores('recall', model, 24).filter((score) => score < 99.5).length).toBeLessThan(2)
    expect(Math.max(...scores('copy', model, 64))).toBeLessThan(40)
  }
  // Beyond the lengths of training.
  expect(Math.min(...scores('recall', 'attention', 64))).toBeGreaterThan(70)
  expect(Math.max(...scores('recall', 'transformer', 64))).toBeGreaterThan(90)
  expect(Math.min(...scores('recall', 'transformer', 64))).toBeLessThan(15)
})
