import { countText, durationText } from '../format.js'
import { shareLine } from '../progress-line.js'
import { clipped, escaped, isLive, styled, widthOf, type Environment, type Output } from '../terminal.js'

/** How far a run is. */
export interface Moment {
  readonly step: number
  readonly steps: number
  /** Mean of the last steps. */
  readonly loss: number
  readonly validation?: number | undefined
  readonly tokensPerSecond: number
  readonly secondsLeft: number
}

/** Between two drawings of the bar, and between two lines where there is no terminal, in milliseconds. */
const drawEvery = 100
const lineEvery = 10_000

/** The facts of a moment, the most important first. */
function facts({ step, steps, loss, validation, tokensPerSecond, secondsLeft }: Moment): string[] {
  return [
    `step ${countText(step)}/${countText(steps)}`,
    `loss ${loss.toFixed(3)}`,
    `${durationText(secondsLeft)} left`,
    `${countText(Math.round(tokensPerSecond))} tokens/s`,
    ...(validation === undefined ? [] : [`validation ${validation.toFixed(3)}`]),
  ]
}

/** The bar with as many facts as fit into `width` columns. */
export function barLine(moment: Moment, width: number): string {
  return shareLine(moment.step / moment.steps, facts(moment), width)
}

/**
 * Tells how a run goes: a bar that is drawn again and again on a terminal, else a line now and then. Times
 * come from `clock`, in milliseconds.
 */
export class Progress {
  readonly #output: Output
  readonly #environment: Environment
  readonly #live: boolean
  readonly #clock: () => number
  #last = -Infinity
  #moment: Moment | undefined
  #drawn = false

  constructor(output: Output, environment: Environment, clock: () => number = () => performance.now()) {
    this.#output = output
    this.#environment = environment
    this.#live = isLive(output, environment)
    this.#clock = clock
  }

  update(moment: Moment): void {
    this.#moment = moment
    const elapsed = this.#clock() - this.#last
    const due = elapsed >= (this.#live ? drawEvery : lineEvery) || moment.step >= moment.steps
    if (!due) return
    this.#last = this.#clock()
    if (this.#live) this.#draw()
    else this.#output.write(`${facts(moment).join('  ')}\n`)
  }

  /** A line of its own; on a terminal above the bar. */
  note(text: string): void {
    this.#clear()
    this.#output.write(`${escaped(text)}\n`)
    if (this.#live && this.#moment !== undefined) this.#draw()
  }

  /** What is done before there are steps: on a terminal a line that goes away, else nothing. */
  stage(text: string): void {
    if (!this.#live) return
    const width = widthOf(this.#output, this.#environment) - 1
    this.#output.write(
      `\r${styled(this.#output, 'dim', clipped(escaped(text), width), this.#environment)}\u001b[K`,
    )
    this.#drawn = true
  }

  /** Takes the bar away. */
  end(): void {
    this.#clear()
    this.#moment = undefined
  }

  #draw(): void {
    this.#output.write(`\r${barLine(this.#moment!, widthOf(this.#output, this.#environment) - 1)}\u001b[K`)
    this.#drawn = true
  }

  #clear(): void {
    if (this.#drawn) this.#output.write('\r\u001b[K')
    this.#drawn = false
  }
}
