/** What a checkpoint calls its labels, and its mask. */
import type { LoadedEncoder, Running } from './load.js'

/** Names of a head's labels, by their numbers: `id2label`, else `LABEL_0`, `LABEL_1`, … */
export function labelNames({ stored }: Pick<Running<LoadedEncoder>, 'stored'>, count: number): string[] {
  const names = stored.config.member('id2label')
  return Array.from({ length: count }, (_, label) => {
    const name = names.isNull ? undefined : names.member(String(label)).value
    return typeof name === 'string' ? name : `LABEL_${label}`
  })
}

/** The token that stands for one that is to be found out; undefined where the tokenizer has none. */
export function maskToken({
  stored,
  tokenizer,
}: Running<LoadedEncoder>): { readonly id: number; readonly token: string } | undefined {
  const said = stored.json('tokenizer_config.json')?.member('mask_token')
  const named = said === undefined || said.isNull ? undefined : said.value
  const token =
    typeof named === 'string' ? named : named instanceof Map ? said!.member('content').string() : undefined
  for (const one of token === undefined ? ['[MASK]', '<mask>'] : [token]) {
    const id = tokenizer.id(one)
    if (id !== undefined) return { id, token: one }
  }
  return undefined
}
