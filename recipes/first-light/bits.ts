/** How many bits a model needs for texts. */
import {
  crossEntropy,
  type Decoder,
  type DecoderConfig,
  type DecoderDesign,
  decoderLogits,
  type LanguageModel,
  type Quantized,
  scope,
  tensor,
  UsageError,
} from 'heed'

/** Tokens that a batch holds at most, padding included. */
const batchTokens = 4096

/** A run of tokens that a model reads at once, and from where on what it predicts counts. */
export interface Window {
  /** One longer than what is read: the last one is only predicted. */
  readonly ids: Int32Array
  /** Predictions before this place were counted in the window before. */
  readonly from: number
}

/**
 * The windows that cover a document, which stands between two separators: each token is predicted once, from
 * as much as fits, and at least half of the context where so much precedes it.
 */
export function windowsOf(ids: ArrayLike<number>, separator: number, context: number): Window[] {
  const all = Int32Array.of(separator, ...Array.from(ids), separator)
  const predicted = all.length - 1
  const windows: Window[] = []
  const step = Math.max(1, context >> 1)
  for (let start = 0, counted = 0; counted < predicted; start += step) {
    const end = Math.min(start + context, predicted)
    windows.push({ ids: all.subarray(start, end + 1), from: counted - start })
    counted = end
  }
  return windows
}

/**
 * Bits for texts, each by itself, the end-of-text token after each included: Σ −log₂ p(token | what precedes
 * it in its text).
 *
 * @throws UsageError where the tokenizer has no end-of-text token
 */
export function bitsOf(
  {
    model,
    config,
    tokenizer,
  }: Omit<LanguageModel<DecoderConfig | DecoderDesign>, 'model'> & { readonly model: Quantized<Decoder> },
  texts: readonly string[],
  onProgress?: (done: number) => void,
): number {
  const separator = tokenizer.id('<|endoftext|>')
  if (separator === undefined) {
    throw new UsageError({
      operation: 'bitsOf',
      expected: 'a tokenizer with <|endoftext|>',
      found: 'one without',
      hint: 'train it with that special token',
    })
  }
  const windows = texts
    .flatMap((text) => {
      const { ids } = tokenizer.encode(text, { addSpecial: false })
      return windowsOf(ids, separator, config.context)
    })
    // Windows of one length share a batch, so that little is padding.
    .sort((a, b) => b.ids.length - a.ids.length)
  let nats = 0
  for (let start = 0; start < windows.length;) {
    const position = windows[start]!.ids.length - 1
    const rows = windows.slice(start, start + Math.max(1, Math.floor(batchTokens / position)))
    const batch = rows.length
    const ids = new Int32Array(batch * position)
    const targets = new Int32Array(batch * position).fill(-100)
    rows.forEach((window, row) => {
      const length = window.ids.length - 1
      ids.set(window.ids.subarray(0, length), row * position)
      targets.set(window.ids.subarray(1 + window.from), row * position + window.from)
    })
    nats += scope(() => {
      const shape = { batch, position }
      const logits = decoderLogits(model, config, tensor(ids, shape, { dtype: 'i32' }))
      const target = tensor(targets, shape, { dtype: 'i32' })
      // A mean of many numbers, in f32, would lose what the sum of the rows keeps.
      const losses = crossEntropy(logits, target, 'vocabulary', { reduction: 'none' }).values()
      return Float64Array.from(losses).reduce((sum, loss) => sum + loss, 0)
    })
    start += batch
    onProgress?.(start / windows.length)
  }
  return nats / Math.LN2
}
