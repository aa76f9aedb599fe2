/** Models in the form that generation takes. */
import { UsageError } from '../base/index.js'
import {
  type Decoder,
  type DecoderConfig,
  decoderDesign,
  type DecoderDesign,
  decoderStates,
  type Captioner,
  type CaptionerDesign,
  encodeImage,
  type EncoderDecoder,
  type EncoderDecoderDesign,
  encodeSource,
  logitsOf,
  logitsOfTarget,
  rememberSources,
  type TargetParameters,
  type TargetDesign,
  targetStates,
} from '../models/index.js'
import { type CacheOptions, KeyValueCache, type Quantized, RowCaches, type Sequence } from '../nn/index.js'
import { scope } from '../tensor/index.js'
import type { Pixels } from '../vision/index.js'
import { CachedDecoding, packed, type Runner } from './cached-decoding.js'
import { checkIds } from './check-ids.js'
import type { Decoding, Writable } from './decoding.js'
import type { PrefixCache } from './prefix-cache.js'

/** How a model is written with. */
export interface WritableOptions extends CacheOptions {
  /**
   * Remembers texts from one decoding to the next: what a prompt begins with alike is not computed again. Of
   * this model alone, and the caller's to dispose.
   */
  readonly prefixes?: PrefixCache | undefined
}

/**
 * A decoder, to be written with. What several prompts of a batch begin with alike is computed once, unless
 * the angles of its rotary positions hang on how long a text is (LongRoPE, dynamic NTK).
 *
 * @throws UsageError for another dtype
 */
export function writable(
  model: Quantized<Decoder>,
  config: DecoderConfig | DecoderDesign,
  { prefixes, ...options }: WritableOptions = {},
): Writable {
  const { context, vocabulary } = config
  // Keys of a beginning are then not those of the whole text.
  const shares = !decoderDesign(config).blocks.some(
    ({ attention: { rotary } }) => rotary?.scaling !== undefined && 'length' in rotary.scaling,
  )
  const runner: Runner = {
    context,
    vocabulary,
    prefixes: shares ? prefixes : undefined,
    shares,
    states: (ids, rows) => decoderStates(model, config, ids, { rows }),
    logits: (states) => logitsOf(model, config, states),
  }
  checkCache(options)
  return { context, vocabulary, begin: (rows) => new CachedDecoding(runner, new RowCaches(rows, options)) }
}

/**
 * An encoder-decoder, to be written with: row i answers `sources[i]`. The sources are encoded when a decoding
 * begins, all in one pass, and each is remembered as keys and values of its row.
 *
 * @param sources the ids of each, none empty; `begin` takes as many rows
 * @throws UsageError where there is no source, or an empty one; for another dtype of the cache.
 * ShapeError for ids outside the source's vocabulary
 */
export function writableTarget(
  model: Quantized<EncoderDecoder>,
  design: EncoderDecoderDesign,
  sources: readonly ArrayLike<number>[],
  options: CacheOptions = {},
): Writable {
  checkCache(options)
  const lengths = sources.map(({ length }) => length)
  if (lengths.length === 0 || lengths.includes(0))
    throw new UsageError({
      operation: 'writableTarget',
      expected: 'sources of at least one id',
      found: lengths.length === 0 ? 'none' : `an empty one, number ${lengths.indexOf(0)}`,
      hint: 'a source has at least its end token',
    })
  for (const ids of sources) checkIds('writableTarget', ids, design.sourceVocabulary ?? design.vocabulary)
  return {
    context: longestTarget(design),
    vocabulary: design.vocabulary,
    starts: 1,
    begin(rows) {
      checkRows(rows, lengths.length)
      const encode = (): Sequence => encodeSource(model, design, packed(sources), { lengths })
      return answering(model, design, lengths, encode, options)
    },
  }
}

/**
 * A captioner, to be written with: row i is about picture i. The pictures are encoded when a decoding begins,
 * all in one pass, and each is remembered as keys and values of its row.
 *
 * @param pixels at least one picture; `begin` takes as many rows
 * @throws UsageError where there is no picture; for another dtype of the cache. ShapeError as `imageStates`
 */
export function writableCaption(
  model: Quantized<Captioner>,
  design: CaptionerDesign,
  pixels: Pixels,
  options: CacheOptions = {},
): Writable {
  checkCache(options)
  const count = pixels.size('batch')
  if (count === 0)
    throw new UsageError({
      operation: 'writableCaption',
      expected: 'at least one picture',
      found: 'none',
      hint: 'give a batch of one for a single picture',
    })
  return {
    context: longestTarget(design),
    vocabulary: design.vocabulary,
    starts: 1,
    begin(rows) {
      checkRows(rows, count)
      return scope(() => {
        const states = encodeImage(model, design, pixels)
        const lengths = Array<number>(count).fill(states.size('position'))
        return answering(model, design, lengths, () => inOneBatch(states), options)
      })
    },
  }
}

/** The states of pictures, one after the other in a batch of 1. */
function inOneBatch(states: Sequence): Sequence {
  const merged = states.merge(['batch', 'position'], 'position')
  return merged.split('position', { batch: 1, position: merged.size('position') }) as Sequence
}

function checkRows(rows: number, sources: number): void {
  if (rows === sources) return
  throw new UsageError({
    operation: 'begin',
    expected: `a row for each of the ${sources} sources`,
    found: String(rows),
    hint: 'rows become several or vanish by keep()',
  })
}

/** How long a target may become: positions that are computed, and distances, go on for ever. */
function longestTarget({ position, context }: TargetDesign): number {
  return position?.kind === 'learned' ? context : Infinity
}

function answering(
  model: Quantized<TargetParameters>,
  design: TargetDesign,
  lengths: readonly number[],
  encode: () => Sequence,
  options: CacheOptions,
): Decoding {
  const caches = new RowCaches(lengths.length, options)
  try {
    scope(() => rememberSources(model, encode(), { lengths, caches: caches.of() }))
  } catch (error) {
    caches.dispose()
    throw error
  }
  const runner: Runner = {
    context: longestTarget(design),
    vocabulary: design.vocabulary,
    prefixes: undefined,
    shares: false,
    states: (ids, rows) => targetStates(model, design, ids, undefined, { rows }),
    logits: (states) => logitsOfTarget(model, design, states),
  }
  return new CachedDecoding(runner, caches)
}

/** @throws UsageError for options that no cache takes */
function checkCache(options: CacheOptions): void {
  new KeyValueCache(options).dispose()
}
