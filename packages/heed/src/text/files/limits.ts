/**
 * What a file may ask for. The largest tokenizers that were published have a third of each, or less.
 */
export const largestFile: number = 2 ** 27
export const mostTokens: number = 3 * 2 ** 18
export const mostMerges: number = 3 * 2 ** 18
export const largestId: number = 2 ** 31 - 2
