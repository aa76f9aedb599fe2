/** Tiny models with random weights in the hub's layout, each with a tokenizer, for the tests of tasks. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { randomKey } from '../../base/index.js'
import { treeTensors } from '../../checkpoint/index.js'
import { writeSafetensors } from '../../formats/index.js'
import { type Design, openCheckpoint } from '../../models/index.js'
import { normalInitializer } from '../../nn/index.js'
import { saveTokenizer, trainTokenizer } from '../../text/index.js'

const corpus = [
  'The cat sat on the mat. A dog runs in the park, and children play football there.',
  'Paris is the capital of France. Who wrote the play? Nobody knows what it is about.',
]

/**
 * Writes a checkpoint into a folder: a tokenizer of WordPiece, weights from a seed, and this configuration
 * beside sizes.
 */
export async function writeTiny(
  folder: string,
  config: Readonly<Record<string, unknown>>,
  seed = 5,
): Promise<void> {
  const tokenizer = await trainTokenizer(corpus, {
    model: 'WordPiece',
    vocabularySize: 150,
    special: ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'],
    normalizer: { type: 'Lowercase' },
    preTokenizer: { type: 'BertPreTokenizer' },
    postProcessor: { type: 'BertProcessing', cls: ['[CLS]', 2], sep: ['[SEP]', 3] },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
  })
  writeFileSync(join(folder, 'tokenizer.json'), saveTokenizer(tokenizer))
  const json = {
    model_type: 'bert',
    vocab_size: tokenizer.size,
    hidden_size: 16,
    num_hidden_layers: 2,
    num_attention_heads: 2,
    intermediate_size: 24,
    max_position_embeddings: 64,
    ...config,
  }
  writeFileSync(join(folder, 'config.json'), JSON.stringify(json))
  const { architecture, design } = openCheckpoint(folder)
  const initializer = normalInitializer(0.3)
  const model = architecture!.create(design as Design, randomKey(seed), { initializer })
  const tensors = treeTensors(model, architecture!.bindings(design as Design))
  writeFileSync(join(folder, 'model.safetensors'), writeSafetensors(tensors))
}

/** A folder for one test file; `remove` takes it away. */
export function temporaryFolder(): { readonly path: string; readonly remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'heed-tasks-'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}
