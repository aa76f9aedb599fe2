const contractions: readonly (readonly [spaced: string, clean: string])[] = [
  [' .', '.'],
  [' ?', '?'],
  [' !', '!'],
  [' ,', ','],
  [" ' ", "'"],
  [" n't", "n't"],
  [" 'm", "'m"],
  [' do not', " don't"],
  [" 's", "'s"],
  [" 've", "'ve"],
  [" 're", "'re"],
]

/**
 * A token without the spaces that English has none of: before marks and contractions.
 * Source: `clean_up_tokenization` of the package transformers.
 */
export function cleanedUp(token: string): string {
  let clean = token
  for (const [spaced, replacement] of contractions)
    if (clean.includes(spaced)) clean = clean.replaceAll(spaced, replacement)
  return clean
}
