import { type JsonValue, UsageError } from '../../base/index.js'
import { type Part, type TextTokens, textPart } from './part.js'

/** How texts that are too long are cut; the fields of `truncation` in a tokenizer.json. */
export interface TruncationDefinition {
  /** Which end is cut off. */
  readonly direction: 'Left' | 'Right'
  /** How many tokens stay, those that the post-processor adds among them. */
  readonly max_length: number
  /** Which of two texts is cut. `LongestFirst`: the longer one, and of equals both. */
  readonly strategy: 'LongestFirst' | 'OnlyFirst' | 'OnlySecond'
  /** How many tokens of a window the next one of `overflow` repeats. */
  readonly stride: number
}

/** @throws FormatError that names the field that is wrong */
export function readTruncation(value: JsonValue): TruncationDefinition | null {
  if (value.isNull) return null
  const direction = value.member('direction')
  const stride = value.member('stride')
  const strategy = value.member('strategy')
  return {
    direction: direction.isNull ? 'Right' : direction.choice(['Left', 'Right']),
    max_length: value.member('max_length').count(),
    strategy: strategy.isNull ? 'LongestFirst' : strategy.choice(['LongestFirst', 'OnlyFirst', 'OnlySecond']),
    stride: stride.isNull ? 0 : stride.count(),
  }
}

/**
 * One or two texts as parts, cut to what `definition` allows.
 *
 * @param added how many tokens are added. Where they alone are too many, nothing is cut
 * @param addedToOne how many the post-processor adds to one text. More than they leave is no stride at all
 * @throws UsageError where the text to be cut is too short, or not there, or where `stride` is as long as
 * what is left
 */
export function truncated(
  texts: readonly TextTokens[],
  definition: TruncationDefinition | null,
  added: number,
  addedToOne: number = added,
): readonly Part[] {
  if (definition !== null) {
    const { max_length, stride } = definition
    const left = max_length - addedToOne
    if (left >= 0 && stride > left)
      refuse(`a stride of at most ${left}, the tokens left of a text`, String(stride), 'make it smaller')
  }
  const lengths = texts.map(({ list }) => list.length)
  const kept = definition === null ? lengths : keptLengths(lengths, definition, added)
  return texts.map((text, i) => cut(text, i, kept[i]!, definition))
}

function keptLengths(
  lengths: readonly number[],
  { max_length, strategy }: TruncationDefinition,
  added: number,
): readonly number[] {
  const most = max_length - added
  const total = lengths.reduce((sum, length) => sum + length, 0)
  if (most < 0 || total <= most) return lengths
  if (most === 0) return lengths.map(() => 0)
  const [first, second] = lengths as readonly [number, number | undefined]
  if (strategy === 'LongestFirst') {
    if (second === undefined) return [most]
    // The shorter one stays whole unless it takes more than half.
    const shorter = Math.min(first, second, Math.floor(most / 2))
    return first > second ? [most - shorter, shorter] : [shorter, most - shorter]
  }
  const target = strategy === 'OnlyFirst' ? 0 : 1
  const over = total - most
  const length = lengths[target]
  if (length === undefined)
    refuse('a second text to cut', 'one text', `truncate with 'OnlyFirst' or 'LongestFirst'`)
  if (length <= over) {
    const found = `one of ${length}`
    refuse(`more than ${over} tokens in the text to cut`, found, `truncate with 'LongestFirst'`)
  }
  return lengths.map((own, i) => (i === target ? own - over : own))
}

/** A text cut to `kept` tokens; the windows with the rest are its overflow. */
function cut(
  text: TextTokens,
  sequence: number,
  kept: number,
  definition: TruncationDefinition | null,
): Part {
  const { length } = text.list
  if (kept >= length || definition === null) return textPart(text, sequence, 0, length, null)
  const whole = (): readonly Part[] => [textPart(text, sequence, 0, length, null)]
  if (kept === 0) return textPart(text, sequence, 0, 0, { count: 1, make: whole })
  const { direction, stride } = definition
  if (stride >= kept)
    refuse(`a stride below ${kept}, the tokens left of a text`, String(stride), 'make it smaller')
  const step = kept - stride
  const count = Math.ceil((length - kept) / step)
  const window = (i: number): readonly [number, number] => {
    const moved = i * step
    return direction === 'Right'
      ? [moved, Math.min(moved + kept, length)]
      : [Math.max(0, length - moved - kept), length - moved]
  }
  const make = (): readonly Part[] =>
    Array.from({ length: count }, (_, i) => textPart(text, sequence, ...window(i + 1), null))
  return textPart(text, sequence, ...window(0), { count, make })
}

function refuse(expected: string, found: string, hint: string): never {
  throw new UsageError({ operation: 'encode', expected, found, hint })
}
