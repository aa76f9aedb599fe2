import { type ByteLevelDefinition, readByteLevel } from '../steps/byte-level.js'
import type { Component } from '../steps/component.js'
import { changed, ofSequence, type Part } from './part.js'
import type { PostProcessor } from './post-processor.js'
import { TokenEdges } from './token-edges.js'

/** Leaves white space at the ends of tokens out of their spans, where `trim_offsets` says so. */
export const byteLevel: Component<ByteLevelDefinition, PostProcessor> = {
  read: readByteLevel,

  create({ add_prefix_space, trim_offsets }) {
    const trim = trim_offsets ? trimmer(add_prefix_space) : (part: Part) => part
    return {
      added: () => 0,
      process: (parts) => parts.map((part, i) => ofSequence(trim(part), i)),
    }
  },
}

/** Trims the spans of parts and of their windows. */
export function trimmer(addPrefixSpace: boolean): (part: Part) => Part {
  const edges = new TokenEdges()
  const trim = (part: Part): Part => {
    let before = 0
    const runs = part.runs.map((run) => {
      const trims = [...run.trims, { edges, addPrefixSpace, before }]
      before += run.length
      return { ...run, trims }
    })
    return { ...part, runs }
  }
  return (part) => changed(part, trim)
}
