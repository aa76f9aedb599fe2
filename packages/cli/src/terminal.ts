/** Where a command writes: a stream such as `process.stdout`, or a stand-in for one. */
export interface Output {
  write(text: string): unknown
  readonly isTTY?: boolean | undefined
  /** Width of the terminal in characters. */
  readonly columns?: number | undefined
}

export type Environment = Readonly<Record<string, string | undefined>>

/**
 * Whether to send colour and cursor codes to `output`.
 * NO_COLOR (https://no-color.org) forbids them, FORCE_COLOR demands them; else a terminal gets them.
 */
export function hasColor(output: Output, environment: Environment = process.env): boolean {
  if (environment.NO_COLOR) return false
  if (environment.FORCE_COLOR) return environment.FORCE_COLOR !== '0'
  return output.isTTY === true && environment.TERM !== 'dumb'
}

/** Width of the terminal in characters; where there is none, what COLUMNS says, else 80. */
export function widthOf(output: Output, environment: Environment = process.env): number {
  const columns = Number(environment.COLUMNS)
  return output.columns || (Number.isInteger(columns) && columns > 0 ? Math.min(columns, 1000) : 80)
}

const codes = {
  bold: ['\u001b[1m', '\u001b[22m'],
  dim: ['\u001b[2m', '\u001b[22m'],
  red: ['\u001b[31m', '\u001b[39m'],
  green: ['\u001b[32m', '\u001b[39m'],
  yellow: ['\u001b[33m', '\u001b[39m'],
  cyan: ['\u001b[36m', '\u001b[39m'],
} as const

export type Style = keyof typeof codes

/** `text` in the given style where `output` shows it, else `text` as it is. */
export function styled(
  output: Output,
  style: Style,
  text: string,
  environment: Environment = process.env,
): string {
  const [start, end] = codes[style]
  return hasColor(output, environment) ? start + text + end : text
}
