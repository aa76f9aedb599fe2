/** One tokenizer in its own process: answers a line of JSON for each line of JSON that it is asked. */
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { crc32 } from 'node:zlib'
import { engineOf, type Engine, type Loaded } from './tokenizers-engines.js'

export type Question =
  | { ask: 'load'; path: string; vocabulary: string }
  | { ask: 'texts'; path: string }
  | { ask: 'sample'; start: number; end: number; seconds: number }
  | { ask: 'word'; text: string }
  | { ask: 'train'; size: number }
/** Seconds by the clock on the wall, and of all the process's threads on processors. */
export type Taken = { seconds: number; cpuSeconds: number }
export type LoadAnswer = { version: string } & Taken
/** A checksum of the ids of each text, in their order, as far as it came. */
export type SampleAnswer = { sums: number[]; tokens: number } & Taken
export type WordAnswer = { tokens: number } & Taken
/** `sum`: a checksum of the tokens in the order of their ids. */
export type TrainAnswer = { tokens: number; sum: number } & Taken

let engine: Engine | undefined
let loaded: Loaded | undefined
let texts: string[] = []

function stopwatch(): () => Taken {
  const cpu = process.cpuUsage()
  const start = performance.now()
  return () => {
    const seconds = (performance.now() - start) / 1000
    const { user, system } = process.cpuUsage(cpu)
    return { seconds, cpuSeconds: (user + system) / 1e6 }
  }
}

function ready(): Loaded {
  if (!loaded) throw new Error('nothing is loaded')
  return loaded
}

async function answer(question: Question): Promise<unknown> {
  switch (question.ask) {
    case 'load': {
      engine ??= await engineOf(process.argv[2] ?? '', process.argv[3] ?? '')
      const taken = stopwatch()
      loaded = await engine.load(question.path, question.vocabulary)
      return { version: engine.version, ...taken() } satisfies LoadAnswer
    }
    case 'texts':
      texts = JSON.parse(readFileSync(question.path, 'utf8')) as string[]
      return {}
    case 'sample': {
      const { encode } = ready()
      const found: ArrayLike<number>[] = []
      global.gc?.()
      const taken = stopwatch()
      const until = performance.now() + question.seconds * 1000
      for (let i = question.start; i < question.end; i++) {
        found.push(encode(texts[i]!))
        if (performance.now() > until) break
      }
      const times = taken()
      const sums = found.map((ids) => crc32(new Uint8Array(Int32Array.from(ids).buffer)))
      const tokens = found.reduce((sum, { length }) => sum + length, 0)
      return { sums, tokens, ...times } satisfies SampleAnswer
    }
    case 'word': {
      const { encode } = ready()
      const taken = stopwatch()
      return { tokens: encode(question.text).length, ...taken() } satisfies WordAnswer
    }
    case 'train': {
      engine ??= await engineOf(process.argv[2] ?? '', process.argv[3] ?? '')
      if (!engine.train) throw new Error('does not train')
      const taken = stopwatch()
      const tokens = engine.train(texts, question.size)
      return { tokens: tokens.length, ...taken(), sum: crc32(tokens.join('\n')) } satisfies TrainAnswer
    }
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  let said: { value: unknown } | { error: string }
  try {
    said = { value: await answer(JSON.parse(line) as Question) }
  } catch (error) {
    said = { error: (error instanceof Error ? error.message : String(error)).split('\n')[0]!.slice(0, 160) }
  }
  process.stdout.write(`${JSON.stringify(said)}\n`)
}
