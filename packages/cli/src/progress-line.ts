import { countText, durationText } from './format.js'
import { isLive, stringWidth, widthOf, type Environment, type Output } from './terminal.js'

const longestBar = 30
const shortestBar = 8
/** Milliseconds before it is drawn at all, and between two drawings. */
const patience = 700
const drawEvery = 100

/**
 * The bar of `share` (0 to 1) with as many facts as fit into `width` columns, the first before the others.
 */
export function shareLine(share: number, facts: readonly string[], width: number): string {
  const part = Math.max(0, Math.min(1, share))
  const percent = `${Math.floor(100 * part)}%`.padStart(4)
  let text = ''
  for (const fact of facts) {
    const longer = `${text}  ${fact}`
    if (shortestBar + percent.length + stringWidth(longer) > width) break
    text = longer
  }
  const length = Math.max(0, Math.min(longestBar, width - percent.length - stringWidth(text)))
  const filled = Math.round(length * part)
  return `${'█'.repeat(filled)}${'░'.repeat(length - filled)}${percent}${text}`.slice(0, Math.max(0, width))
}

/**
 * A bar for work whose size is known. It is drawn on a terminal alone, and only when the work takes longer
 * than a moment.
 */
export class ProgressLine {
  readonly #output: Output
  readonly #environment: Environment
  readonly #clock: () => number
  readonly #start: number
  #last: number
  #isDrawn = false

  constructor(output: Output, environment: Environment, clock: () => number = () => performance.now()) {
    this.#output = output
    this.#environment = environment
    this.#clock = clock
    this.#start = clock()
    this.#last = this.#start + patience - drawEvery
  }

  /** @param done of `total`, in `unit` */
  update(name: string, done: number, total: number, unit: string): void {
    const now = this.#clock()
    if (now - this.#last < drawEvery || !isLive(this.#output, this.#environment)) return
    this.#last = now
    const share = total > 0 ? done / total : 0
    const left =
      share > 0 ? [`${durationText((((now - this.#start) / 1000) * (1 - share)) / share)} left`] : []
    const facts = [name, ...left, `${countText(done)} of ${countText(total)} ${unit}`]
    const width = widthOf(this.#output, this.#environment) - 1
    this.#output.write(`\r${shareLine(share, facts, width)}\u001b[K`)
    this.#isDrawn = true
  }

  /** Takes the bar away. */
  end(): void {
    if (this.#isDrawn) this.#output.write('\r\u001b[K')
    this.#isDrawn = false
  }
}
