import type { Component } from '../steps/component.js'
import { changed, ofSequence, type Part } from './part.js'
import type { PostProcessor } from './post-processor.js'
import { TokenEdges } from './token-edges.js'

/** Leaves white space at the ends of tokens out of their spans, where `trim_offsets` says so. */
export interface ByteLevelDefinition {
  readonly type: 'ByteLevel'
  readonly add_prefix_space: boolean
  readonly trim_offsets: boolean
  /** Of no account here. */
  readonly use_regex: boolean
}

export const byteLevel: Component<ByteLevelDefinition, PostProcessor> = {
  read: (value) => ({
    type: 'ByteLevel',
    add_prefix_space: value.member('add_prefix_space').boolean(),
    trim_offsets: value.member('trim_offsets').boolean(),
    use_regex: value.member('use_regex').boolean(true),
  }),

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
