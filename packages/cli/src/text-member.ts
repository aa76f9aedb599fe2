/** Files with a JSON value on each line, by their names. */
export const linesFile: RegExp = /\.(jsonl|ndjson)$/i

/** The `text` of a line of a `.jsonl` file; undefined where it is no JSON, or has none. */
export function textMember(line: string): string | undefined {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    return undefined
  }
  const text = (value as { text?: unknown } | null)?.text
  return typeof text === 'string' ? text : undefined
}
