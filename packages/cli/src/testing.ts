import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  createDecoder,
  decoderConfig,
  modelFiles,
  normalInitializer,
  randomKey,
  trainByteLevel,
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
