/**
 * Installs the peers, each group for itself: what cannot be installed is absent from the benches, with the
 * reason. Groups that are there, or that were refused before, are left alone; `--again` tries those anew.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const peers = fileURLToPath(new URL('../peers/', import.meta.url))

type Group = {
  name: string
  /** In `peers`: there once it is installed. */
  folder: string
  install: () => void
  /** Installed only where it is asked for. */
  isApart?: boolean
}

function run(command: string, args: string[], folder: string, environment: NodeJS.ProcessEnv = {}): void {
  execFileSync(command, args, {
    cwd: folder,
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'ignore', 'pipe'],
    encoding: 'utf8',
    maxBuffer: 2 ** 24,
    shell: process.platform === 'win32',
  })
}

/**
 * The package with llama.cpp's library for this system; the others of them have some hundred megabytes each.
 */
function llamaPackage(): string {
  const system = { linux: 'linux', darwin: 'mac', win32: 'win' }[process.platform as 'linux']
  const name = `${system}-${process.arch}${process.platform === 'darwin' && process.arch === 'arm64' ? '-metal' : ''}`
  const { dependencies } = JSON.parse(readFileSync(join(peers, 'native/package.json'), 'utf8')) as {
    dependencies: Record<string, string>
  }
  return `@node-llama-cpp/${name}@${dependencies['node-llama-cpp']}`
}

/** Only the groups in these folders; empty: all but those that one bench alone needs. */
const only = process.argv.flatMap((argument) => /^--only=(.+)/.exec(argument)?.[1] ?? [])

const quiet = ['--loglevel=error', '--no-audit', '--no-fund']

const groups: Group[] = [
  {
    name: 'onnxruntime-web, tfjs-wasm, jax-js',
    folder: 'node_modules',
    install: () => run('npm', ['ci', ...quiet], peers),
  },
  {
    name: 'onnxruntime-node, node-llama-cpp',
    folder: 'native/node_modules',
    install() {
      const native = join(peers, 'native')
      const environment = { ONNXRUNTIME_NODE_INSTALL: 'skip', NODE_LLAMA_CPP_SKIP_DOWNLOAD: 'true' }
      const options = ['--no-save', '--ignore-scripts', '--omit=optional', ...quiet]
      run('npm', ['install', ...options, llamaPackage()], native, environment)
    },
  },
  {
    name: 'torch',
    folder: '.venv',
    install() {
      if (process.env['BENCH_PYTHON']) return
      run('python3', ['-m', 'venv', '.venv'], peers)
      const python = join(peers, '.venv', process.platform === 'win32' ? 'Scripts/python' : 'bin/python')
      const pip = ['-m', 'pip', 'install', '--quiet', '-r', 'torch/requirements.txt']
      // PyTorch's own index has builds without CUDA, a tenth the size; where it can't be reached, the usual
      // one.
      const small = [
        '--index-url',
        'https://download.pytorch.org/whl/cpu',
        '--retries',
        '0',
        '--timeout',
        '15',
      ]
      try {
        run(python, [...pip, ...small], peers)
      } catch {
        run(python, pip, peers)
      }
    },
  },
  {
    name: '@huggingface/tokenizers, tiktoken, gpt-tokenizer, and the texts',
    folder: 'text/node_modules',
    isApart: true,
    install: () => run('npm', ['ci', '--ignore-scripts', ...quiet], join(peers, 'text')),
  },
  {
    name: 'tokenizers (Python)',
    folder: 'text/.venv',
    isApart: true,
    install() {
      if (process.env['BENCH_TOKENIZERS_PYTHON']) return
      run('python3', ['-m', 'venv', '.venv'], join(peers, 'text'))
      const python = join('.venv', process.platform === 'win32' ? 'Scripts/python' : 'bin/python')
      run(
        join(peers, 'text', python),
        ['-m', 'pip', 'install', '--quiet', '-r', 'requirements.txt'],
        join(peers, 'text'),
      )
    },
  },
]

const reasonOf = (error: unknown): string => {
  const { stderr, message } = error as { stderr?: string; message: string }
  const lines = (stderr || message).split('\n').map((line) => line.replace(/^(npm )?error:?/i, '').trim())
  return (lines.find((line) => line !== '' && !line.startsWith('code ')) ?? message).slice(0, 200)
}

for (const { name, folder, install, isApart } of groups) {
  if (only.length > 0 ? !only.some((part) => folder.startsWith(part)) : isApart) continue
  const refusal = join(peers, `.refused-${folder.replaceAll(/\W/g, '')}`)
  if (process.argv.includes('--again')) rmSync(refusal, { force: true })
  if (existsSync(join(peers, folder)) || existsSync(refusal)) continue
  process.stderr.write(`installing ${name}\n`)
  try {
    install()
  } catch (error) {
    const reason = reasonOf(error)
    rmSync(join(peers, folder), { recursive: true, force: true })
    writeFileSync(refusal, `${reason}\n`)
    process.stderr.write(`${name}: not installed (npm run peers tries again): ${reason}\n`)
  }
}

const typescript = dirname(createRequire(import.meta.url).resolve('typescript/package.json'))
try {
  execFileSync(process.execPath, [join(typescript, 'bin/tsc'), '-b', peers], {
    stdio: 'pipe',
    encoding: 'utf8',
  })
} catch (error) {
  // Where packages are absent their types are too; what needs no types is written all the same.
  if (existsSync(join(peers, 'node_modules')))
    throw new Error((error as { stdout: string }).stdout, { cause: error })
}
