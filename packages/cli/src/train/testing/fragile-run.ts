import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { filesIn, heed } from '../../testing.js'
import type { RunResult } from '../run.js'
import { fragileDisk, type Fragility, type Moment } from './fragile-disk.js'

const sentence = 'The cat sat on the mat and the dog lay by the door of the old house. '

/**
 * Writes the configuration and the data of a short run that has all: evaluations, snapshots, checkpoints, a
 * finished model.
 */
function writeRun(folder: string): string {
  const documents = Array.from({ length: 12 }, (_, i) => sentence.slice(i).repeat(3)).join('\n\n')
  writeFileSync(join(folder, 'train.txt'), documents)
  writeFileSync(join(folder, 'held.txt'), sentence.repeat(2))
  const config = {
    model: { context: 16, width: 16, layers: 1, heads: 2 },
    tokenizer: { train: 270 },
    data: { train: 'train.txt', validation: 'held.txt' },
    training: { steps: 4, batch: 2, rate: 0.01, evaluateEvery: 1, checkpointEvery: 2, dropout: 0.1 },
    watch: { sentence: 'The cat sat.', every: 2 },
    output: 'out',
  }
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config))
  return join(folder, 'config.json')
}

export interface Ran {
  readonly status: number
  readonly err: string
  readonly result: RunResult | undefined
  readonly operations: readonly string[]
}

/**
 * Runs it, in this process; with a fragility on a disk that fails, or that dies as it does for a process that
 * is killed.
 */
async function runIn(config: string, output: string, fragility?: Fragility): Promise<Ran> {
  const happen = (): never => {
    throw new Error('never')
  }
  const disk = await fragileDisk(fragility ?? { at: -1, moment: 'after', kind: 'die', happen })
  try {
    const { status, out, err } = await heed(
      ['train', config, '--out', output, '--watch', '--json', '--resume'],
      { HEED_DEBUG: '0' },
    )
    const result = out === '' ? undefined : (JSON.parse(out) as RunResult)
    return { status, err, result, operations: disk.operations }
  } finally {
    disk.restore()
  }
}

/** Ctrl-C, so many turns of the event loop after a run began to listen for it. */
function interruptAfter(turns: number): () => void {
  const before = process.listenerCount('SIGINT')
  let [count, ended] = [0, false]
  const turn = (): void => {
    if (ended) return
    if (process.listenerCount('SIGINT') > before && ++count > turns) process.emit('SIGINT')
    else setImmediate(turn)
  }
  turn()
  return () => {
    ended = true
  }
}

/** The marker of a process that is no more means nothing; here it is this process's own, and has to go. */
function forgetMarkers(output: string): void {
  for (const name of existsSync(output) ? readdirSync(output) : [])
    if (/^training-.*\.lock$/.test(name)) rmSync(join(output, name))
}

/** A run, and what is held of it when something happens to the disk. */
export interface FragileCase {
  readonly config: string
  /** The run that nothing happens to. */
  readonly whole: Ran
  /** A run dies at an operation. Resumed, it is whole. */
  die(at: number, moment: Moment): Promise<void>
  /**
   * An operation fails half-way: the run ends with an error that says so, or goes on. Resumed, it is whole.
   */
  fail(at: number, code: string, kind: 'fail' | 'full'): Promise<void>
  /**
   * A run is stopped by Ctrl-C after so many turns of the event loop, gone on with, stopped again a little
   * later, until it is finished.
   */
  stop(turns: number): Promise<void>
  /**
   * Resumed, a run ends as one that nothing happened to: weights, losses, evaluations, snapshots, page, and
   * nothing else.
   */
  expectWhole(output: string, where: string): Promise<void>
}

export async function fragileCase(folder: string): Promise<FragileCase> {
  const config = writeRun(folder)
  const whole = await runIn(config, join(folder, 'whole'))
  expect(whole.status, whole.err).toBe(0)
  const expected = filesIn(join(folder, 'whole'))
  const expectWhole = async (output: string, where: string): Promise<void> => {
    forgetMarkers(output)
    const resumed = await runIn(config, output)
    expect(resumed.status, `${where}: ${resumed.err}`).toBe(0)
    expectEnd(resumed, output, where, expected)
  }
  const expectEnd = ({ result }: Ran, output: string, where: string, files: Record<string, string>): void => {
    const { loss, validation, bitsPerByte } = whole.result!
    expect(result, where).toMatchObject({ reason: 'finished', loss, validation, bitsPerByte })
    const found = filesIn(output)
    for (const name of Object.keys(files)) expect(found[name] === files[name], `${where}: ${name}`).toBe(true)
    const others = Object.keys(found).filter((name) => !(name in files))
    // A run that was stopped has a checkpoint of where it was.
    expect(
      others.filter((name) => files === expected || !name.startsWith('step-')),
      where,
    ).toEqual([])
  }
  const happens = async (where: string, fragility: Omit<Fragility, 'happen'>, code: string): Promise<Ran> => {
    const output = join(folder, 'fragile')
    rmSync(output, { recursive: true, force: true })
    const happen = (): never => {
      throw Object.assign(new Error(`${code}: the disk fails`), { code })
    }
    const ran = await runIn(config, output, { ...fragility, happen })
    await expectWhole(output, where)
    return ran
  }
  return {
    config,
    whole,
    expectWhole,
    async stop(turns) {
      const output = join(folder, 'stopped')
      rmSync(output, { recursive: true, force: true })
      // Where the last evaluation was given up, the last checkpoint's state says so: a later run would make
      // it again.
      const last = Object.entries(expected).filter(([name]) => !/^step-00000002|state\.json$/.test(name))
      for (let i = 0; i < 100; i++) {
        const end = interruptAfter(turns + 8 * i)
        const ran = await runIn(config, output)
        end()
        const where = `stopped after ${turns} turns, the ${i}th time`
        expect(ran.status, `${where}: ${ran.err}`).toBe(0)
        if (ran.result!.reason === 'finished') return expectEnd(ran, output, where, Object.fromEntries(last))
        expect(ran.err, where).toContain('finishing the step and saving')
      }
      throw new Error('it never came to an end')
    },
    async die(at, moment) {
      const where = `dead at ${whole.operations[at]} ${at}, ${moment}`
      await happens(where, { at, moment, kind: 'die' }, 'EDEAD')
    },
    async fail(at, code, kind) {
      const where = `${whole.operations[at]} ${at}, ${code}, ${kind}`
      const { status, err } = await happens(where, { at, moment: 'half', kind }, code)
      if (status === 0) return
      expect(status, where).toBe(1)
      expect(err, where).toMatch(/heed: .*: expected .*, found .*; .*\n$/)
    },
  }
}
