/** What a command writes to a terminal with, without the page and the library. */
export { escaped, jsonText } from './escape.js'
export {
  guarded,
  hasColor,
  isLive,
  styled,
  textStream,
  widthOf,
  type Environment,
  type Output,
  type Style,
  type TextStream,
} from './output.js'
export { clipped, padded, stringWidth, wrapped } from './text-width.js'
