/**
 * What a file may ask for. The largest tokenizers that were published have a third of each, or less.
 */
export const largestFile: number = 2 ** 27
export { largestId, mostMerges, mostTokens } from '../subword/index.js'
