import { UsageError } from '../base/index.js'
import { codePointAt, unitsBefore } from './byte-alphabet.js'
import { parsePattern, PatternError } from './pattern-syntax.js'
import type { PatternNode } from './pattern-syntax.js'

/**
 * GPT-2's words: contractions, letters, digits and other marks, each with a space before, and white space.
 */
export const gpt2Pattern: string =
  "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"

/** Goes on from a place in the text: the end of the whole match, or -1. */
type Step = (at: number) => number

/**
 * Steps per character of text before a pattern counts as too slow for it: characters that are compared,
 * alternatives and repeats that are given up. Tokenizers' own patterns take some ten.
 */
const stepsPerCharacter = 128
/** Of very long texts fewer: so many, and so many per character. */
const mostSteps = 2 ** 26
const leastStepsPerCharacter = 32
/** Parts of a pattern, those of a repeated group as often as it is. */
const mostParts = 2000

/**
 * A compiled regular expression, with first-match alternatives and greedy repeats as in Oniguruma. Unlike
 * JavaScript's own it counts its steps, holds no stack per character, and knows Unicode's white space and
 * `(?i:…)` on every engine. Lone surrogates read as U+FFFD.
 */
export class Pattern {
  readonly source: string
  readonly #first: Step
  #text = ''
  #end = 0
  readonly #stepsPerCharacter: number
  #steps = 0
  #parts = 0

  /**
   * @param patterns how many patterns share the time that a text may take
   * @throws PatternError where the source isn't understood, or matches nothing at all
   */
  constructor(source: string, patterns = 1) {
    this.source = source
    this.#stepsPerCharacter = Math.max(leastStepsPerCharacter, Math.ceil(stepsPerCharacter / patterns))
    const node = parsePattern(source)
    if (shortestMatch(node) === 0) {
      throw new PatternError({
        operation: 'Pattern',
        expected: 'a pattern whose every match has a character',
        found: `'${source.slice(0, 200)}'`,
        hint: 'replace * by + where the rest may be empty',
      })
    }
    this.#first = this.#compile(node, (at) => at)
  }

  /**
   * Cuts text[start, end) into matches and what lies between, in order, and hands over each as [start, end).
   * The text outside of it is not looked at.
   */
  split(
    text: string,
    start: number,
    end: number,
    found: (start: number, end: number, isMatch: boolean) => void,
  ): void {
    this.#text = text
    this.#end = end
    const length = end - start
    this.#steps = Math.min(
      4096 + this.#stepsPerCharacter * length,
      mostSteps + leastStepsPerCharacter * length,
    )
    let last = start
    for (let at = start; at < end;) {
      const stop = this.#first(at)
      if (stop < 0) {
        at += codePointAt(text, at, end) > 0xffff ? 2 : 1
        continue
      }
      if (last < at) found(last, at, false)
      found(at, stop, true)
      last = at = stop
    }
    if (last < end) found(last, end, false)
    this.#text = ''
  }

  #compile(node: PatternNode, next: Step): Step {
    if (++this.#parts > mostParts) {
      throw new PatternError({
        operation: 'Pattern',
        expected: `a pattern of up to ${mostParts} parts`,
        found: `more in '${this.source.slice(0, 200)}'`,
        hint: 'use classes for alternatives of one character, and repeat groups less often',
      })
    }
    switch (node.kind) {
      case 'class': {
        const { characters, unit } = node
        if (unit !== undefined)
          return (at) => {
            if (at >= this.#end || this.#text.charCodeAt(at) !== unit) return -1
            this.#spend(at, 1)
            return next(at + 1)
          }
        return (at) => {
          if (at >= this.#end) return -1
          const point = codePointAt(this.#text, at, this.#end)
          if (!characters.has(point)) return -1
          this.#spend(at, 1)
          return next(at + (point > 0xffff ? 2 : 1))
        }
      }
      case 'sequence':
        return node.items.reduceRight((rest, item) => this.#compile(item, rest), next)
      case 'choice': {
        const steps = node.items.map((item) => this.#compile(item, next))
        return (at) => {
          for (const step of steps) {
            const stop = step(at)
            if (stop >= 0) return stop
            this.#spend(at, 1)
          }
          return -1
        }
      }
      case 'look': {
        const inside = this.#compile(node.item, (at) => at)
        return (at) => {
          this.#spend(at, 1)
          return inside(at) >= 0 === node.negated ? -1 : next(at)
        }
      }
      case 'repeat':
        return this.#compileRepeat(node, next)
    }
  }

  #compileRepeat(node: PatternNode & { kind: 'repeat' }, next: Step): Step {
    const { item, minimum, maximum, possessive } = node
    if (item.kind !== 'class') {
      // A group, a few times: unrolled, the optional ones inside of each other.
      if (possessive) {
        const all = this.#compileRepeat({ ...node, possessive: false }, (at) => at)
        return (at) => {
          const stop = all(at)
          return stop < 0 ? -1 : next(stop)
        }
      }
      let step = next
      for (let count = maximum; count > minimum; count--) {
        const once = this.#compile(item, step)
        step = (at) => {
          this.#spend(at, 1)
          const stop = once(at)
          return stop < 0 ? next(at) : stop
        }
      }
      for (let count = 0; count < minimum; count++) step = this.#compile(item, step)
      return step
    }
    const { characters } = item
    return (start) => {
      let at = start
      let count = 0
      while (at < this.#end && count < maximum) {
        const point = codePointAt(this.#text, at, this.#end)
        if (!characters.has(point)) break
        at += point > 0xffff ? 2 : 1
        count++
      }
      this.#spend(start, count)
      if (possessive) return count < minimum ? -1 : next(at)
      for (; count >= minimum; count--) {
        const stop = next(at)
        if (stop >= 0) return stop
        if (count === 0) break
        this.#spend(start, 1)
        at -= unitsBefore(this.#text, at, start)
      }
      return -1
    }
  }

  #spend(at: number, steps: number): void {
    this.#steps -= steps
    if (this.#steps >= 0) return
    throw new UsageError({
      operation: 'Pattern.split',
      expected: `a pattern that takes at most ${this.#stepsPerCharacter} steps a character`,
      found: `more at ${at} of a text of ${this.#end} for '${this.source.slice(0, 200)}'`,
      hint: 'split the text before, or use a pattern whose repeats do not overlap',
    })
  }
}

/** The fewest characters a match can have. */
function shortestMatch(node: PatternNode): number {
  switch (node.kind) {
    case 'class':
      return 1
    case 'look':
      return 0
    case 'sequence':
      return node.items.reduce((sum, item) => sum + shortestMatch(item), 0)
    case 'choice':
      return Math.min(...node.items.map(shortestMatch))
    case 'repeat':
      return node.minimum * shortestMatch(node.item)
  }
}
