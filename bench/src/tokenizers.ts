/**
 * Tokenizers on one thread: megabytes a second over whole documents and over lines, seconds to load a
 * vocabulary and to train one, one long word, and the size in a browser. Every engine runs in a process of
 * its own, and they take turns. The ids of all texts are compared.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { claimOf, short } from './claim.js'
import type { Figures, Result } from './measure.js'
import { isMain } from './report.js'
import { shuffled, summaryOf } from './statistics.js'
import type { LoadAnswer, SampleAnswer, Taken, TrainAnswer, WordAnswer } from './tokenizers-engine.js'
import { ranks } from './tokenizers-engines.js'
import { TokenizerProcess } from './tokenizers-process.js'
import { sizes } from './tokenizers-size.js'
import { corporaOf, type Corpus } from './tokenizers-texts.js'
import { pathOf, vocabularies, type Vocabulary } from './tokenizers-vocabularies.js'

const help = `
--only A,B        only the works whose name contains one of these: byte-level, wordpiece, unigram, sentencepiece,
                  a vocabulary's name, English, mixed, documents, lines, load, train, long word, size
--peers A,B       only the peers whose name contains one of these; 'none' leaves heed alone
--megabytes N     of each text (default 10)
--rounds N        (default 5)
--seconds N       that a sample takes at most: a slower engine encodes as many documents as it can (default 8)
--text FILE       a text of your own in place of the English ones
--clock cpu       seconds on processors in place of those on the wall: steadier where other work runs
--quick           3 megabytes, 3 rounds, 4 seconds
--json            print JSON
--node PATH       the Node that runs the engines

BENCH_HEED              a module that stands in for heed, such as another build of it
BENCH_TOKENIZERS        a folder with NAME/tokenizer.json
BENCH_TOKENIZERS_PYTHON a Python that has the package tokenizers; to make one:
                        python3 -m venv V && V/bin/pip install -r bench/peers/text/requirements.txt
BENCH_TEXT_PEERS        the folder in which the peers of npm are installed (default: peers/text)
`.trim()

export type TokenizersOptions = {
  only: readonly string[]
  peers: readonly string[]
  megabytes: number
  rounds: number
  seconds: number
  text: string
  clock: 'wall' | 'cpu'
  json: boolean
  node: string
}

function optionsOf(args: readonly string[]): TokenizersOptions {
  const {
    values: { help: wanted, quick, ...values },
  } = parseArgs({
    args: [...args],
    options: {
      help: { type: 'boolean', short: 'h', default: false },
      quick: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      only: { type: 'string', default: '' },
      peers: { type: 'string', default: '' },
      megabytes: { type: 'string' },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      text: { type: 'string', default: '' },
      clock: { type: 'string', default: 'wall' },
      node: { type: 'string', default: process.execPath },
    },
  })
  if (wanted) {
    process.stdout.write(`${help}\n`)
    process.exit(0)
  }
  const number = (name: 'megabytes' | 'rounds' | 'seconds', usual: number): number => {
    const value = Number(values[name] ?? usual)
    if (!(value > 0)) throw new Error(`--${name} is a number above 0, found '${values[name]}'`)
    return value
  }
  if (values.clock !== 'wall' && values.clock !== 'cpu') throw new Error('--clock is wall or cpu')
  const list = (text: string): string[] => text.split(',').filter((part) => part !== '')
  return {
    ...values,
    clock: values.clock,
    only: list(values.only),
    peers: list(values.peers),
    megabytes: number('megabytes', quick ? 3 : 10),
    rounds: Math.ceil(number('rounds', quick ? 3 : 5)),
    seconds: number('seconds', quick ? 4 : 8),
  }
}

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const peersFolder = process.env['BENCH_TEXT_PEERS'] ?? at('../peers/text')

function pythonPath(): string {
  const own = join(peersFolder, '.venv', process.platform === 'win32' ? 'Scripts/python' : 'bin/python')
  return process.env['BENCH_TOKENIZERS_PYTHON'] ?? own
}

const python = 'tokenizers (Python)'
const peerNames = [python, '@huggingface/tokenizers', 'tiktoken', 'gpt-tokenizer']
const hasOwnVocabularies: ReadonlySet<string> = new Set(['tiktoken', 'gpt-tokenizer'])

/** @param vocabulary without it, peers that read any vocabulary */
function namesOf({ peers }: TokenizersOptions, vocabulary: string): string[] {
  const isWanted = (name: string): boolean =>
    peers.length === 0 || peers.some((part) => name.toLowerCase().includes(part.toLowerCase()))
  const knows = (name: string): boolean => !hasOwnVocabularies.has(name) || vocabulary in ranks
  return ['heed', ...peerNames.filter((name) => isWanted(name) && knows(name))]
}

function started(name: string, { node }: TokenizersOptions): TokenizerProcess {
  if (name === python) return new TokenizerProcess(pythonPath(), [at('../peers/text/engine.py')])
  return new TokenizerProcess(node, [
    '--expose-gc',
    '--max-old-space-size=8192',
    at('./tokenizers-engine.js'),
    name,
    peersFolder,
  ])
}

/** One engine's part in one work. */
type Player = { name: string; values: number[]; how: string; without: string }
const playersOf = (names: readonly string[]): Player[] =>
  names.map((name) => ({ name, values: [], how: '', without: '' }))

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

const figuresOf = ({ name, values, how, without }: Player): Figures => {
  const role = name === 'heed' ? 'heed' : 'peer'
  const base = { participant: { name, role, module: '', variant: '' }, target: '', how } as const
  return values.length === 0 ? { ...base, without } : { ...base, summary: summaryOf(values) }
}
const resultOf = (work: string, unit: string, higherIsBetter: boolean, players: Player[]): Result => ({
  work,
  unit,
  higherIsBetter,
  figures: players.map(figuresOf),
})

const on = ({ clock }: TokenizersOptions, taken: Taken): number =>
  clock === 'cpu' ? taken.cpuSeconds : taken.seconds

/** Every player once a round, in another order each; one that fails is out, with its reason. */
async function inTurns(
  players: readonly Player[],
  rounds: number,
  turn: (player: Player, round: number) => Promise<number>,
): Promise<void> {
  for (let round = 0; round < rounds; round++)
    for (const player of shuffled(players, round)) {
      if (player.without) continue
      try {
        player.values.push(await turn(player, round))
      } catch (error) {
        player.without = reasonOf(error)
        player.values.length = 0
      }
    }
}

const isWanted = ({ only }: TokenizersOptions, work: string): boolean =>
  only.length === 0 || only.some((part) => work.includes(part))

/** Megabytes of UTF-8 a second with one vocabulary. */
async function encoding(
  vocabulary: Vocabulary,
  corpora: readonly Corpus[],
  options: TokenizersOptions,
  show: (result: Result) => void,
): Promise<Result[]> {
  const nameOf = (corpus: Corpus): string => `${vocabulary.family} ${vocabulary.name}: ${corpus.name}`
  const chosen = corpora.filter((corpus) => isWanted(options, nameOf(corpus)))
  if (chosen.length === 0) return []
  const path = pathOf(vocabulary.name)
  const names = namesOf(options, vocabulary.name)
  if (path === undefined) {
    const without = 'no tokenizer.json: see BENCH_TOKENIZERS'
    const players = [{ name: 'heed', values: [], how: '', without }]
    const results = chosen.map((corpus) => resultOf(nameOf(corpus), 'MB/s', true, players))
    results.forEach(show)
    return results
  }
  const processes = new Map<string, TokenizerProcess>()
  const absent = new Map<string, string>()
  for (const name of names) {
    const engine = started(name, options)
    processes.set(name, engine)
    try {
      await engine.ask<LoadAnswer>({ ask: 'load', path, vocabulary: vocabulary.name }, 120)
    } catch (error) {
      absent.set(name, reasonOf(error))
    }
  }
  const results: Result[] = []
  try {
    for (const corpus of chosen) {
      process.stderr.write(`${nameOf(corpus)}\n`)
      const players = playersOf(names).map((player) => ({
        ...player,
        without: absent.get(player.name) ?? '',
      }))
      await encodeInTurns(players, processes, corpus, options)
      const result = resultOf(nameOf(corpus), 'MB/s', true, players)
      show(result)
      results.push(result)
    }
  } finally {
    for (const engine of processes.values()) engine.end()
  }
  return results
}

/**
 * Each round has texts of its own, so that no engine finds a text in its cache that it has seen before. The
 * ids of all texts are compared with those of Python, or else of the first engine that has them. What comes
 * before the first round warms up.
 */
async function encodeInTurns(
  players: readonly Player[],
  processes: ReadonlyMap<string, TokenizerProcess>,
  { path, bytes }: Corpus,
  options: TokenizersOptions,
): Promise<void> {
  const bounds = boundsOf(bytes, options.rounds)
  const sums = new Map<string, Map<number, number>>()
  const sample = async (name: string, round: number, seconds: number): Promise<SampleAnswer> => {
    const start = bounds[round]!
    const question = { ask: 'sample', start, end: bounds[round + 1]!, seconds } as const
    const answer = await processes.get(name)!.ask<SampleAnswer>(question)
    const known = sums.get(name) ?? new Map<number, number>()
    for (const [i, sum] of answer.sums.entries()) known.set(start + i, sum)
    sums.set(name, known)
    return answer
  }
  await inTurns(players, 1, async ({ name }) => {
    await processes.get(name)!.ask({ ask: 'texts', path })
    await sample(name, 0, options.seconds)
    return 0
  })
  for (const player of players) player.values.length = 0
  await inTurns(players, options.rounds, async ({ name }, round) => {
    const answer = await sample(name, round + 1, options.seconds)
    const start = bounds[round + 1]!
    const done = bytes.slice(start, start + answer.sums.length).reduce((sum, each) => sum + each, 0)
    return done / 1e6 / on(options, answer)
  })
  const judge = sums.has(python) ? python : [...sums.keys()][0]
  for (const player of players) {
    const own = sums.get(player.name)
    if (own === undefined || player.name === judge) continue
    const both = [...own.keys()].filter((i) => sums.get(judge!)!.has(i))
    const others = both.filter((i) => own.get(i) !== sums.get(judge!)!.get(i)).length
    player.how =
      others === 0
        ? `ids of ${both.length} texts equal`
        : `OTHER IDS than ${judge} in ${others} of ${both.length} texts`
  }
}

/**
 * Where the texts of each round begin and end: of a tenth to warm up, and of as many bytes for each round.
 */
function boundsOf(bytes: readonly number[], rounds: number): number[] {
  const total = bytes.reduce((sum, each) => sum + each, 0)
  const bounds = [0]
  let seen = 0
  for (const [i, each] of bytes.entries()) {
    if (bounds.length <= rounds && seen >= total * (0.1 + (0.9 * (bounds.length - 1)) / rounds))
      bounds.push(i)
    seen += each
  }
  while (bounds.length < rounds + 2) bounds.push(bytes.length)
  return bounds
}

/** Milliseconds from a file's path to a tokenizer, each time in a fresh process. */
async function loading(name: string, options: TokenizersOptions): Promise<Result[]> {
  const work = `load ${name}`
  const path = pathOf(name)
  if (!isWanted(options, work) || path === undefined) return []
  process.stderr.write(`${work}\n`)
  const players = playersOf(namesOf(options, name))
  await inTurns(players, options.rounds, async (player) => {
    const engine = started(player.name, options)
    try {
      const answer = await engine.ask<LoadAnswer>({ ask: 'load', path, vocabulary: name }, 120)
      player.how = answer.version
      return on(options, answer) * 1000
    } finally {
      engine.end()
    }
  })
  return [resultOf(work, 'ms', false, players)]
}

/** Seconds to train a byte-level BPE, each time in a fresh process. */
async function training(corpora: readonly Corpus[], options: TokenizersOptions): Promise<Result[]> {
  const size = 16_384
  const results: Result[] = []
  for (const corpus of corpora.filter(({ name }) => name.endsWith('documents'))) {
    const work = `train byte-level BPE, ${size} tokens: ${corpus.name}`
    if (!isWanted(options, work)) continue
    process.stderr.write(`${work}\n`)
    const players = playersOf(namesOf(options, '').filter((name) => name === 'heed' || name === python))
    const sums = new Map<string, number>()
    await inTurns(players, Math.min(3, options.rounds), async (player) => {
      const engine = started(player.name, options)
      try {
        await engine.ask({ ask: 'texts', path: corpus.path })
        const answer = await engine.ask<TrainAnswer>({ ask: 'train', size })
        sums.set(player.name, answer.sum)
        player.how = `${answer.tokens} tokens`
        return on(options, answer)
      } finally {
        engine.end()
      }
    })
    const ours = sums.get('heed')
    for (const player of players)
      if (player.name !== 'heed' && sums.has(player.name))
        player.how += sums.get(player.name) === ours ? ', the same' : ', OTHER TOKENS'
    results.push(resultOf(work, 's', false, players))
  }
  return results
}

/** A word of `length` letters, the same each time. */
function wordOf(length: number): string {
  let state = 1
  let word = ''
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    word += String.fromCharCode(97 + ((state >>> 16) % 26))
  }
  return word
}

/** Milliseconds for one word of 400,000 letters, and how many times those of half of it. */
async function longWord(vocabulary: Vocabulary, options: TokenizersOptions): Promise<Result[]> {
  const work = `one long word, 400,000 letters: ${vocabulary.family} ${vocabulary.name}`
  const path = pathOf(vocabulary.name)
  if (!isWanted(options, work) || path === undefined) return []
  process.stderr.write(`${work}\n`)
  const players = playersOf(namesOf(options, vocabulary.name))
  const words = [wordOf(200_000), wordOf(400_000)]
  await inTurns(players, 1, async (player) => {
    const engine = started(player.name, options)
    try {
      await engine.ask({ ask: 'load', path, vocabulary: vocabulary.name }, 120)
      const times = [0, 0]
      for (const [i, text] of words.entries()) {
        const samples: number[] = []
        for (let spent = 0; samples.length < 3 && spent < 3; spent += samples.at(-1)!)
          samples.push(on(options, await engine.ask<WordAnswer>({ ask: 'word', text }, 30)))
        times[i] = summaryOf(samples).median
      }
      player.how = `${short(times[1]! / times[0]!)} times as long as half of it`
      return times[1]! * 1000
    } finally {
      engine.end()
    }
  })
  return [resultOf(work, 'ms', false, players)]
}

/** Engine, median, range, and how many times as good heed is. */
export function tableOf(result: Result): string {
  const heed = result.figures.find(({ participant }) => participant.role === 'heed')?.summary?.median
  const lines = result.figures.map(({ participant: { name, role }, summary, how, without }) => {
    if (!summary) return `  ${name.padEnd(26)} – ${without}`
    const { median, min, max } = summary
    const ratio = heed === undefined ? 0 : result.higherIsBetter ? heed / median : median / heed
    const times = role === 'heed' || heed === undefined ? '' : `heed ${short(ratio)}×`
    const cells = [
      short(median).padStart(9),
      `${short(min)} … ${short(max)}`.padStart(20),
      times.padStart(12),
    ]
    return `  ${name.padEnd(26)}${cells.join(' ')}  ${how}`
  })
  return [`${result.work} (${result.unit})`, ...lines].join('\n')
}

export async function tokenizers(options: TokenizersOptions): Promise<Result[]> {
  if (!existsSync(join(peersFolder, 'node_modules')))
    throw new Error(`the texts are in packages that are not installed: npm ci in ${peersFolder}`)
  const corpora = corporaOf(peersFolder, options.megabytes, options.text)
  const results: Result[] = []
  const show = (result: Result): void => {
    if (!options.json) process.stdout.write(`\n${tableOf(result)}\n`)
  }
  const add = (more: readonly Result[]): void => {
    more.forEach(show)
    results.push(...more)
  }
  for (const vocabulary of vocabularies) results.push(...(await encoding(vocabulary, corpora, options, show)))
  for (const { name } of vocabularies) add(await loading(name, options))
  add(await training(corpora, options))
  for (const vocabulary of vocabularies) add(await longWord(vocabulary, options))
  if (isWanted(options, 'size in a browser')) add(await sizes(peersFolder))
  return results
}

if (isMain(import.meta.url)) {
  try {
    const options = optionsOf(process.argv.slice(2))
    const results = await tokenizers(options)
    if (options.json) process.stdout.write(`${JSON.stringify(results.map(claimOf), null, 2)}\n`)
  } catch (error) {
    process.stderr.write(`${reasonOf(error)}\n\n${help}\n`)
    process.exitCode = 1
  }
}
