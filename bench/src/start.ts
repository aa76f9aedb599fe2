/**
 * From starting a process to the first sentence's vector: a model of MiniLM's size, its weights read from a
 * file of the engine's own kind (which the system has in memory). Each engine runs in a fresh process each
 * time; the clock stops when the vector is on its output. Of heed twice: with the machine code that an
 * earlier process kept, and with nothing kept, as at the very first start.
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { writeSafetensors } from 'heed'
import { compare } from './check.js'
import { miniLm } from './encoder.js'
import { inputsOf } from './inputs.js'
import type { Figures, Result } from './measure.js'
import type { Options } from './options.js'
import type { EncoderWork, Inputs } from './peer.js'
import { flagsOf } from './process.js'
import { referenceOf } from './reference.js'
import { isMain, report } from './report.js'
import { engines, type Participant } from './roster.js'
import { shuffled, summaryOf } from './statistics.js'

const work = miniLm(32, 1)
const firstStart = 'heed, nothing kept'

export type Starter = { command: string; args: string[]; environment: NodeJS.ProcessEnv }

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

/** How each engine that takes part is started; writes the files that it reads. */
async function starters(
  folder: string,
  { node, target, threads }: Options,
  inputs: Inputs['encoder'],
): Promise<Record<string, () => Starter>> {
  const workPath = join(folder, 'work.json')
  const safetensors = join(folder, 'model.safetensors')
  const onnx = join(folder, 'model.onnx')
  writeFileSync(workPath, JSON.stringify({ work, ids: [...inputs.ids] }))
  const stored = Object.entries(inputs.parameters).map(
    ([name, { shape, values }]) => [name, { dtype: 'f32', shape, data: values }] as const,
  )
  writeFileSync(safetensors, writeSafetensors(new Map(stored)))
  const heed = (cache: string) => (): Starter => ({
    command: node,
    args: [...flagsOf(node), at('./start-heed.js'), safetensors, workPath],
    environment: {
      ...process.env,
      HEED_THREADS: String(threads),
      HEED_CACHE: cache,
      ...(target ? { HEED_TARGET: target } : {}),
    },
  })
  const known: Record<string, () => Starter> = { heed: heed(join(folder, 'code')), [firstStart]: heed('') }
  if (!existsSync(at('../peers/dist/write-onnx.js'))) return known
  type Writer = { writeOnnx: (path: string, work: EncoderWork, inputs: Inputs['encoder']) => void }
  const { writeOnnx } = (await import(new URL('../peers/dist/write-onnx.js', import.meta.url).href)) as Writer
  writeOnnx(onnx, work, inputs)
  type Torch = { pythonPath: () => string; pythonEnvironment: (threads: number) => NodeJS.ProcessEnv }
  const torch = (await import(new URL('../peers/dist/torch.js', import.meta.url).href)) as Torch
  for (const kind of ['web', 'node'])
    known[`onnxruntime-${kind}`] = () => ({
      command: node,
      args: [at('../peers/dist/start-onnx.js'), `${kind}, ${threads} threads`, onnx, workPath],
      environment: process.env,
    })
  known['torch'] = () => ({
    command: torch.pythonPath(),
    args: [at('../peers/torch/start.py'), String(threads), safetensors, workPath],
    environment: torch.pythonEnvironment(threads),
  })
  return known
}

/** Seconds until the vector has come. */
export async function started(
  { command, args, environment }: Starter,
  expected: Float64Array,
): Promise<number> {
  const start = performance.now()
  const child = spawn(command, args, {
    env: environment,
    stdio: ['ignore', 'pipe', process.env['BENCH_VERBOSE'] ? 'inherit' : 'ignore'],
  })
  try {
    let text = ''
    for await (const part of child.stdout) {
      text += String(part)
      if (text.endsWith('\n')) break
    }
    const seconds = (performance.now() - start) / 1000
    if (text === '') throw new Error('its process ended without a result')
    compare('vector', JSON.parse(text) as number[], expected)
    return seconds
  } finally {
    child.kill('SIGKILL')
  }
}

export async function start(options: Options): Promise<Result[]> {
  const name = 'MiniLM-L6, from process start to the first vector'
  if (!name.includes(options.only)) return []
  process.stderr.write(`${name}\n`)
  const folder = mkdtempSync(join(tmpdir(), 'heed-bench-'))
  try {
    const inputs = inputsOf(work)
    const expected = referenceOf(work, inputs)
    const known = await starters(folder, options, inputs)
    const participants = engines(options)
    const [ours] = participants as [Participant]
    const all = [...participants, { ...ours, name: firstStart }]
      .filter((participant) => participant.name in known)
      .map((participant) => ({ participant, values: [] as number[], without: '' }))
    // What later starts find.
    await started(known['heed']!(), expected).catch(() => undefined)
    for (let round = 0; round < (options.quick ? 2 : 7); round++)
      for (const one of shuffled(all, round)) {
        if (one.without) continue
        try {
          one.values.push((await started(known[one.participant.name]!(), expected)) * 1e3)
        } catch (error) {
          one.without = (error as Error).message
        }
      }
    const figures = all.map(({ participant, values, without }): Figures => {
      const base = { participant, target: '', how: '' }
      return without ? { ...base, without } : { ...base, summary: summaryOf(values) }
    })
    return ['heed', firstStart].map((kept) => ({
      work: kept === 'heed' ? name : `${name}, nothing kept`,
      unit: 'ms',
      higherIsBetter: false,
      figures: figures.filter(({ participant: each }) => each.role !== 'heed' || each.name === kept),
    }))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

if (isMain(import.meta.url)) await report(start)
