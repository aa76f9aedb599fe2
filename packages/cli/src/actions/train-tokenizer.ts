import { stat } from 'node:fs/promises'
import { saveTokenizer, trainTokenizer, type Tokenizer } from 'heed'
import { writeFileWhole } from 'heed/internals'
import type { Context } from '../context.js'
import { UsageError } from '../errors.js'
import { countText, durationText } from '../format.js'
import { checkPage } from '../html.js'
import { listenForInterruption } from '../interruption.js'
import { ProgressLine } from '../progress-line.js'
import { escaped, jsonText, styled } from '../terminal.js'
import { charactersOf } from '../tokenize/cells.js'
import { EncodedText } from '../tokenize/encoded-text.js'
import { casedNormalizer, presets, type Kind, type Preset } from '../tokenize/presets.js'
import { fileSource, pipeSource, textsOf } from '../tokenize/texts.js'
import { trainingSettings } from '../tokenize/training-settings.js'

export interface TrainTokenizerCommandOptions {
  readonly model: Kind
  readonly preset?: string
  readonly vocabularySize: number
  readonly out: string
  readonly special?: readonly string[]
  readonly minFrequency?: number
  readonly cased?: boolean
  readonly json?: boolean
}

const modelNames = { bpe: 'BPE', wordpiece: 'WordPiece', unigram: 'Unigram', wordlevel: 'WordLevel' } as const

/** What the phases of a training are called, and what is counted in them. */
const phases = {
  texts: ['reading', 'bytes'],
  pairs: ['counting pairs', 'words'],
  merges: ['merging', 'tokens'],
  seeds: ['finding pieces', 'steps'],
  pieces: ['pruning pieces', 'steps'],
} as const

/** Trains a tokenizer on files, and writes it. */
export async function trainTokenizerOn(
  files: readonly string[],
  options: TrainTokenizerCommandOptions,
  context: Context,
): Promise<void> {
  const { output, errorOutput, environment } = context
  const [name, preset] = presetOf(options)
  await checkPage(options.out, '--out', 'a tokenizer')
  const start = performance.now()
  const progress = new ProgressLine(errorOutput, environment)
  const interruption = listenForInterruption()
  const { signal } = interruption
  const texts = new TrainingTexts(files, preset.learnsLineEnds, signal)
  await texts.measure()
  let tokenizer: Tokenizer
  try {
    tokenizer = await trainTokenizer(texts, {
      ...trainingSettings(options, preset),
      signal,
      onProgress({ phase, done, total }) {
        const [phaseName, unit] = phases[phase]
        if (phase === 'texts') progress.update(phaseName, texts.bytes, texts.totalBytes, unit)
        else progress.update(phaseName, done, total ?? done, unit)
      },
    })
  } catch (error) {
    if (!signal.aborted) throw error
    throw new Error('train-tokenizer: stopped before the end; nothing was written', { cause: error })
  } finally {
    progress.end()
    interruption.end()
  }
  await writeFileWhole(options.out, new TextEncoder().encode(saveTokenizer(tokenizer)))
  const seconds = (performance.now() - start) / 1000
  const { size } = tokenizer
  const { example, texts: count, characters } = texts
  if (options.json) {
    const told = {
      out: options.out,
      model: options.model,
      preset: name,
      size,
      texts: count,
      characters,
      seconds,
    }
    output.write(`${jsonText(told)}\n`)
    return
  }
  const facts = [
    `${modelNames[options.model]}, ${name}`,
    `${countText(size)} tokens`,
    `of ${countText(characters)} characters`,
    durationText(seconds),
  ]
  output.write(`wrote ${escaped(options.out)}: ${facts.join('  ')}\n`)
  if (size < options.vocabularySize)
    errorOutput.write(`fewer than ${countText(options.vocabularySize)} tokens: the texts have no more\n`)
  if (example === '') return
  const encoded = new EncodedText(tokenizer, example, undefined, { specials: 'text', addSpecial: true })
  output.write(`\n${encoded.picture(output, environment)}`)
  const perToken = charactersOf(example) / Math.max(1, encoded.length)
  output.write(
    `${styled(output, 'dim', `${perToken.toFixed(2)} characters a token in this line`, environment)}\n`,
  )
}

function presetOf({ model, preset, cased }: TrainTokenizerCommandOptions): [string, Preset] {
  const entries = Object.entries(presets)
  const [name, found] = entries.find(([each, { kinds }]) =>
    preset === undefined ? kinds[0] === model : each === preset,
  )!
  if (!found.kinds.includes(model))
    throw new UsageError(
      `train-tokenizer: --preset ${name} goes with --model ${found.kinds.join(' or ')}, found ${model}`,
    )
  if (!cased) return [name, found]
  if (name !== 'bert') throw new UsageError('train-tokenizer: --cased goes with --model wordpiece')
  return [name, { ...found, normalizer: casedNormalizer }]
}

/** Line ends are learned from blocks of so many code units. */
const block = 1 << 16
const longestExample = 160

/** The texts of files, one after the other, and what was read of them. */
class TrainingTexts implements AsyncIterable<string> {
  bytes = 0
  totalBytes = 0
  texts = 0
  characters = 0
  /** The beginning of a line to show, or nothing. */
  example = ''
  readonly #files: readonly string[]
  readonly #keepsLineEnds: boolean
  readonly #signal: AbortSignal

  constructor(files: readonly string[], keepsLineEnds: boolean, signal: AbortSignal) {
    this.#files = files
    this.#signal = signal
    this.#keepsLineEnds = keepsLineEnds
  }

  /** How much there is to read, as far as it is known. */
  async measure(): Promise<void> {
    for (const file of this.#files) this.totalBytes += (await stat(file).catch(() => undefined))?.size ?? 0
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<string> {
    let before = 0
    for (const file of this.#files) {
      const source = file === '-' ? pipeSource(this.#signal) : fileSource(file, this.#signal)
      let held = ''
      let last = 0
      for await (const { text, bytes } of textsOf(source)) {
        this.bytes = before + (last = bytes)
        this.texts++
        this.characters += charactersOf(text)
        this.#see(text)
        if (!this.#keepsLineEnds || /\.(jsonl|ndjson)$/i.test(file)) {
          yield text
          continue
        }
        held += `${text}\n`
        // Not between line ends that follow each other.
        if (held.length < block || text === '') continue
        yield held
        held = ''
      }
      if (held !== '') yield held
      before += last
    }
  }

  #see(text: string): void {
    const line = text.trim()
    if (this.example.length >= 60 || line.length <= this.example.length) return
    this.example = line.length <= longestExample ? line : line.slice(0, longestExample).replace(/\s*\S*$/, '')
  }
}
