/** Tiny models that write, for tests: those of the reference, with a tokenizer of words. */
import { copyFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** A call, and the texts of each input. */
export interface RecordedCall {
  readonly options: Readonly<Record<string, unknown>>
  readonly texts: readonly (readonly string[])[]
}

/** A model, and what transformers wrote with it. */
export interface RecordedModel {
  readonly model: string
  readonly task?: 'summarization' | 'text2text-generation' | 'translation'
  readonly files: Readonly<Record<string, unknown>>
  readonly config?: Readonly<Record<string, unknown>>
  readonly calls: readonly RecordedCall[]
}

/** What `fixtures/writing.py` wrote. */
export const recordedWriting: {
  readonly prompts: readonly string[]
  readonly sources: readonly string[]
  readonly decoders: readonly RecordedModel[]
  readonly targets: readonly RecordedModel[]
} = JSON.parse(readFileSync(new URL('../fixtures/writing.json', import.meta.url), 'utf8')) as never

/** Makes the folder that the recorded texts were written with, of the reference's models. */
export function makeWritingFolder(
  models: string,
  folder: string,
  { model, files, config = {} }: RecordedModel,
  more: Readonly<Record<string, unknown>> = {},
): void {
  const from = join(models, model)
  for (const name of ['generation_config.json', 'model.safetensors'])
    if (existsSync(join(from, name))) copyFileSync(join(from, name), join(folder, name))
  const own = JSON.parse(readFileSync(join(from, 'config.json'), 'utf8')) as object
  for (const [name, content] of Object.entries({ ...files, 'config.json': { ...own, ...config }, ...more })) {
    rmSync(join(folder, name), { force: true })
    writeFileSync(join(folder, name), JSON.stringify(content))
  }
}
