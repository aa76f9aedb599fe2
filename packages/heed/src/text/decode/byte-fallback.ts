import type { Component } from '../steps/component.js'
import type { DecodeStep } from './step.js'
import { textOf } from './utf-8.js'

/** `<0xE6>` as a byte: a run of such tokens is UTF-8, or, where it isn't, one U+FFFD for each byte. */
export interface ByteFallbackDefinition {
  readonly type: 'ByteFallback'
}

export const byteFallback: Component<ByteFallbackDefinition, DecodeStep> = {
  read: () => ({ type: 'ByteFallback' }),
  create: () => (tokens) => {
    const written: string[] = []
    let run: number[] = []
    for (let i = 0; i <= tokens.length; i++) {
      const byte = i === tokens.length ? -1 : byteOfFallback(tokens[i]!)
      if (byte >= 0) run.push(byte)
      else {
        if (run.length > 0) {
          const text = textOf(run)
          if (text !== undefined) written.push(text)
          else for (let count = 0; count < run.length; count++) written.push('\ufffd')
          run = []
        }
        if (i < tokens.length) written.push(tokens[i]!)
      }
    }
    return written
  },
}

/**
 * The byte that a token such as `<0xE6>` names; -1 for any other token. A digit may be a plus sign before.
 */
export function byteOfFallback(token: string): number {
  if (token.length !== 6 || !token.startsWith('<0x') || !token.endsWith('>')) return -1
  const high = token.charCodeAt(3) === 0x2b ? 0 : hexDigit(token.charCodeAt(3))
  const low = hexDigit(token.charCodeAt(4))
  return high < 0 || low < 0 ? -1 : 16 * high + low
}

function hexDigit(unit: number): number {
  if (unit >= 0x30 && unit <= 0x39) return unit - 0x30
  const letter = unit | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1
}
