/** Models in the form that generation takes. */
import { UsageError } from '../base/index.js'
import {
  type Decoder,
  type DecoderConfig,
  decoderDesign,
  type DecoderDesign,
  decoderStates,
  type EncoderDecoder,
  type EncoderDecoderDesign,
  encodeSource,
  logitsOf,
  logitsOfTarget,
  rememberSources,
  targetStates,
} from '../models/index.js'
import { type CacheOptions, KeyValueCache, type Quantized, RowCaches } from '../nn/index.js'
import { scope } from '../tensor/index.js'
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
      if (rows !== lengths.length)
        throw new UsageError({
          operation: 'begin',
          expected: `a row for each of the ${lengths.length} sources`,
          found: String(rows),
          hint: 'rows become several or vanish by keep()',
        })
      return answering(model, design, sources, options)
    },
  }
}

/** How long a target may become: positions that are computed, and distances, go on for ever. */
function longestTarget({ position, context }: EncoderDecoderDesign): number {
  return position?.kind === 'learned' ? context : Infinity
}

function answering(
  model: Quantized<EncoderDecoder>,
  design: EncoderDecoderDesign,
  sources: readonly ArrayLike<number>[],
  options: CacheOptions,
): Decoding {
  const caches = new RowCaches(sources.length, options)
  const lengths = sources.map(({ length }) => length)
  try {
    scope(() => {
      const ids = packed(sources)
      rememberSources(model, encodeSource(model, design, ids, { lengths }), { lengths, caches: caches.of() })
    })
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
