import { escaped } from './escape.js'

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
  if (environment.FORCE_COLOR) return !['0', 'false'].includes(environment.FORCE_COLOR)
  return isLive(output, environment)
}

/** Whether `output` is a terminal in which a line can be drawn again. */
export function isLive(output: Output, environment: Environment): boolean {
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

/** Colours and styles, and what draws a line again: the only codes that a command sends. */
const COLOUR = '\\u001b\\[[\\d;]*m'
const REDRAWING = '\\r|\\u001b\\[K'

/** Text of several lines as it may be shown; a tab is four spaces. */
function lines(text: string, before?: string): string {
  return escaped(text.replaceAll('\t', '    '), '\n', before)
}

/**
 * An output to which nothing goes that acts on a terminal, whatever is written: line ends and the codes that
 * a command may send there (colours where colour shows, the drawing of a line again on a terminal) pass, all
 * else is {@link escaped}. Text that others wrote is escaped before it is put between codes; this holds where
 * that was forgotten.
 */
export function guarded(output: Output, environment: Environment): Output {
  const own = [
    ...(hasColor(output, environment) ? [COLOUR] : []),
    ...(isLive(output, environment) ? [REDRAWING] : []),
  ]
  const codesOf = own.length === 0 ? undefined : new RegExp(`(${own.join('|')})`)
  return {
    get isTTY() {
      return output.isTTY
    },
    get columns() {
      return output.columns
    },
    write(text) {
      const parts = codesOf === undefined ? [text] : text.split(codesOf)
      return output.write(parts.map((part, i) => (i % 2 === 1 ? part : lines(part))).join(''))
    },
  }
}

/** Text that is itself the result, as it comes. */
export interface TextStream {
  write(piece: string, style?: Style): void
  /** Writes what was held back. */
  end(): void
}

/**
 * Streams text out that others wrote: to a file or a pipe as it is, to a terminal {@link escaped}, lines
 * kept. A joiner waits for what it joins.
 *
 * @param output not guarded
 */
export function textStream(output: Output, environment: Environment): TextStream {
  let held = ''
  let last = ''
  const write = (text: string, style?: Style): void => {
    if (text === '') return
    const shown = output.isTTY === true ? lines(text, last) : text
    last = [...text].at(-1)!
    output.write(style === undefined ? shown : styled(output, style, shown, environment))
  }
  return {
    write(piece, style) {
      const text = held + piece
      held = output.isTTY === true ? (/[\u200c\u200d]$/.exec(text)?.[0] ?? '') : ''
      write(text.slice(0, text.length - held.length), style)
    },
    end() {
      write(held)
      held = ''
    },
  }
}
