import type { Part } from './part.js'

/** Adds special tokens to one text or two, and gives types and spans. */
export interface PostProcessor {
  /** How many tokens it adds. */
  added(isPair: boolean): number
  /** Parts in, parts out: they come one behind the other at the end. */
  process(parts: readonly Part[], addSpecial: boolean): readonly Part[]
}
