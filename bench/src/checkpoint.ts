/**
 * A public checkpoint as GGUF, in each of several types of numbers, with heed and with llama.cpp: ids one by
 * one behind 64 others, and 512 ids at once, each by the same threads. `HEED_REFERENCE_WEIGHTS` names the
 * folder that has the checkpoint, `BENCH_PYTHON` a Python that has the package `llama_cpp`; it also writes
 * the other types.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { LineEngine } from './line-engine.js'
import { type Options, optionsOf } from './options.js'
import { shuffled, summaryOf } from './statistics.js'

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const engine = at('../peers/llama/engine.py')
const types = ['Q8_0', 'Q4_0', 'Q4_1', 'Q4_K_M', 'F16', 'BF16']
/** Ids that are written for a sample. */
const decoded = 32
/** Root of the mean square of what logits differ by, over that of the logits: activations are rounded. */
const mostOff = 0.1

/** The checkpoint in a type, written where it isn't yet. */
function fileOf(source: string, type: string, python: string): string {
  if (source.includes(`.${type}.`)) return source
  const folder = at('../../.cache/bench')
  const path = join(folder, `SmolLM2-135M.${type}.gguf`)
  if (existsSync(path)) return path
  mkdirSync(folder, { recursive: true })
  execFileSync(python, [engine, 'quantize', source, path, type], { stdio: 'ignore' })
  return path
}

function off(a: readonly number[], b: readonly number[]): number {
  const squares = (values: readonly number[]): number => values.reduce((sum, value) => sum + value ** 2, 0)
  return Math.sqrt(squares(a.map((value, i) => value - b[i]!)) / squares(b))
}

interface Figure {
  readonly work: string
  /** Ids a second. */
  readonly heed: number
  readonly llama: number
  readonly ratio: number
}

async function measure(path: string, type: string, python: string, options: Options): Promise<Figure[]> {
  const { node, threads, target, quick } = options
  const environment = {
    ...process.env,
    HEED_THREADS: String(threads),
    ...(target && { HEED_TARGET: target }),
  }
  const engines = [
    new LineEngine('heed', node, [at('./checkpoint-heed.js'), path], environment),
    new LineEngine('llama.cpp', python, [engine, 'run', path, String(threads)], process.env),
  ] as const
  try {
    const [own, theirs] = [
      await engines[0].ask<number[]>('logits 48'),
      await engines[1].ask<number[]>('logits 48'),
    ]
    const apart = off(own, theirs)
    if (!(apart < mostOff)) throw new Error(`${type}: logits are ${apart} apart`)
    const figures: Figure[] = []
    for (const [work, request, count] of [
      ['one by one', `decode ${decoded}`, decoded],
      ['512 at once', 'prompt 512', 512],
    ] as const) {
      const seconds = new Map<string, number[]>(engines.map(({ name }) => [name, []]))
      for (const each of engines) await each.ask(request)
      for (let round = 0; round < (quick ? 5 : 15); round++)
        for (const each of shuffled(engines, round)) seconds.get(each.name)!.push(await each.ask(request))
      const speed = (name: string): number => count / summaryOf(seconds.get(name)!).median
      const [heed, llama] = [speed('heed'), speed('llama.cpp')]
      // Of the rounds, each with both: what else the machine does meets them alike.
      const ratios = seconds.get('heed')!.map((own, i) => seconds.get('llama.cpp')![i]! / own)
      figures.push({ work: `${type}, ${work}`, heed, llama, ratio: summaryOf(ratios).median })
    }
    return figures
  } finally {
    for (const each of engines) each.end()
  }
}

const options = optionsOf()
const python = process.env['BENCH_PYTHON']
const source = join(
  process.env['HEED_REFERENCE_WEIGHTS'] ?? '',
  'SmolLM2-135M-Instruct/SmolLM2-135M-Instruct.Q4_1.gguf',
)
if (python === undefined || !existsSync(source)) {
  process.stderr.write(
    'BENCH_PYTHON has to name a Python with llama_cpp, HEED_REFERENCE_WEIGHTS the weights\n',
  )
  process.exit(2)
}
const all: Figure[] = []
for (const type of types.filter((each) => each.includes(options.only))) {
  const figures = await measure(fileOf(source, type, python), type, python, options)
  all.push(...figures)
  if (!options.json)
    for (const { work, heed, llama, ratio } of figures)
      process.stdout.write(
        `${work.padEnd(22)} heed ${heed.toFixed(0).padStart(6)} ids/s, llama.cpp ${llama.toFixed(0).padStart(6)}: ${ratio.toFixed(2)} times\n`,
      )
}
if (options.json) process.stdout.write(`${JSON.stringify(all, undefined, 2)}\n`)
