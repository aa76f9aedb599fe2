import type { Component } from '../steps/component.js'
import { type MetaspaceDefinition, readMetaspace } from '../steps/metaspace.js'
import { type DecodeStep, replaced } from './step.js'

/** Spaces again; in the first token they are left out where the pre-tokenizer may have put one there. */
export const metaspace: Component<MetaspaceDefinition, DecodeStep> = {
  read: readMetaspace,
  create:
    ({ replacement, prepend_scheme: scheme }) =>
    (tokens) =>
      tokens.map((token, i) => replaced(token, replacement, i === 0 && scheme !== 'never' ? '' : ' ')),
}
