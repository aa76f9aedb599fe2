import { InvalidArgumentError } from 'commander'

/** A parser of a whole number from `least` on, for an option. */
export function wholeNumber(least: number, most: number = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : NaN
    if (Number.isSafeInteger(value) && value >= least && value <= most) return value
    const high = most === Number.MAX_SAFE_INTEGER ? '' : ` to ${most}`
    throw new InvalidArgumentError(`Expected a whole number from ${least}${high || ' on'}.`)
  }
}

/** A parser of a number from `least` (or above it) to `most`, for an option. */
export function realNumber(range: {
  readonly least?: number
  readonly above?: number
  readonly most?: number
}): (text: string) => number {
  const { least = -Infinity, above = -Infinity, most = Infinity } = range
  return (text) => {
    const value = text.trim() === '' ? NaN : Number(text)
    if (Number.isFinite(value) && value >= least && value > above && value <= most) return value
    const low = range.above === undefined ? ` from ${least}` : ` above ${above}`
    throw new InvalidArgumentError(`Expected a number${low}${most === Infinity ? '' : ` to ${most}`}.`)
  }
}

/** `true` or `false`, for an option. */
export function trueOrFalse(text: string): boolean {
  if (text === 'true' || text === 'false') return text === 'true'
  throw new InvalidArgumentError('Expected true or false.')
}

/** What `--weights` may be. */
export const weightChoices = ['stored', 'f32', 'bf16', 'int8', 'int4'] as const
export type WeightChoice = (typeof weightChoices)[number]

/** Of `--adapter`. */
export const adapterText: string =
  'the folder of an adapter (LoRA) that heed or peft wrote, whose changes the model gets'

/** For an option that may be given several times: gathers its values. */
export function gathered(value: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), value]
}
