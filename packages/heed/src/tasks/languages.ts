/** Languages of translators, which are tokens of their own: `eng_Latn`, `en_XX`, `__en__`. */
import { nearest, UsageError } from '../base/index.js'
import type { Tokenizer } from '../text/index.js'

/** How translators spell a language's token: NLLB, mBART, M2M100. */
const spelled = /^(?:[a-z]{2,3}_[A-Z][A-Za-z]{1,3}|__[a-z]{2,3}(?:_[A-Za-z]+)?__)$/

/** The tokens of languages that a tokenizer knows, by their names. */
export function languagesOf({ definition }: Tokenizer): ReadonlyMap<string, number> {
  return new Map(
    definition.addedTokens
      .filter(({ content }) => spelled.test(content))
      .map(({ content, id }) => [content, id]),
  )
}

/**
 * The token of a language, by its name or the code within it: `en` for `__en__`.
 *
 * @throws UsageError where the tokenizer has none
 */
export function languageId(task: string, tokenizer: Tokenizer, option: string, language: string): number {
  const known = languagesOf(tokenizer)
  const id = known.get(language) ?? known.get(`__${language}__`)
  if (id !== undefined) return id
  const close = nearest(language, [...known.keys()])
  throw new UsageError({
    operation: task,
    expected:
      known.size === 0
        ? `no ${option}: the model has no tokens of languages`
        : `${option}, one of the model's ${known.size} languages`,
    found: `'${String(language).slice(0, 40)}'`,
    hint: close === undefined ? 'leave it out' : `did you mean '${close}'?`,
  })
}

/**
 * The ids of a source in another language: the token of a language at its beginning or end becomes this one;
 * where there is none, it stands in front.
 */
export function inLanguage(
  tokenizer: Tokenizer,
  ids: readonly number[],
  language: number,
): readonly number[] {
  const known = new Set(languagesOf(tokenizer).values())
  for (const at of [0, ids.length - 1])
    if (known.has(ids[at]!)) return ids.map((id, i) => (i === at ? language : id))
  return [language, ...ids]
}

/**
 * The mark that stands in front of a source for some translators, by its language: `>>it<<`. Undefined where
 * the tokenizer doesn't read it as a token.
 */
export function languageMark(tokenizer: Tokenizer, language: string): string | undefined {
  const mark = `>>${language}<<`
  const known = [mark, `▁${mark}`].map((token) => tokenizer.id(token))
  const { ids } = tokenizer.encode(mark, { addSpecial: false, padding: null, truncation: null })
  return known.some((id) => id !== undefined && ids.includes(id)) ? mark : undefined
}
