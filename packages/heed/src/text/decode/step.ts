/** A step of decoding: tokens become others, or parts of the text. */
export type DecodeStep = (tokens: readonly string[]) => readonly string[]

/** Replaces every one of a text in another; an empty one is found before each character and at the end. */
export function replaced(text: string, sought: string, content: string): string {
  if (sought !== '') return text.split(sought).join(content)
  return content + Array.from(text, (character) => character + content).join('')
}
