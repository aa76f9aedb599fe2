/** Cleaning that every source shares: one way to write a space, a quotation mark, a dash. */

/**
 * Zero-width characters, soft hyphens, byte-order marks, object and replacement characters, control
 * characters.
 */
const invisible =
  /[\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff\ufffc\ufffd\u0000-\u0008\u000b-\u001f\u007f-\u009f]/gu

/**
 * Text on one line: canonical composition, plain spaces, straight quotation marks, no invisible characters,
 * no space before a closing or after an opening mark.
 */
export function cleanLine(text: string): string {
  return text
    .normalize('NFC')
    .replace(/[\r\n\t\u00a0\u2000-\u200a\u202f\u205f\u3000]+/gu, ' ')
    .replace(invisible, '')
    .replace(/[‘’‚‛]/gu, "'")
    .replace(/[“”„‟]/gu, '"')
    .replace(/…/gu, '...')
    .replace(/ﬁ/gu, 'fi')
    .replace(/ﬂ/gu, 'fl')
    .replace(/ {2,}/g, ' ')
    .replace(/(?<=[\p{L}\p{N})"'\]]) +([,.;:!?])(?=\s|$)/gu, '$1')
    .replace(/([([]) +(?=[\p{L}\p{N}])/gu, '$1')
    .replace(/(?<=[\p{L}\p{N}.]) +([)\]])/gu, '$1')
    .trim()
}

/** Share of the characters that are letters, spaces or the marks of ordinary prose. */
export function proseShare(text: string): number {
  if (text.length === 0) return 0
  const prose = text.match(/[\p{L}\p{M} .,;:'"()-]/gu)
  return (prose?.length ?? 0) / text.length
}

/** Lower-case words of a text, every number written as 0: what near-duplicates are compared by. */
export function words(text: string): string[] {
  return (
    text
      .toLowerCase()
      .replace(/\p{N}+/gu, '0')
      .match(/[\p{L}\p{M}0]+/gu) ?? []
  )
}
