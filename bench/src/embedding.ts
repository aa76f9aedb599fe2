/**
 * Embeddings of real texts of mixed length by all-MiniLM-L6-v2: sentences of STSb, and 200 texts of which
 * four have 512 tokens. heed gets the texts and sorts and packs them itself; ONNX Runtime gets their ids,
 * in heed's batches of like lengths, and in batches of 32 as they come, rows filled up to the longest.
 * Beside them: heed with as many tokens in texts of equal length; memory; the start to the first embedding.
 * `HEED_REFERENCE_WEIGHTS` names the folder that has the model, `HEED_SHARED` the one that has the data.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { batchesByLength, defaultBatchTokens } from 'heed/internals'
import { bertParameters } from './embedding-weights.js'
import { miniLm } from './encoder.js'
import type { Spent } from './line-answers.js'
import { LineEngine } from './line-engine.js'
import { optionsOf } from './options.js'
import type { EncoderWork, Inputs } from './peer.js'
import { flagsOf } from './process.js'
import { type Starter, started } from './start.js'
import { shuffled, summaryOf } from './statistics.js'

/** Of heed, with the bytes of its heap. */
type SpentByHeed = Spent & { readonly heap: number }
type Sets = Record<string, string[]>
type Weights = Pick<Inputs['encoder'], 'parameters'>
type Writer = {
  writeOnnx: (path: string, work: EncoderWork, weights: Weights) => void
  writePaddedOnnx: (path: string, work: EncoderWork, weights: Weights) => Record<string, string>
}

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
/** After these no more rounds begin. */
const secondsAtMost = 60
/** Texts of a batch as they come: what sentence-transformers takes. */
const usual = 32
/** The least cosine of heed's vector and the peer's. */
const leastCosine = 0.9999

/** The fields of a line of CSV. */
function fieldsOf(line: string): string[] {
  return [...line.matchAll(/("(?:[^"]|"")*"|[^,]*)(?:,|$)/g)].map(([, field]) =>
    field!.startsWith('"') ? field!.slice(1, -1).replaceAll('""', '"') : field!,
  )
}

function setsOf(data: string, quick: boolean): Sets {
  const lines = gunzipSync(readFileSync(data)).toString('utf8').trim().split('\n')
  const sentences = lines.flatMap((line) => fieldsOf(line.trim()).slice(0, 2))
  const mixed = sentences.slice(0, 200)
  // Long enough to be cut to 512 tokens, a quarter of the texts apart.
  for (let i = 0; i < 4; i++) mixed[20 + 50 * i] = sentences.slice(200 + 100 * i, 300 + 100 * i).join(' ')
  return {
    'STSb sentences': sentences.slice(600, quick ? 800 : 1200),
    '200 texts, four of 512 tokens': mixed,
  }
}

const chunks = <T>(items: readonly T[], size: number): T[][] =>
  Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size))

function cosine(a: readonly number[], b: readonly number[]): number {
  const dot = (x: readonly number[], y: readonly number[]): number =>
    x.reduce((sum, value, i) => sum + value * y[i]!, 0)
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b))
}

interface Figure {
  readonly work: string
  /** How many times longer the other takes than heed: medians of the rounds' ratios. */
  readonly wall: number
  readonly cpu?: number
  /** Tokens that stand in texts, a second. */
  readonly heed?: number
  readonly other?: number
}

const start = 'from process start to the first embedding'
const options = optionsOf()
const say = (text: string): void => {
  if (!options.json) process.stdout.write(`${text}\n`)
}
const median = (values: readonly number[]): number => summaryOf(values).median
const mega = (bytes: number): string => (bytes / 1e6).toFixed(1)

interface Entrant {
  readonly work: string
  readonly engine: LineEngine
  readonly request: string
  readonly tokens: number
}

/** Times all of them in turns, the first of them heed. All have run before. */
async function inTurns(
  [heed, ...others]: [Entrant, ...Entrant[]],
  rounds: number,
): Promise<{ figures: Figure[]; heed: SpentByHeed[] }> {
  const all = [heed, ...others].map((entrant) => ({ entrant, spent: [] as Spent[] }))
  const begun = Date.now()
  for (let round = 0; round < rounds; round++) {
    if (round > 1 && Date.now() - begun > secondsAtMost * 1e3) break
    for (const { entrant, spent } of shuffled(all, round))
      spent.push(await entrant.engine.ask<Spent>(entrant.request))
  }
  const own = all[0]!.spent as SpentByHeed[]
  const speed = (spent: Spent[], tokens: number): number => tokens / median(spent.map(({ wall }) => wall))
  const figures = all.slice(1).map(({ entrant: { work, tokens }, spent }): Figure => {
    // Of each round, for as many tokens: what else the machine does meets them alike.
    const ratio = (of: 'wall' | 'cpu'): number =>
      median(own.map((mine, i) => (spent[i]![of] / tokens / mine[of]) * heed.tokens))
    return {
      work,
      wall: ratio('wall'),
      cpu: ratio('cpu'),
      heed: speed(own, heed.tokens),
      other: speed(spent, tokens),
    }
  })
  return { figures, heed: own }
}

function print({ work, wall, cpu = NaN, heed = NaN, other = NaN }: Figure): void {
  const [own, theirs] = [heed, other].map((speed) => speed.toFixed(0).padStart(6))
  say(
    `  ${work.padEnd(44)} ${theirs} tokens/s, heed ${own}: ${wall.toFixed(2)} times, by processor time ${cpu.toFixed(2)}`,
  )
}

async function measure(folder: string, data: string, scratch: string): Promise<Figure[]> {
  const { node, threads, target, quick } = options
  const sets = setsOf(data, quick)
  const [texts, works] = [join(scratch, 'texts.json'), join(scratch, 'works.json')]
  writeFileSync(texts, JSON.stringify(sets))
  const environment = {
    ...process.env,
    HEED_THREADS: String(threads),
    ...(target && { HEED_TARGET: target }),
  }
  const ours = [...flagsOf(node), at('./embedding-heed.js'), folder]
  const running: LineEngine[] = []
  const begin = (...given: ConstructorParameters<typeof LineEngine>): LineEngine => {
    running.push(new LineEngine(...given))
    return running.at(-1)!
  }
  try {
    const heed = begin('heed', node, [...ours, texts], environment)
    const ids: Record<string, number[][]> = {}
    const orders: Record<string, number[][]> = {}
    for (const name of Object.keys(sets)) {
      const all = (ids[name] = await heed.ask<number[][]>(`ids ${name}`))
      orders[`${name}, sorted`] = batchesByLength(
        all.map(({ length }) => length),
        defaultBatchTokens,
      )
      orders[`${name}, as they come`] = chunks([...all.keys()], usual)
    }
    const setOf = (work: string): string => work.slice(0, work.lastIndexOf(', '))
    const batches = Object.entries(orders).map(([work, order]) => [
      work,
      order.map((batch) => batch.map((text) => ids[setOf(work)]![text]!)),
    ])
    writeFileSync(works, JSON.stringify(Object.fromEntries(batches)))
    const { writeOnnx, writePaddedOnnx } = (await import(at('../peers/dist/write-onnx.js'))) as Writer
    const work = miniLm(512, 1)
    const weights = { parameters: bertParameters(join(folder, 'model.safetensors'), work) }
    const files = writePaddedOnnx(join(scratch, 'padded'), work, weights)
    const variant = `node, ${threads} threads`
    const peers = Object.entries(files).map(([name, file]) =>
      begin(
        `onnxruntime-node, ${name}`,
        node,
        [at('../peers/dist/embedding-onnx.js'), variant, file, works],
        {
          ...process.env,
        },
      ),
    )
    const figures: Figure[] = []
    for (const name of Object.keys(sets).filter((each) => each.includes(options.only))) {
      const own = await heed.ask<number[][]>(`vectors ${name}`)
      const tokens = ids[name]!.reduce((sum, { length }) => sum + length, 0)
      const entrants: [Entrant, ...Entrant[]] = [
        { work: name, engine: heed, request: `time ${name}`, tokens },
      ]
      const checked = async (peer: LineEngine, work: string): Promise<void> => {
        const theirs = await peer.ask<number[][]>(`vectors ${work}`)
        const cosines = orders[work]!.flat().map((text, i) => cosine(theirs[i]!, own[text]!))
        const least = Math.min(...cosines)
        if (!(least >= leastCosine)) throw new Error(`${peer.name}, ${work}: a cosine of ${least}`)
      }
      const [sorted, given] = ['sorted', 'as they come'].map((order) => `${name}, ${order}`) as [
        string,
        string,
      ]
      // The faster of the peer's operators.
      let best: { peer: LineEngine; wall: number } | undefined
      for (const peer of peers) {
        await checked(peer, sorted)
        const { wall } = await peer.ask<Spent>(`time ${sorted}`)
        if (best === undefined || wall < best.wall) best = { peer, wall }
      }
      const { peer } = best!
      await checked(peer, given)
      for (const work of [sorted, given])
        entrants.push({
          work: `${peer.name}${work.slice(name.length)}`,
          engine: peer,
          request: `time ${work}`,
          tokens,
        })
      await heed.ask(`equal ${name}`)
      const equal = await heed.ask<number[][]>(`ids ${name}, equal`)
      const length = equal[0]!.length
      if (equal.some((text) => text.length !== length)) throw new Error('texts are not of equal length')
      await heed.ask(`vectors ${name}, equal`)
      entrants.push({
        work: `heed, texts of ${length} tokens each`,
        engine: heed,
        request: `time ${name}, equal`,
        tokens: length * equal.length,
      })
      const timed = await inTurns(entrants, quick ? 5 : 11)
      const [first, last] = [timed.heed[0]!, timed.heed.at(-1)!]
      say(`${name}: ${ids[name]!.length} texts, ${tokens} tokens`)
      timed.figures.forEach(print)
      say(
        `  memory after the first round ${mega(first.resident)} MB, after the last ${mega(last.resident)} MB; heap ${mega(first.heap)}, ${mega(last.heap)} MB`,
      )
      figures.push(...timed.figures.map((each) => ({ ...each, work: `${name}: ${each.work}` })))
    }
    const [vector] = await heed.ask<[number[]]>(`vectors ${Object.keys(sets)[0]!}`)
    // What else runs would be in the way.
    for (const each of running.splice(0)) each.end()
    if (start.includes(options.only)) {
      const name = Object.keys(sets)[0]!
      const [text, first] = [sets[name]![0]!, ids[name]![0]!]
      const firstVector = Float64Array.from(vector)
      const [model, given] = [join(scratch, 'whole.onnx'), join(scratch, 'work.json')]
      const one = miniLm(first.length, 1)
      writeOnnx(model, one, weights)
      writeFileSync(given, JSON.stringify({ work: one, ids: first }))
      const starter = (cache: string): Starter => ({
        command: node,
        args: [...ours, 'first', text],
        environment: { ...environment, HEED_CACHE: cache },
      })
      figures.push(
        ...(await timeStarts(
          {
            'machine code kept': starter(join(scratch, 'code')),
            'nothing kept': starter(''),
            'onnxruntime-node': {
              command: node,
              args: [at('../peers/dist/start-onnx.js'), variant, model, given],
              environment: process.env,
            },
          },
          firstVector,
        )),
      )
    }
    return figures
  } finally {
    for (const each of running) each.end()
  }
}

/** From starting a process to the first embedding, which is `expected`. ONNX Runtime is the last of them. */
async function timeStarts(starters: Record<string, Starter>, expected: Float64Array): Promise<Figure[]> {
  const all = Object.entries(starters).map(([name, starter]) => ({ name, starter, values: [] as number[] }))
  // What later starts find.
  await started(all[0]!.starter, expected)
  for (let round = 0; round < (options.quick ? 3 : 7); round++)
    for (const { starter, values } of shuffled(all, round)) values.push(await started(starter, expected))
  const peer = all.pop()!
  say(start)
  return all.map(({ name, values }) => {
    const wall = median(values.map((own, i) => peer.values[i]! / own))
    const [own, theirs] = [values, peer.values].map((each) => (median(each) * 1e3).toFixed(0))
    say(`  ${peer.name} ${theirs} ms, heed, ${name}, ${own} ms: ${wall.toFixed(2)} times`)
    return { work: `${start}: ${peer.name}, heed with ${name}`, wall }
  })
}

const folder = join(process.env['HEED_REFERENCE_WEIGHTS'] ?? '', 'all-MiniLM-L6-v2')
const data = join(process.env['HEED_SHARED'] ?? '', 'data/stsb/dev.csv.gz')
if (!existsSync(join(folder, 'model.safetensors')) || !existsSync(data)) {
  process.stderr.write(
    'HEED_REFERENCE_WEIGHTS has to name a folder with all-MiniLM-L6-v2, HEED_SHARED one with data/stsb\n',
  )
  process.exit(2)
}
const scratch = mkdtempSync(join(tmpdir(), 'heed-bench-'))
try {
  const load = loadavg()[0]!.toFixed(1)
  say(`Node ${process.version}, ${options.threads} threads; ${load} processes ran in the minute before`)
  const figures = await measure(folder, data, scratch)
  if (options.json) process.stdout.write(`${JSON.stringify(figures, undefined, 2)}\n`)
} finally {
  rmSync(scratch, { recursive: true, force: true })
}
