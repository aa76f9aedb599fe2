import { inWords, ShapeError, UsageError } from '../base/index.js'

/**
 * Lists of ids, as arrays.
 *
 * @param name what they are called: `prompts`
 * @throws as `checkIds` does, and UsageError where they are no list of lists
 */
export function checkPrompts(
  operation: string,
  name: string,
  prompts: readonly ArrayLike<number>[],
  vocabulary: number,
): (readonly number[])[] {
  if (!Array.isArray(prompts) || typeof prompts[0] === 'number')
    throw new UsageError({
      operation,
      expected: `${name}, a list of lists of ids`,
      found: inWords(prompts),
      hint: 'write [ids] for a single one',
    })
  return prompts.map((prompt) => {
    checkIds(operation, prompt, vocabulary)
    return Array.from(prompt)
  })
}

/**
 * @throws UsageError where there is no id, or one is no whole number
 * @throws ShapeError where one is outside the vocabulary
 */
export function checkIds(operation: string, ids: ArrayLike<number>, vocabulary: number): void {
  const refuse = (found: string, hint: string): never => {
    throw new UsageError({ operation, expected: 'at least one token id, a whole number', found, hint })
  }
  if (!Number.isInteger((ids as ArrayLike<number> | null)?.length) || typeof ids === 'string')
    refuse(inWords(ids), 'give a list of them, or a typed array: Array.from(ids)')
  if (ids.length === 0) refuse('none', 'start with the end-of-text token')
  for (let i = 0; i < ids.length; i++) {
    const id: unknown = ids[i]
    if (!Number.isInteger(id)) refuse(`${String(id)} at place ${i}`, "take the tokenizer's ids")
    if ((id as number) < 0 || (id as number) >= vocabulary)
      throw new ShapeError({
        operation,
        expected: `token ids from 0 to ${vocabulary - 1}, the model's vocabulary`,
        found: `id ${String(id)} at place ${i}`,
        hint: 'encode with the tokenizer that belongs to the model',
        axis: 'vocabulary',
      })
  }
}
