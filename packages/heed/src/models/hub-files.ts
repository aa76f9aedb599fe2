/** What a folder in the hub's layout has beside its weights. */
import { HeedError, makeFolder, nodeModule } from '../base/index.js'
import type { WeightDtype } from '../checkpoint/index.js'
import { writeFileWhole } from '../formats/index.js'
import { saveTokenizer, type Tokenizer } from '../text/index.js'
import type { StoredModel } from './stored-model.js'

const operation = 'saveModel'
const fs = (): typeof import('node:fs') => nodeModule('node:fs', operation)
const paths = (): typeof import('node:path') => nodeModule('node:path', operation)
/** More bytes than any file has that says something of a model beside its weights. */
const largestBeside = 2 ** 26
const dtypeNames: Readonly<Record<WeightDtype, string>> = {
  f32: 'float32',
  f16: 'float16',
  bf16: 'bfloat16',
}

/**
 * Makes a folder where there is none.
 *
 * @throws HeedError where none can be made
 */
export function hubFolder(folder: string): void {
  try {
    makeFolder(folder)
  } catch (cause) {
    throw new HeedError({
      operation,
      expected: `a folder at '${folder}', or a place where one can be made`,
      found: cause instanceof Error ? cause.message : String(cause),
      hint: 'name another folder',
      cause,
    })
  }
}

/**
 * Writes what belongs to a model beside its weights: the tokenizer, what its folder has in other files, and
 * last the configuration, so that a folder with it is whole.
 *
 * @returns the paths of what was written
 */
export async function writeHubFiles(
  stored: StoredModel,
  folder: string,
  {
    dtype,
    template,
    tokenizer,
  }: {
    /** What the weights are stored as. */
    readonly dtype: WeightDtype
    /** How a conversation becomes a text, where no file says it. */
    readonly template?: string | undefined
    /** Default: the one that is stored. */
    readonly tokenizer?: Tokenizer | undefined
  },
): Promise<string[]> {
  const written: string[] = []
  const write = async (name: string, content: Uint8Array | string): Promise<void> => {
    const path = paths().join(folder, name)
    hubFolder(paths().dirname(path))
    await writeFileWhole(path, typeof content === 'string' ? new TextEncoder().encode(content) : content)
    written.push(path)
  }
  if (stored.hasTokenizer) await write('tokenizer.json', saveTokenizer(tokenizer ?? stored.tokenizer()))
  const others = besides(stored)
  for (const name of others) await write(name, besideBytes(stored, name))
  if (template !== undefined && !others.includes('tokenizer_config.json'))
    await write('tokenizer_config.json', `${JSON.stringify({ chat_template: template }, undefined, 2)}\n`)
  const config = stored.config.plain() as object
  const name = dtypeNames[dtype]
  const said = { ...config, ...('torch_dtype' in config ? { torch_dtype: name } : { dtype: name }) }
  await write('config.json', `${asSpelled(JSON.stringify(said, undefined, 2), stored)}\n`)
  return written
}

/** Numbers that a configuration writes as `2.0` stay floats: libraries that check types refuse `2` there. */
function asSpelled(text: string, stored: StoredModel): string {
  const before = new TextDecoder().decode(stored.file('config.json') ?? new Uint8Array())
  const floats = new Set([...before.matchAll(/"(\w+)"\s*:\s*-?\d+\.0+\b/g)].map(([, name]) => name))
  return text.replace(/^(\s*"(\w+)": -?\d+)(,?)$/gm, (line, number: string, name: string, end: string) =>
    floats.has(name) ? `${number}.0${end}` : line,
  )
}

/** The bytes of a file, without the ids of another tokenizer. */
function besideBytes(stored: StoredModel, name: string): Uint8Array | string {
  const bytes = new Uint8Array(fs().readFileSync(paths().join(stored.path, name)))
  if (stored.anotherTokenizer !== true || name !== 'tokenizer_config.json') return bytes
  const { added_tokens_decoder: _, ...own } = stored.json(name)!.plain() as Record<string, unknown>
  return `${JSON.stringify(own, undefined, 2)}\n`
}

/**
 * What a folder of the hub has beside weights, configuration and tokenizer: settings of generation, and the
 * modules of a sentence encoder with their folders.
 */
function besides({ path, format, anotherHead = false, anotherTokenizer = false }: StoredModel): string[] {
  if (format !== 'safetensors') return []
  const ofSentences = (name: string): boolean => /^modules\.json$|sentence_/.test(name)
  const ofTokens = (name: string): boolean => /^(vocab|merges|added_tokens)\b/.test(name)
  const isSmall = (name: string): boolean => {
    const status = fs().lstatSync(paths().join(path, name))
    return status.isFile() && status.size <= largestBeside
  }
  const names = fs().readdirSync(path)
  const own = names
    .filter((name) => /\.(json|jinja|md|txt|spm)$|^LICENSE/.test(name))
    .filter((name) => !['config.json', 'tokenizer.json', 'model.safetensors.index.json'].includes(name))
    .filter((name) => !anotherHead || !ofSentences(name))
    .filter((name) => !anotherTokenizer || !ofTokens(name))
  const modules = names
    .filter(
      (name) => !anotherHead && /^\d+_/.test(name) && fs().lstatSync(paths().join(path, name)).isDirectory(),
    )
    .flatMap((name) =>
      fs()
        .readdirSync(paths().join(path, name))
        .map((file) => paths().join(name, file)),
    )
  return [...own, ...modules].filter(isSmall)
}
