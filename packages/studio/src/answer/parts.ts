/** What a task gave, in parts that the terminal and the page draw alike. */
export type AnswerPart = TextPart | BarsPart | WeightsPart | MapPart | PicturePart | HeatPart

/** A picture's pixels. */
export interface PicturePixels {
  readonly height: number
  readonly width: number
  /** Height, width, channel (red, green, blue), row by row. */
  readonly levels: Uint8Array
}

/** A picture. The terminal shows it small, where it has 24-bit colour. */
export interface PicturePart {
  readonly kind: 'picture'
  readonly name?: string
  readonly picture: PicturePixels
}

/** How much each word has to do with each patch of a picture. */
export interface HeatPart {
  readonly kind: 'heat'
  readonly name: string
  readonly picture: PicturePixels
  /** Of patches, the uppermost row first. */
  readonly rows: number
  readonly columns: number
  /** Height and width of a patch, in pixels. */
  readonly patch: number
  /** Each word's weights, row by row: rows × columns. */
  readonly words: readonly { readonly text: string; readonly weights: readonly number[] }[]
}

/** A text, some of it marked. */
export interface TextPart {
  readonly kind: 'text'
  /** What stands over it: `question`. */
  readonly name?: string
  readonly text: string
  readonly marks?: readonly Mark[]
}

/** A marked part of a text. */
export interface Mark {
  /** [start, end) in UTF-16 units. */
  readonly start: number
  readonly end: number
  /** What stands behind it: an entity's label. Marks of one label have one colour. */
  readonly label?: string
}

/** Names or texts, each with a score. */
export interface BarsPart {
  readonly kind: 'bars'
  readonly name?: string
  readonly rows: readonly BarRow[]
}

/** A row of bars: what it is called, and a share from 0 to 1. */
export interface BarRow {
  readonly text: string
  readonly score: number
}

/** The tokens of a text, and how much of something each has. */
export interface WeightsPart {
  readonly kind: 'weights'
  readonly name: string
  readonly tokens: readonly string[]
  readonly weights: readonly number[]
}

/** How much each row has to do with each column: 0 to 1. */
export interface MapPart {
  readonly kind: 'map'
  readonly name: string
  readonly rows: readonly string[]
  readonly columns: readonly string[]
  readonly weights: readonly (readonly number[])[]
}

/** A stretch of a text that is marked, or isn't. */
export interface Stretch {
  readonly text: string
  readonly mark?: Mark
}

/** Units of a text that are shown around what is marked. */
const around = 240

/**
 * A text as stretches. Of a long one, what lies far from every mark is left out, and `…` stands there.
 *
 * @param marks in any order; of two that overlap the earlier is kept
 */
export function stretchesOf(text: string, marks: readonly Mark[], most: number = Infinity): Stretch[] {
  const sorted = [...marks]
    .filter(({ start, end }) => start >= 0 && end <= text.length && start < end)
    .sort((one, other) => one.start - other.start)
  const shortened = text.length > most
  const stretches: Stretch[] = []
  let at = 0
  const plain = (end: number, isLast: boolean): void => {
    const between = text.slice(at, end)
    const left = at === 0 ? 0 : around
    const right = isLast ? (stretches.length === 0 ? most : around) : around
    if (!shortened || between.length <= left + right) {
      if (between !== '') stretches.push({ text: between })
      return
    }
    const [head, tail] = [
      between.slice(0, isLast && stretches.length === 0 ? right : left),
      isLast ? '' : between.slice(-right),
    ]
    stretches.push({ text: `${wholeStart(head)}…${wholeEnd(tail)}` })
  }
  for (const mark of sorted) {
    if (mark.start < at) continue
    plain(mark.start, false)
    stretches.push({ text: text.slice(mark.start, mark.end), mark })
    at = mark.end
  }
  plain(text.length, true)
  return stretches
}

/** Without half of a character at its end, or beginning. */
const wholeStart = (text: string): string => text.replace(/[\ud800-\udbff]$/, '')
const wholeEnd = (text: string): string => text.replace(/^[\udc00-\udfff]/, '')

/** A colour's number for each label, in the order in which they come. */
export function labelColours(marks: readonly Mark[]): ReadonlyMap<string | undefined, number> {
  const colours = new Map<string | undefined, number>()
  for (const { label } of marks) if (!colours.has(label)) colours.set(label, colours.size)
  return colours
}

/** A score as people read it. */
export function scoreText(score: number): string {
  return Math.abs(score) >= 1000 ? score.toPrecision(4) : score.toFixed(3)
}
