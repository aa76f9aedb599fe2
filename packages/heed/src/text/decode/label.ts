import { bytesOfToken } from '../byte-alphabet.js'
import { byteOfFallback } from './byte-fallback.js'
import { createDecoder, type DecoderDefinition } from './decoder.js'
import { replaced } from './step.js'
import { characterAt, characterLength } from './utf-8.js'

/**
 * A byte that is part of no whole character stands as the lone surrogate U+DC00 + byte (Python's PEP 383,
 * "surrogateescape").
 */
const strayByte = 0xdc00

/**
 * Builds what names single tokens in pictures: the text of a token as in the midst of others. What marks that
 * a token goes on with a word is left out; what stands for a space is a space.
 *
 * A token's bytes may be no whole character. Each such byte stands as a lone surrogate, U+DC80 to U+DCFF, so
 * that nothing is lost. Pictures of `@heed/studio` show it as `E6`. A token whose text is empty stands as the
 * vocabulary spells it.
 *
 * Added tokens aren't decoded so: they are named by what they are.
 */
export function createTokenLabel(definition: DecoderDefinition | null): (token: string) => string {
  const label = definition === null ? (token: string): string => token : labelOf(definition)
  return (token) => label(token) || token
}

function labelOf(definition: DecoderDefinition): (token: string) => string {
  switch (definition.type) {
    case 'Sequence': {
      const labels = definition.decoders.map(labelOf)
      return (token) => labels.reduce((text, label) => label(text), token)
    }
    case 'WordPiece': {
      const { prefix } = definition
      return (token) => (token.startsWith(prefix) ? token.slice(prefix.length) : token)
    }
    case 'Metaspace':
      return (token) => replaced(token, definition.replacement, ' ')
    case 'BPEDecoder':
      return definition.suffix === '' ? itself : (token) => replaced(token, definition.suffix, ' ')
    case 'CTC': {
      const { word_delimiter_token: delimiter, cleanup } = definition
      return cleanup && delimiter !== '' ? (token) => replaced(token, delimiter, ' ') : itself
    }
    case 'ByteLevel':
      return (token) => withStrayBytes(bytesOfToken(token))
    case 'ByteFallback':
      return ofByte
    case 'Verbatim': {
      const ownTokens = new Set(definition.tokens)
      const label = labelOf(definition.decoder)
      return (token) => (ownTokens.has(token) ? token : label(token))
    }
    case 'SentencePiece': {
      const { byte_fallback, verbatim } = definition
      const ownTokens = new Set(verbatim)
      return (token) => {
        if (ownTokens.has(token)) return token
        const text = byte_fallback ? ofByte(token) : token
        return text === token ? replaced(token, '▁', ' ') : text
      }
    }
    case 'Replace': {
      const decode = createDecoder(definition)
      return (token) => decode([token])
    }
    case 'Fuse':
    case 'Strip':
      return itself
  }
}

/** The byte that `<0xE6>` names. */
function ofByte(token: string): string {
  const byte = byteOfFallback(token)
  return byte < 0 ? token : String.fromCharCode(byte < 0x80 ? byte : strayByte + byte)
}

function itself(token: string): string {
  return token
}

function withStrayBytes(bytes: Uint8Array): string {
  let text = ''
  for (let at = 0; at < bytes.length;) {
    const length = characterLength(bytes, at)
    text += length === 0 ? String.fromCharCode(strayByte + bytes[at]!) : characterAt(bytes, at, length)
    at += length || 1
  }
  return text
}
