import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  createDecoder,
  decoderConfig,
  type Design,
  modelFiles,
  normalInitializer,
  openCheckpoint,
  randomKey,
  readTensorBoardRecord,
  saveTokenizer,
  tensorBoardRecordLength,
  trainTokenizer,
  type Tokenizer,
  trainByteLevel,
  treeTensors,
  writeSafetensors,
  type LanguageModel,
} from 'heed'
import { run, type RunOptions } from './main.js'
import type { Environment } from './terminal.js'

/** Runs `heed` within a test: its exit status and what it wrote. */
export async function heed(
  args: readonly string[],
  environment: Environment = {},
  options: RunOptions & { readonly columns?: number; readonly isTTY?: boolean } = {},
): Promise<{ status: number; out: string; err: string }> {
  const written = { out: '', err: '' }
  const { columns, isTTY } = options
  const status = await run(args, {
    output: { write: (text) => (written.out += text), columns, isTTY },
    errorOutput: { write: (text) => (written.err += text), columns, isTTY },
    environment,
    ...options,
  })
  return { status, ...written }
}

/** A folder for one test file; `remove` takes it away. */
export function temporaryFolder(): { readonly path: string; readonly remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'heed-cli-'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

/**
 * The names and bytes of all files of a folder. Of TensorBoard's files it is what they say, without times.
 */
export function filesIn(folder: string): Record<string, string> {
  return Object.fromEntries(
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => statSync(join(folder, name)).isFile())
      .sort()
      .map((name) => {
        const bytes = readFileSync(join(folder, name))
        if (!name.includes('tfevents')) return [name, bytes.toString('latin1')]
        return [
          'events',
          eventsIn(bytes)
            .map((event) => JSON.stringify(event))
            .join('\n'),
        ]
      }),
  )
}

/** The events of one of TensorBoard's files, without times and speeds. */
export function eventsIn(bytes: Uint8Array): object[] {
  const events: object[] = []
  for (let at = 0; at < bytes.length; at += tensorBoardRecordLength(bytes.subarray(at))!) {
    const rest = bytes.subarray(at)
    const { step, scalars = {} } = readTensorBoardRecord(rest.subarray(0, tensorBoardRecordLength(rest)))!
    const numbers = Object.entries(scalars).filter(([tag]) => tag !== 'train/tokens a second')
    events.push({ step, ...Object.fromEntries(numbers) })
  }
  return events
}

/** A small decoder with weights from a seed, large enough that its filters are not all alike. */
export function tinyModel(): LanguageModel {
  const tokenizer = trainByteLevel(['The cat sat on the mat. The cat sat on the chair. '.repeat(4)], {
    vocabularySize: 280,
    special: ['<|endoftext|>'],
  })
  const config = decoderConfig({ vocabulary: tokenizer.size, context: 64, width: 32, layers: 2, heads: 4 })
  const initializer = normalInitializer(0.3)
  return { tokenizer, config, model: createDecoder(config, randomKey(5), { initializer }) }
}

/** Writes a model into a folder. */
export function writeModel(folder: string, language: LanguageModel = tinyModel()): void {
  for (const [name, bytes] of Object.entries(modelFiles(language))) writeFileSync(join(folder, name), bytes)
}

/** A small checkpoint in the hub's layout, with weights from a seed and a tokenizer. */
export function writeCheckpoint(
  folder: string,
  config: Readonly<Record<string, unknown>>,
  tokenizer: Tokenizer = tinyModel().tokenizer,
): void {
  const text = JSON.stringify({ vocab_size: tokenizer.size, ...config })
  writeFileSync(join(folder, 'config.json'), text)
  writeFileSync(join(folder, 'tokenizer.json'), saveTokenizer(tokenizer))
  const { architecture, design } = openCheckpoint(folder)
  const initializer = normalInitializer(0.3)
  const model = architecture!.create(design as Design, randomKey(5), { initializer })
  const tensors = treeTensors(model, architecture!.bindings(design as Design))
  writeFileSync(join(folder, 'model.safetensors'), writeSafetensors(tensors))
}

/** Configurations of small models, by family. */
export const tinyConfigs: Readonly<
  Record<'decoder' | 'encoder' | 'encoderDecoder', Readonly<Record<string, unknown>>>
> = {
  decoder: {
    model_type: 'llama',
    hidden_size: 32,
    intermediate_size: 48,
    num_hidden_layers: 2,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    rms_norm_eps: 1e-6,
    rope_theta: 10000,
    max_position_embeddings: 64,
    tie_word_embeddings: true,
    eos_token_id: 0,
  },
  encoder: {
    model_type: 'bert',
    architectures: ['BertModel'],
    hidden_size: 32,
    intermediate_size: 48,
    num_hidden_layers: 2,
    num_attention_heads: 4,
    max_position_embeddings: 64,
  },
  encoderDecoder: {
    model_type: 't5',
    d_model: 32,
    d_kv: 8,
    d_ff: 48,
    num_layers: 2,
    num_decoder_layers: 3,
    num_heads: 4,
    decoder_start_token_id: 0,
    pad_token_id: 0,
    eos_token_id: 0,
  },
}

/**
 * A small BERT with a head, as its configuration says, into a new folder: a tokenizer of word pieces, weights
 * from a seed.
 */
export async function writeReader(folder: string, config: Readonly<Record<string, unknown>>): Promise<void> {
  const sentences = [
    'The cat sat on the mat. A dog runs in the park, and children play football there.',
    'Paris is the capital of France. Who wrote the play? Nobody knows what it is about.',
  ]
  const tokenizer = await trainTokenizer(sentences, {
    model: 'WordPiece',
    vocabularySize: 150,
    special: ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'],
    normalizer: { type: 'Lowercase' },
    preTokenizer: { type: 'BertPreTokenizer' },
    postProcessor: { type: 'BertProcessing', cls: ['[CLS]', 2], sep: ['[SEP]', 3] },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
  })
  mkdirSync(folder, { recursive: true })
  writeCheckpoint(folder, { ...tinyConfigs.encoder, ...config }, tokenizer)
}
