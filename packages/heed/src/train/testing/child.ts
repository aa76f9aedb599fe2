import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import type { Moment } from './fragile-files.js'

/** Bundles killed-run.ts from the sources, so that a plain Node can run it; gives the file's path. */
export async function bundleKilledRun(folder: string): Promise<string> {
  const outfile = join(folder, 'killed-run.mjs')
  await build({
    entryPoints: [fileURLToPath(new URL('killed-run.ts', import.meta.url))],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    logLevel: 'error',
    banner: {
      js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
    },
  })
  return outfile
}

export interface ChildRun {
  /** By which signal it ended, if by one. */
  readonly signal: string | null
  readonly status: number | null
  /** What it printed at its end. */
  readonly result: { readonly hash: string; readonly operations: readonly string[] } | undefined
  readonly errors: string
}

export interface ChildOptions {
  readonly folder: string
  readonly steps: number
  readonly threads?: number
  /** Dies by its own hand at this disk operation. */
  readonly at?: number
  readonly moment?: Moment
  /** Is killed so many milliseconds after it began to train. */
  readonly killAfter?: number
}

export async function runChild(script: string, options: ChildOptions): Promise<ChildRun> {
  const { folder, steps, at = -1, moment = 'half', killAfter, threads = 2 } = options
  const child = spawn(process.execPath, [script, folder, String(steps), String(at), moment], {
    env: { ...process.env, HEED_THREADS: String(threads), HEED_TARGET: 'wasm' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  let errors = ''
  let timer: ReturnType<typeof setTimeout> | undefined
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
    if (killAfter !== undefined && timer === undefined && output.includes('ready'))
      timer = setTimeout(() => child.kill('SIGKILL'), killAfter)
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text))
  const [status, signal] = (await once(child, 'close')) as [number | null, string | null]
  clearTimeout(timer)
  const last = output.trim().split('\n').at(-1)
  return {
    status,
    signal,
    errors,
    result: last?.startsWith('{') ? (JSON.parse(last) as NonNullable<ChildRun['result']>) : undefined,
  }
}
