/**
 * What weights in fewer bits cost, on real models: held-out bits per byte and perplexity, and how far logits
 * are off.
 *
 *     node dist/precision/precision.js [--data FOLDER] [--json] [--write FOLDER]
 *
 * The shipped model reads the test documents of its corpus (recipes/first-light makes them), each by itself.
 * Where the environment variable HEED_SHARED names the folder of reference numbers, stories260K, a Llama of
 * another maker, reads its own 200 words, too. `--write` writes `results.json` and `results.md`, the table,
 * into a folder.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import {
  crossEntropy,
  decoderLogits,
  isTensor,
  leavesOf,
  loadDecoder,
  quantizeDecoder,
  QuantizedWeights,
  scope,
  tensor,
  type Decoder,
  type DecoderConfig,
  type DecoderDesign,
  type Quantized,
  type Tensor,
} from 'heed'
import { weightFormats, writeFileWhole } from 'heed/internals'
import { bitsOf } from '../first-light/bits.js'
import { readDocuments, sources } from '../first-light/document.js'
import { readLlama } from './llama.js'

const here = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url))
const { values: options } = parseArgs({
  options: {
    data: { type: 'string', default: here('first-light/.cache') },
    json: { type: 'boolean', default: false },
    write: { type: 'string' },
  },
})
const formats = ['f32', ...weightFormats] as const
type Format = (typeof formats)[number]

interface Row {
  readonly model: string
  readonly weights: Format
  /** Of all weights, scales included. */
  readonly bytes: number
  readonly bitsPerByte?: number
  /** exp of the mean loss of a token. */
  readonly perplexity: number
  /** The largest difference from f32's logits, and the largest of these. */
  readonly difference: number
  readonly largest: number
  /** Of the tokens, those whose likeliest successor is f32's. */
  readonly agreement: number
}

const isWeights = (value: unknown): value is Tensor | QuantizedWeights =>
  isTensor(value) || value instanceof QuantizedWeights

function bytesOf(model: Quantized<Decoder>): number {
  const weights = new Set(leavesOf(model, isWeights).values())
  return [...weights].reduce((sum, each) => sum + (isTensor(each) ? 4 * each.elements : each.bytes), 0)
}

interface Reading {
  /** Logits at each place, [place][vocabulary]. */
  readonly logits: Float32Array
  /** Mean loss of the tokens after the first. */
  readonly loss: number
}

/** One run of tokens, each predicted from all before it. */
function read(
  model: Quantized<Decoder>,
  config: DecoderConfig | DecoderDesign,
  ids: readonly number[],
): Reading {
  return scope(() => {
    const shape = { batch: 1, position: ids.length - 1 }
    const logits = decoderLogits(model, config, tensor(ids.slice(0, -1), shape, { dtype: 'i32' }))
    const loss = crossEntropy(logits, tensor(ids.slice(1), shape, { dtype: 'i32' }), 'vocabulary').item()
    return { logits: logits.values(['batch', 'position', 'vocabulary']) as Float32Array, loss }
  })
}

function compare(
  exact: Float32Array,
  found: Float32Array,
  vocabulary: number,
): Pick<Row, 'difference' | 'largest' | 'agreement'> {
  let [difference, largest, agreed] = [0, 0, 0]
  const places = exact.length / vocabulary
  for (let place = 0; place < places; place++) {
    let [best, likeliest] = [0, 0]
    for (let id = 0; id < vocabulary; id++) {
      const at = place * vocabulary + id
      difference = Math.max(difference, Math.abs(found[at]! - exact[at]!))
      largest = Math.max(largest, Math.abs(exact[at]!))
      if (exact[at]! > exact[place * vocabulary + best]!) best = id
      if (found[at]! > found[place * vocabulary + likeliest]!) likeliest = id
    }
    if (best === likeliest) agreed++
  }
  return { difference, largest, agreement: agreed / places }
}

const models = (model: Decoder): ReadonlyMap<Format, Quantized<Decoder>> =>
  new Map(formats.map((format) => [format, format === 'f32' ? model : quantizeDecoder(model, format)]))

/** The shipped model on its test documents; logits of the first 20,000 bytes of each source. */
async function shipped(folder: string): Promise<Row[]> {
  const { model, config, tokenizer } = await loadDecoder(here('../models/first-light'))
  const texts: string[] = []
  const runs: number[][] = []
  const separator = tokenizer.id('<|endoftext|>')!
  for (const source of sources) {
    let compared = 0
    for await (const { text } of readDocuments(join(folder, `test-${source}.jsonl`))) {
      texts.push(text)
      if (compared >= 20_000) continue
      compared += Buffer.byteLength(text)
      runs.push(
        [separator, ...tokenizer.encode(text, { addSpecial: false }).ids].slice(0, config.context + 1),
      )
    }
  }
  const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0)
  const tokens = texts.reduce(
    (sum, text) => sum + tokenizer.encode(text, { addSpecial: false }).ids.length + 1,
    0,
  )
  const logitsOf = (each: Quantized<Decoder>): Float32Array[] =>
    runs.filter(({ length }) => length > 1).map((ids) => read(each, config, ids).logits)
  const exact = logitsOf(model)
  return [...models(model)].map(([weights, each]) => {
    const bits = bitsOf({ model: each, config, tokenizer }, texts, (done) =>
      process.stderr.write(process.stderr.isTTY ? `\r\x1b[K${weights}: ${(done * 100).toFixed(0)} %` : ''),
    )
    if (process.stderr.isTTY) process.stderr.write('\n')
    const parts = logitsOf(each).map((found, i) => ({
      ...compare(exact[i]!, found, config.vocabulary),
      places: found.length / config.vocabulary,
    }))
    const places = parts.reduce((sum, part) => sum + part.places, 0)
    return {
      model: 'first-light',
      weights,
      bytes: bytesOf(each),
      bitsPerByte: bits / bytes,
      perplexity: 2 ** (bits / tokens),
      difference: Math.max(...parts.map(({ difference }) => difference)),
      largest: Math.max(...parts.map(({ largest }) => largest)),
      agreement: parts.reduce((sum, part) => sum + part.agreement * part.places, 0) / places,
    }
  })
}

/** A model of others on the text that it wrote itself. */
function stories(folder: string): Row[] {
  const { ids } = JSON.parse(readFileSync(join(folder, 'cases.json'), 'utf8')) as { ids: number[] }
  const { model, config } = readLlama(folder)
  const exact = read(model, config, ids)
  return [...models(model)].map(([weights, each]) => {
    const { logits, loss } = read(each, config, ids)
    return {
      model: 'stories260K',
      weights,
      bytes: bytesOf(each),
      perplexity: Math.exp(loss),
      ...compare(exact.logits, logits, config.vocabulary),
    }
  })
}

function tableOf(rows: readonly Row[]): string {
  const lines = rows.map(
    ({ model, weights, bytes, bitsPerByte, perplexity, difference, largest, agreement }) =>
      `| ${model} | ${weights} | ${(bytes / 1e6).toFixed(2)} | ${bitsPerByte?.toFixed(4) ?? ''} | ${perplexity.toFixed(3)} | ${difference.toFixed(3)} of ${largest.toFixed(1)} | ${(agreement * 100).toFixed(1)} % |`,
  )
  return [
    '| model | weights | MB | bits per byte | perplexity | largest difference of a logit | likeliest token as with f32 |',
    '|---|---|--:|--:|--:|--:|--:|',
    ...lines,
    '',
  ].join('\n')
}

const shared = process.env['HEED_SHARED']
const reference = shared === undefined ? '' : join(shared, 'reference/real/stories260k')
const rows = [...(await shipped(resolve(options.data))), ...(existsSync(reference) ? stories(reference) : [])]
process.stdout.write(options.json ? `${JSON.stringify(rows, undefined, 2)}\n` : tableOf(rows))
if (options.write !== undefined) {
  const folder = resolve(options.write)
  await writeFileWhole(join(folder, 'results.json'), Buffer.from(`${JSON.stringify(rows, undefined, 2)}\n`))
  await writeFileWhole(join(folder, 'results.md'), Buffer.from(tableOf(rows)))
}
