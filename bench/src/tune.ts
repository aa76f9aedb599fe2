/**
 * Fine-tuning MiniLM-L6 on batches of 32 texts of 128 tokens, with heed and with PyTorch: all weights, or
 * adapters of rank 16 alone; in f32, and with products of bf16. First both have to give the same losses in
 * f32. `HEED_REFERENCE_WEIGHTS` names the folder that has the checkpoint, `BENCH_PYTHON` a Python that has
 * torch, transformers and peft.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { LineEngine } from './line-engine.js'
import { optionsOf } from './options.js'
import { shuffled, summaryOf } from './statistics.js'

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const tokens = 32 * 128
/** Losses of these many steps are compared. */
const compared = 4
/** By how much they may differ, in f32: weights drift apart. */
const mostApart = 2e-3

/** What one step took, in seconds of the clock and on processors. */
interface Step {
  readonly wall: number
  readonly cpu: number
}

interface Figure {
  readonly work: string
  /** Tokens a second, by the clock and by a second on processors. */
  readonly heed: { readonly wall: number; readonly cpu: number }
  readonly torch: { readonly wall: number; readonly cpu: number }
  /** PyTorch's time over heed's, of steps of one round. */
  readonly ratio: { readonly wall: number; readonly cpu: number }
  /** The largest resident memory of the processes, in bytes. */
  readonly peak: { readonly heed: number; readonly torch: number }
}

const options = optionsOf()
const python = process.env['BENCH_PYTHON']
const weights = join(process.env['HEED_REFERENCE_WEIGHTS'] ?? '', 'all-MiniLM-L6-v2')
if (python === undefined || !existsSync(weights)) {
  process.stderr.write(
    'BENCH_PYTHON has to name a Python with torch, transformers and peft, HEED_REFERENCE_WEIGHTS the weights\n',
  )
  process.exit(2)
}

async function measure(kind: string, precision: string): Promise<Figure> {
  const { node, threads, target, quick } = options
  const environment = {
    ...process.env,
    HEED_THREADS: String(threads),
    OMP_NUM_THREADS: String(threads),
    ...(target && { HEED_TARGET: target }),
  }
  const given = [weights, kind, precision, String(threads)]
  const heed = new LineEngine('heed', node, [at('./tune-heed.js'), ...given], environment)
  const torch = new LineEngine('torch', python!, [at('../peers/torch/tune.py'), ...given], environment)
  const engines = [heed, torch]
  try {
    const own = await heed.ask<number[]>(`losses ${compared}`)
    const theirs = await torch.ask<number[]>(`losses ${compared}`)
    const apart = Math.max(...own.map((loss, i) => Math.abs(loss - theirs[i]!)))
    if (precision === 'f32' && !(apart < mostApart))
      throw new Error(`losses are ${apart} apart: ${own.join()} and ${theirs.join()}`)
    const steps = new Map<LineEngine, Step[]>(engines.map((each) => [each, []]))
    for (let round = 0; round < (quick ? 5 : 15); round++)
      for (const each of shuffled(engines, round)) steps.get(each)!.push(await each.ask<Step>('step 1'))
    const [ours, others] = [steps.get(heed)!, steps.get(torch)!]
    const speed = (of: readonly Step[], part: keyof Step): number =>
      tokens / summaryOf(of.map((step) => step[part])).median
    const ratio = (part: keyof Step): number =>
      summaryOf(ours.map((step, i) => others[i]![part] / step[part])).median
    return {
      work: `${kind === 'all' ? 'all weights' : 'adapters of rank 16'}, ${precision}`,
      heed: { wall: speed(ours, 'wall'), cpu: speed(ours, 'cpu') },
      torch: { wall: speed(others, 'wall'), cpu: speed(others, 'cpu') },
      ratio: { wall: ratio('wall'), cpu: ratio('cpu') },
      peak: { heed: await heed.ask<number>('peak 0'), torch: await torch.ask<number>('peak 0') },
    }
  } finally {
    for (const each of engines) each.end()
  }
}

const all: Figure[] = []
for (const kind of ['all', 'adapters'])
  for (const precision of ['f32', 'bf16']) {
    if (!`${kind} ${precision}`.includes(options.only)) continue
    const figure = await measure(kind, precision)
    all.push(figure)
    const { work, heed, torch, ratio, peak } = figure
    if (!options.json)
      process.stdout.write(
        `${work.padEnd(26)} heed ${heed.wall.toFixed(0)} tokens/s, PyTorch ${torch.wall.toFixed(0)}: ` +
          `${ratio.wall.toFixed(2)} times (by processor time ${ratio.cpu.toFixed(2)}); ` +
          `peak memory ${(peak.heed / 1e6).toFixed(0)} and ${(peak.torch / 1e6).toFixed(0)} MB\n`,
      )
  }
if (options.json) process.stdout.write(`${JSON.stringify(all, undefined, 2)}\n`)
