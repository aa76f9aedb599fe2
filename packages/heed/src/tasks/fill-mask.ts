/** The tokens that fit where a text has a mask (Devlin et al. 2019, "BERT", section 3.1). */
import { checkNames, checkWhole, UsageError } from '../base/index.js'
import {
  encoderStates,
  type LoadedEncoder,
  maskToken,
  ofFamily,
  outputOf,
  type Running,
} from '../models/index.js'
import { gather, scope, type Tensor, tensor } from '../tensor/index.js'
import type { Encoding, Tokenizer } from '../text/index.js'
import { encoderAttention } from './attention.js'
import { callable, type Opened } from './callable.js'
import { headOfKind } from './labels.js'
import { runTask, type TaskWork } from './run-task.js'
import { softmaxOf } from './scores.js'
import { type TaskOptions, taskOptionNames, type TaskPipeline, type TaskResult } from './task.js'
import { checkText, mostTokens, packed, windows } from './texts.js'

/** Which tokens are given. */
export interface FillMaskOptions extends TaskOptions {
  /** How many of the likeliest tokens are given for each mask. Default 5. */
  readonly top_k?: number | undefined
  /** Gives these alone. Of one that is no token by itself, its first token. */
  readonly targets?: string | readonly string[] | undefined
}

/** A token for a mask. */
export interface FilledMask {
  readonly score: number
  /** Its id. */
  readonly token: number
  readonly token_str: string
  /** The text with it; other masks stay. */
  readonly sequence: string
  /** Which of the text's masks it is for, from 0 on. */
  readonly mask: number
  /** The mask's place in the text, [start, end) in UTF-16 units. */
  readonly start: number
  readonly end: number
}

/**
 * Texts with masks to the tokens that fit there: for each mask in turn the likeliest first. Special tokens in
 * the text are what they spell, the mask among them. Of a text that is longer than the model's context, each
 * mask is seen with what stands around it; `attention` is that of the first one.
 */
export interface FillMaskPipeline extends TaskPipeline<'fill-mask', string> {
  /** What the mask is written as: `[MASK]`. */
  readonly mask: string
  <
    const Input extends string | readonly string[],
    const Options extends FillMaskOptions = Record<never, never>,
  >(
    texts: Input,
    options?: Options & FillMaskOptions,
  ): Promise<TaskResult<Input, Options, FilledMask[]>>
}

/** A text, or a window of one, with masks. */
interface Masked {
  readonly text: Encoding
  /** The whole text's tokens. */
  readonly whole: Int32Array
  readonly masks: readonly Mask[]
}

interface Mask {
  /** Where its token is, in the window and in the whole text. */
  readonly position: number
  readonly at: number
  /** Its number in the text. */
  readonly mask: number
  readonly start: number
  readonly end: number
}

/** Throws UsageError where the model has no masked-LM head, or the tokenizer no mask. */
export function createFillMask(opened: Opened): FillMaskPipeline {
  const task = 'fill-mask'
  const loaded: Running<LoadedEncoder> = ofFamily(opened.model, 'encoder', task)
  headOfKind(task, loaded, 'masked-language')
  const { tokenizer, stored } = loaded
  const { id, token } = maskOf(loaded)
  const padding = stored.config.member('pad_token_id').value
  const most = mostTokens(loaded)

  const masked = (text: unknown): Masked[] => {
    checkText(task, 'the input', text)
    const whole = tokenizer.encode(text, { specials: 'allow', truncation: null, padding: null })
    const found = Array.from(whole.ids.keys()).filter((at) => whole.ids[at] === id)
    if (found.length === 0) throw refused(`a text with ${token}`, 'none', 'write it where a token is wanted')
    const masks = found.map((at, mask): Mask => {
      const [start, end] = [whole.spans[2 * at]!, whole.spans[2 * at + 1]!]
      return { position: at, at, mask, start, end }
    })
    if (whole.length <= most) return [{ text: whole, whole: whole.ids, masks }]
    // Each mask in the window that has most on both sides of it.
    const shared = Math.floor(most / 2)
    const pieces = windows(loaded, text, most, shared, { specials: 'allow' })
    const best = new Map<
      number,
      { readonly piece: Encoding; readonly position: number; readonly room: number }
    >()
    for (const piece of pieces)
      for (const position of piece.ids.keys()) {
        if (piece.ids[position] !== id) continue
        const start = piece.spans[2 * position]!
        const room = Math.min(position, piece.length - 1 - position)
        if (room > (best.get(start)?.room ?? -1)) best.set(start, { piece, position, room })
      }
    return masks.map((mask) => {
      const { piece, position } = best.get(mask.start)!
      return { text: piece, whole: whole.ids, masks: [{ ...mask, position }] }
    })
  }

  const call = async (texts: string | readonly string[], options: FillMaskOptions = {}): Promise<unknown> => {
    checkNames(task, options, [...taskOptionNames, 'top_k', 'targets'])
    const { top_k = 5, targets } = options
    checkWhole(task, 'top_k', top_k, 1)
    const chosen = targets === undefined ? undefined : targetIds(tokenizer, targets)
    const isList = Array.isArray(texts)
    const work: TaskWork<string, Masked, Float32Array[], FilledMask[]> = {
      operation: task,
      pieces: masked,
      length: ({ text }) => text.length,
      run: (pieces) => maskLogits(loaded, pieces),
      result(_, outputs, pieces) {
        const single = pieces.length === 1 && pieces[0]!.masks.length === 1
        const result = pieces.flatMap(({ whole, masks }, i) =>
          masks.flatMap(({ at, mask, start, end }, j): FilledMask[] => {
            const scores = softmaxOf(outputs[i]![j]!)
            return likeliest(scores, top_k, chosen).map((token) => {
              const ids = whole.with(at, token).filter((one) => one !== padding)
              return {
                score: scores[token]!,
                token,
                token_str: tokenizer.decode([token]),
                sequence: tokenizer.decode(ids, { skipSpecial: single }),
                mask,
                start,
                end,
              }
            })
          }),
        )
        return options.attention === true
          ? Object.assign(result, { attention: encoderAttention(loaded, pieces[0]!.text) })
          : result
      },
    }
    const results = await runTask(work, isList ? texts : [texts as string], options)
    return isList ? results : results[0]
  }
  return Object.assign(
    callable<FillMaskPipeline>(task, opened, call, (text) => text),
    { mask: token },
  )
}

/** The logits of the vocabulary at each mask of each text. */
function maskLogits(loaded: Running<LoadedEncoder>, texts: readonly Masked[]): Float32Array[][] {
  const { model, config } = loaded
  return scope(() => {
    const { ids, ...how } = packed(texts.map(({ text }) => text))
    const states = encoderStates(model, config, ids, how)
    let end = 0
    const places = texts.flatMap(({ text, masks }) => {
      const start = end
      end += text.length
      return masks.map(({ position }) => start + position)
    })
    const shape = { batch: 1, position: places.length }
    const at = tensor(places, shape, { dtype: 'i32' })
    const chosen = gather(states.at('batch', 0), at, 'position') as Tensor<'batch' | 'position' | 'width'>
    const made = outputOf(model, config, chosen)
    if (made.kind !== 'masked-language') return []
    const numbers = made.logits.at('batch', 0).values(['position', 'vocabulary']) as Float32Array
    const { vocabulary } = config
    let row = 0
    return texts.map(({ masks }) => masks.map(() => numbers.slice(row * vocabulary, ++row * vocabulary)))
  })
}

/** The likeliest of these ids, or of all, the likeliest first. */
function likeliest(scores: Float64Array, count: number, among?: readonly number[]): number[] {
  const ids = among ?? Array.from(scores.keys())
  return ids.toSorted((a, b) => scores[b]! - scores[a]! || a - b).slice(0, count)
}

/** How the tokenizer spells its mask. */
function maskOf(loaded: Running<LoadedEncoder>): { readonly id: number; readonly token: string } {
  const found = maskToken(loaded)
  if (found !== undefined) return found
  throw refused('a tokenizer with a mask', 'one without', 'take a model that was trained on masked texts')
}

/** Ids of these tokens, each once. */
function targetIds(tokenizer: Tokenizer, targets: string | readonly string[]): number[] {
  const list = typeof targets === 'string' ? [targets] : targets
  const ids = new Set<number>()
  for (const target of list) {
    checkText('fill-mask', 'each target', target)
    const id =
      tokenizer.id(target) ??
      tokenizer.encode(target, { addSpecial: false, truncation: null, padding: null }).ids[0]
    if (id !== undefined) ids.add(id)
  }
  if (ids.size === 0)
    throw refused('a target that is a token', list.slice(0, 5).join(', '), 'name other targets')
  return [...ids]
}

function refused(expected: string, found: string, hint: string): UsageError {
  return new UsageError({ operation: 'fill-mask', expected, found, hint })
}
