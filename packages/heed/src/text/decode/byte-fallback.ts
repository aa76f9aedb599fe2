import type { Component } from '../steps/component.js'
import type { DecodeStep } from './step.js'

/** `<0xE6>` as a byte: a run of such tokens is UTF-8, or, where it isn't, one U+FFFD for each byte. */
export interface ByteFallbackDefinition {
  readonly type: 'ByteFallback'
}

export const byteFallback: Component<ByteFallbackDefinition, DecodeStep> = {
  read: () => ({ type: 'ByteFallback' }),
  create: () => (tokens) => {
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
    const written: string[] = []
    let run: number[] = []
    const flush = (): void => {
      if (run.length === 0) return
      try {
        written.push(decoder.decode(Uint8Array.from(run)))
      } catch {
        for (let i = 0; i < run.length; i++) written.push('\ufffd')
      }
      run = []
    }
    for (const token of tokens) {
      const byte = byteOfFallback(token)
      if (byte >= 0) run.push(byte)
      else {
        flush()
        written.push(token)
      }
    }
    flush()
    return written
  },
}

/**
 * The byte that a token such as `<0xE6>` names; -1 for any other token. A digit may be a plus sign before.
 */
export function byteOfFallback(token: string): number {
  if (token.length !== 6 || !token.startsWith('<0x')) return -1
  const [, digits] = /^<0x([\da-fA-F+][\da-fA-F])>$/.exec(token) ?? []
  return digits === undefined ? -1 : Number.parseInt(digits.replace('+', '0'), 16)
}
