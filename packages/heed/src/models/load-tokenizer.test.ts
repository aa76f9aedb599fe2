import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { FormatError, randomKey } from '../base/index.js'
import { decoderLogits, loadDecoder, openCheckpoint, saveModel } from './index.js'
import { createDecoder, llama } from './decoder/index.js'
import { decoderConfigs, designOf } from './testing/decoders.js'
import { tensor } from '../tensor/index.js'

const tokenizerFile = new URL('../../../../models/first-light/tokenizer.json', import.meta.url)

interface TokenizerJson {
  readonly added_tokens: readonly { readonly id: number }[]
}

/** A folder with a small Llama of 8,192 tokens, and a tokenizer of those and more. */
async function folderWith(
  more: readonly { readonly special: boolean; readonly id: number }[],
): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'heed-tokenizer-'))
  const config = { ...decoderConfigs['llama']!, vocab_size: 8192 }
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config))
  const json = JSON.parse(readFileSync(tokenizerFile, 'utf8')) as TokenizerJson
  const added = more.map(({ id, special }) => ({
    ...json.added_tokens[0],
    id,
    special,
    content: `<extra ${id}>`,
  }))
  const own = { ...json, added_tokens: [...json.added_tokens, ...added] }
  writeFileSync(join(folder, 'tokenizer.json'), JSON.stringify(own))
  const stored = openCheckpoint(folder)
  const design = designOf(config)
  const model = createDecoder(design, randomKey(1))
  const tokenizer = stored.tokenizer()
  await saveModel(folder, { architecture: llama as never, config: design, model, stored, tokenizer })
  return folder
}

test('special tokens may lie beyond the vocabulary of the model; to run them is an error', async () => {
  const folder = await folderWith([{ special: true, id: 8192 }])
  try {
    const { tokenizer, model, config } = await loadDecoder(folder)
    expect(tokenizer.size).toBe(8193)
    const id = tokenizer.id('<extra 8192>')!
    expect(id).toBe(8192)
    const ids = tensor([1, id], { batch: 1, position: 2 }, { dtype: 'i32' })
    expect(() => decoderLogits(model, config, ids)).toThrow(/8192/)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('a plain token beyond the vocabulary belongs to another model', async () => {
  const folder = await folderWith([{ special: false, id: 8192 }])
  try {
    const loaded = await loadDecoder(folder)
    expect(() => loaded.tokenizer).toThrow(FormatError)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('a model without a tokenizer names its folder when it is asked for one', async () => {
  const folder = await folderWith([])
  try {
    rmSync(join(folder, 'tokenizer.json'))
    const loaded = await loadDecoder(folder)
    expect(() => loaded.tokenizer).toThrow(
      `a tokenizer beside the model in '${folder}', found none; add its tokenizer.json`,
    )
  } finally {
    rmSync(folder, { recursive: true })
  }
})
