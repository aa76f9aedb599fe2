import { UsageError } from '../../base/index.js'

/** How many times as long as it was a text may become, and how many characters longer it may always. */
const times = 16
const always = 2 ** 16

/**
 * Refuses a text that steps make far longer: a few of them in a row, each of which doubles it, fill any
 * memory.
 *
 * @param length of the text, in UTF-16 code units
 * @param before how long it was before the first of the steps
 */
export function checkGrowth(operation: string, length: number, before: number): void {
  if (length <= times * before + always) return
  throw new UsageError({
    operation,
    expected: `steps that make a text at most ${times} times as long`,
    found: `${length} characters made of ${before}`,
    hint: 'take out the steps of the tokenizer that write the same again and again',
  })
}
