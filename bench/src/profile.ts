/**
 * Where heed's time goes: each work again and again, its launches told apart by kernel, beside what its
 * multiply-adds would take at the limit and what lies between launches. Fastest and median of the runs, since
 * other guests of a machine take their part.
 */
import { writeSync } from 'node:fs'
import { currentDevice } from 'heed'
import { measureLimits } from 'heed/internals'
import { attentionWork } from './attention.js'
import { gpt2Small } from './decode.js'
import { miniLm } from './encoder.js'
import { load } from './heed.js'
import { inputsOf } from './inputs.js'
import { bertLayer } from './layer.js'
import { optionsOf } from './options.js'
import type { Formulation, Inputs, Kind, Work } from './peer.js'
import { summaryOf } from './statistics.js'
import { characterModel } from './train.js'
import { amountOf, bytesOf, nameOf } from './work.js'

/** Seconds that each work runs, at least so many times. */
const [enough, leastRuns] = [6, 10] as const
const shownKernels = 8

const works: readonly Work[] = [
  { kind: 'matmul', m: 512, k: 512, n: 512 },
  ...[128, 512, 2048].map((length) => attentionWork(length, false, false)),
  attentionWork(2048, false, true),
  ...[128, 512].map(bertLayer),
  ...[1, 32].map((batch) => miniLm(128, batch)),
  characterModel,
  ...(['f32', 'f16', 'q8_0', 'q4_0'] as const).map(gpt2Small),
]

const say = (line: string): void => void writeSync(1, `${line}\n`)
const ms = (value: number): string => value.toFixed(value < 10 ? 3 : 1).padStart(9)

/**
 * Of each run: milliseconds of the whole, of each launch, and their kernels, which are the same in every run.
 */
async function runsOf(work: Work): Promise<{ whole: number[]; launches: number[][]; kernels: string[] }> {
  const peer = await load('')
  const formulate = peer[work.kind] as unknown as (work: Work, inputs: Inputs[Kind]) => Formulation[]
  const prepared = await formulate(work, inputsOf(work))[0]!.prepare()
  const device = currentDevice()
  const [whole, launches]: [number[], number[][]] = [[], []]
  let kernels: string[] = []
  for (const end = performance.now() + 1000; performance.now() < end;) await prepared.run()
  for (const end = performance.now() + 1000 * enough; performance.now() < end || whole.length < leastRuns;) {
    const start = performance.now()
    await prepared.run()
    whole.push(performance.now() - start)
    const own: number[] = []
    kernels = []
    device.profile = ({ kernel, milliseconds }) => {
      kernels.push(kernel)
      own.push(milliseconds)
    }
    await prepared.run()
    device.profile = undefined
    launches.push(own)
  }
  await prepared.dispose()
  return { whole, launches, kernels }
}

async function profileOf(work: Work, operationsPerSecond: number): Promise<void> {
  const { whole, launches, kernels } = await runsOf(work)
  const inKernels = summaryOf(launches.map((own) => own.reduce((sum, one) => sum + one, 0)))
  const { min: fastest, median } = summaryOf(whole)
  say(`\n${nameOf(work)}: ${whole.length} runs, ${kernels.length} launches each`)
  say('  fastest    median  ms')
  say(`${ms(fastest)} ${ms(median)}  a run`)
  if (work.kind === 'decode') {
    const rate = (time: number): string => (bytesOf(work) / time / 1e6).toFixed(1)
    say(`${rate(fastest).padStart(9)} ${rate(median).padStart(9)}  GB/s of weights, keys and values`)
  } else {
    const least = (1000 * amountOf(work)) / operationsPerSecond
    say(
      `${ms(least)} ${''.padStart(9)}  its multiply-adds at the limit: ${share(least, fastest)} of the fastest`,
    )
  }
  say(`${ms(inKernels.min)} ${ms(inKernels.median)}  in kernels`)
  const names = [...new Set(kernels)]
  const sums = names.map((name) => {
    const places = kernels.flatMap((kernel, place) => (kernel === name ? [place] : []))
    const each = places.map((place) => summaryOf(launches.map((own) => own[place]!)))
    const sum = (of: 'min' | 'median'): number => each.reduce((all, summary) => all + summary[of], 0)
    return { name, count: places.length, fastest: sum('min'), median: sum('median') }
  })
  for (const sum of sums.toSorted((a, b) => b.median - a.median).slice(0, shownKernels))
    say(`${ms(sum.fastest)} ${ms(sum.median)}    ${sum.count} × ${short(sum.name)}`)
}

/** Launches that ran together are told once, with their number. */
function short(name: string): string {
  const kernels = name.split(' + ')
  const distinct = [...new Set(kernels)].map((kernel) => kernel.slice(0, 90)).join(' + ')
  return kernels.length > 1 ? `${kernels.length} together: ${distinct}` : distinct
}

const share = (part: number, whole: number): string => `${((100 * part) / whole).toFixed(0)} %`

const { only } = optionsOf()
const device = currentDevice()
say(`${device.target.machine.name}, ${device.threads} threads`)
// Other guests of the machine take their part of the limit as well: the best of all times counts.
let limit = 0
const wanted = works.filter((work) => nameOf(work).includes(only))
if (wanted.length === 0) {
  process.stderr.write(`no work's name contains '${only}': there are ${works.map(nameOf).join('; ')}\n`)
  process.exit(2)
}
for (const work of wanted) {
  limit = Math.max(limit, measureLimits(device).operationsPerSecond)
  await profileOf(work, limit)
}
say(`\nlimit: ${(limit / 1e9).toFixed(0)} GFLOP/s of multiply-adds in registers`)
process.exit()
