import type { Component } from '../steps/component.js'
import { type MetaspaceDefinition, readMetaspace } from '../steps/metaspace.js'
import { startOf } from '../steps/normalized-text.js'
import { Bounds, type Pieces, type Splitter } from '../steps/pieces.js'
import { Rewriter, withUnitReplaced } from '../steps/rewriter.js'
import { withPrefix } from './prefix.js'
import { spelledOut } from './spelled-out.js'

export const metaspace: Component<MetaspaceDefinition, Splitter> = {
  read: readMetaspace,
  create({ replacement, prepend_scheme: scheme, split }) {
    return (input) => {
      const shown = spacesReplaced(spelledOut(input), replacement)
      const pieces = scheme === 'never' ? shown : prefixed(shown, replacement, scheme === 'first')
      return split ? { ...pieces, bounds: cutBefore(pieces, replacement) } : pieces
    }
  },
}

function spacesReplaced(pieces: Pieces, replacement: string): Pieces {
  const { text, bounds } = pieces
  // One code unit for one: nothing moves. What lies between pieces is in none whatever it is.
  if (replacement.length === 1)
    return { ...pieces, text: withUnitReplaced(text, 0x20, replacement.charCodeAt(0)) }
  const rewriter = new Rewriter(pieces)
  const cut = new Int32Array(bounds.length)
  let shift = 0
  let kept = 0
  for (let i = 0; i < bounds.length; i += 2) {
    cut[i] = bounds[i]! + shift
    for (let at = bounds[i]!; at < bounds[i + 1]!; at++) {
      if (text.charCodeAt(at) !== 0x20) continue
      rewriter.keep(kept, at)
      rewriter.put(replacement, at, at + 1)
      kept = at + 1
      shift += replacement.length - 1
    }
    cut[i + 1] = bounds[i + 1]! + shift
  }
  rewriter.keep(kept, text.length)
  return { ...rewriter.finish(), bounds: cut, spelling: 'characters' }
}

function prefixed(pieces: Pieces, replacement: string, onlyFirst: boolean): Pieces {
  const { text, bounds } = pieces
  const isPrefixed = new Uint8Array(bounds.length / 2)
  const sought = replacement.codePointAt(0)
  for (let i = 0; i < bounds.length; i += 2) {
    if (onlyFirst && startOf(pieces, bounds[i]!) !== 0) continue
    if (text.codePointAt(bounds[i]!) !== sought) isPrefixed[i >> 1] = 1
  }
  return withPrefix(pieces, replacement, isPrefixed)
}

/** Cuts each piece in front of every one of a character. */
function cutBefore({ text, bounds }: Pieces, character: string): Int32Array {
  const found = new Bounds(16 + (text.length >> 2))
  let next = -1
  for (let i = 0; i < bounds.length; i += 2) {
    let start = bounds[i]!
    const end = bounds[i + 1]!
    for (;;) {
      if (next <= start) {
        next = text.indexOf(character, start + 1)
        if (next < 0) next = text.length
      }
      if (next >= end) break
      found.push(start, next)
      start = next
    }
    found.push(start, end)
  }
  return found.take()
}
