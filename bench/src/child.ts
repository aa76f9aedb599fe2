/** One engine in its own process: it answers the harness, and computes only when asked. */
import { pathToFileURL } from 'node:url'
import { check, checkSample } from './check.js'
import { inputsOf } from './inputs.js'
import type { Formulation, Inputs, Kind, Peer, PeerModule, Prepared, Work } from './peer.js'
import { smallOf } from './work.js'

export type Request =
  | { ask: 'load' }
  | { ask: 'prepare'; work: Work }
  | { ask: 'sample' }
  | { ask: 'memory'; work: Work }
  | { ask: 'dispose' }

export type Loaded = { version: string; target: string; configuration: string; milliseconds: number }
/** `refused`: why this engine is not timed on this work. */
export type Readied = { refused?: string; formulation: string; seconds: number }
/** Seconds for one run; of a limit, the amount of that run too. */
export type Sample = { seconds: number; amount?: number }
/** Bytes of resident memory that the runs added at most, and that stayed after them. */
export type Memory = { refused?: string; peak: number; kept: number }

const [modulePath, variant] = process.argv.slice(2) as [string, string]
let peer: Peer | undefined
let current: { prepared: Prepared; runs: number; seconds: number } | undefined
/**
 * A processor that rested takes so long to come back to its clock: seconds of runs before those that count.
 */
const warming = 0.2
/** Seconds that a sample takes at least. */
const least = 0.06

const seconds = (): number => performance.now() / 1000

async function timed(prepared: Prepared, runs: number): Promise<number> {
  if (prepared.time) return (await prepared.time(runs)) / runs
  const start = seconds()
  for (let i = 0; i < runs; i++) {
    const running = prepared.run()
    if (running) await running
  }
  return (seconds() - start) / runs
}

function formulationsOf(work: Work, inputs: Inputs[Kind]): Formulation[] {
  const formulate = peer?.[work.kind] as ((work: Work, inputs: Inputs[Kind]) => Formulation[]) | undefined
  return formulate ? formulate(work, inputs) : []
}

const reasonOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).split('\n')[0]!.slice(0, 160)

/** The names of the formulations that give the right results on the small work, and why others do not. */
async function right(work: Work): Promise<{ names: Set<string>; wrong: string[] }> {
  const small = smallOf(work)
  const inputs = inputsOf(small)
  const names = new Set<string>()
  const wrong: string[] = []
  for (const formulation of formulationsOf(small, inputs)) {
    try {
      const prepared = await formulation.prepare()
      try {
        const steps = small.kind === 'train' ? 3 : 1
        for (let step = 0; step < steps; step++) await prepared.run()
        check(small, inputs, await prepared.read(), steps, formulation.tolerance)
      } finally {
        await prepared.dispose()
      }
      names.add(formulation.name)
    } catch (error) {
      wrong.push(`${formulation.name}: ${reasonOf(error)}`)
    }
  }
  return { names, wrong }
}

/** Prepare every right formulation in turn, and keep the fastest. */
async function prepare(work: Work): Promise<Readied> {
  const { names, wrong } = variant.startsWith('limit ')
    ? { names: undefined, wrong: [] as string[] }
    : await right(work)
  const inputs = inputsOf(work)
  let best: { name: string; prepared: Prepared; seconds: number } | undefined
  for (const formulation of formulationsOf(work, inputs)) {
    if (names && !names.has(formulation.name)) continue
    try {
      const prepared = await formulation.prepare()
      let taken = await timed(prepared, 1)
      if (names) checkSample(work, inputs, await prepared.read(), formulation.tolerance)
      // Engines compile while they warm up: judge by the best of what half a second holds.
      for (let spent = taken; spent < 0.5;) {
        const again = await timed(prepared, 1)
        spent += Math.max(again, 1e-3)
        taken = Math.min(taken, again)
      }
      if (best && best.seconds <= taken) await prepared.dispose()
      else {
        await best?.prepared.dispose()
        best = { name: formulation.name, prepared, seconds: taken }
      }
    } catch (error) {
      wrong.push(`${formulation.name}: ${reasonOf(error)}`)
    }
  }
  if (!best) return { refused: wrong.join('; ') || 'does not do this', formulation: '', seconds: 0 }
  const runs = Math.max(1, Math.min(100_000, Math.ceil(least / best.seconds)))
  current = { prepared: best.prepared, runs, seconds: best.seconds }
  return { formulation: best.name, seconds: best.seconds }
}

/** Resident memory of whoever computes, now and at its peak so far, in bytes. */
const usage = (): Promise<{ resident: number; peak: number }> | { resident: number; peak: number } =>
  peer?.memory?.() ?? {
    resident: process.memoryUsage.rss(),
    peak: process.resourceUsage().maxRSS * 1024,
  }

/** Only the first measurement of a process says anything: the peak never falls. */
async function memory(work: Work): Promise<Memory> {
  // Compile everything on a small work first, so that the growth is the work's own.
  const small = smallOf(work)
  const warm = await formulationsOf(small, inputsOf(small))[0]?.prepare()
  if (!warm) return { refused: 'does not do this', peak: 0, kept: 0 }
  await warm.run()
  await warm.dispose()
  try {
    const prepared = await formulationsOf(work, inputsOf(work))[0]!.prepare()
    const before = await usage()
    await prepared.run()
    await prepared.run()
    const after = await usage()
    // Where an earlier peak (inputs on their way in) hides this one, what is resident now is the best answer.
    const peak = after.peak > before.peak ? after.peak : after.resident
    return {
      peak: Math.max(0, peak - before.resident),
      kept: Math.max(0, after.resident - before.resident),
    }
  } catch (error) {
    return { refused: reasonOf(error), peak: 0, kept: 0 }
  }
}

async function load(): Promise<Loaded> {
  const start = performance.now()
  const module = (await import(pathToFileURL(modulePath).href)) as PeerModule
  peer = await module.load(variant)
  const { version, target, configuration } = peer
  const add = formulationsOf({ kind: 'add', size: 16 }, inputsOf({ kind: 'add', size: 16 }))[0]
  if (add) {
    const prepared = await add.prepare()
    await prepared.run()
    await prepared.read()
    await prepared.dispose()
  }
  return { version, target, configuration, milliseconds: performance.now() - start }
}

async function answer(request: Request): Promise<Loaded | Readied | Sample | Memory | undefined> {
  switch (request.ask) {
    case 'load':
      return load()
    case 'prepare':
      return prepare(request.work)
    case 'memory':
      return memory(request.work)
    case 'sample': {
      if (!current) throw new Error('nothing is prepared')
      const { prepared, runs, seconds } = current
      const { amount } = prepared
      // Of a run of a second the warming is little.
      if (seconds < 1) await timed(prepared, Math.ceil(warming / seconds))
      return { seconds: await timed(prepared, runs), ...(amount === undefined ? {} : { amount }) }
    }
    case 'dispose':
      await current?.prepared.dispose()
      current = undefined
      return undefined
  }
}

process.on('message', (request: Request) => {
  answer(request).then(
    (value) => process.send!({ value }),
    (error: unknown) => process.send!({ error: reasonOf(error) }),
  )
})
process.on('disconnect', () => process.exit())
