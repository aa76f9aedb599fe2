/** PyTorch in a Python process of its own (`torch/engine.py`), whose clock times the runs. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Formulation, Inputs, Kind, Peer, Prepared, Values, Work } from '../../dist/peer.js'

type Array = { name: string; shape: readonly number[]; values: Float32Array | Int32Array }
type Answer = {
  error?: string
  version?: string
  formulations?: Record<Kind, string[]>
  seconds?: number
  resident?: number
  peak?: number
  arrays: [name: string, dtype: 'f32', shape: number[]][]
}

const bytesOf = (values: Float32Array | Int32Array): Uint8Array =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength)

export function pythonPath(): string {
  const inVenv = process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python'
  const own = fileURLToPath(new URL(`../.venv/${inVenv}`, import.meta.url))
  const path = process.env['BENCH_PYTHON'] ?? own
  if (!existsSync(path)) throw new Error('torch is not installed (npm run peers)')
  return path
}

export function pythonEnvironment(threads: number): NodeJS.ProcessEnv {
  const environment: NodeJS.ProcessEnv = {
    ...process.env,
    OMP_NUM_THREADS: String(threads),
    // PyTorch gives its tensors back to the system's allocator: let that keep their pages, which glibc otherwise maps anew each time.
    MALLOC_MMAP_MAX_: '0',
    MALLOC_TRIM_THRESHOLD_: String(2 ** 36),
  }
  // Settings for another library than those that PyTorch has in it.
  delete environment['OPENBLAS_CORETYPE']
  delete environment['OPENBLAS_L2_SIZE']
  return environment
}

/** The Python process: one question at a time. */
class Python {
  readonly #child: ChildProcess
  #received: Buffer[] = []
  #size = 0
  #wake: (() => void) | undefined
  #ended = ''

  constructor(threads: number) {
    const script = fileURLToPath(new URL('../torch/engine.py', import.meta.url))
    this.#child = spawn(pythonPath(), [script, String(threads)], {
      env: pythonEnvironment(threads),
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    this.#child.stdout!.on('data', (part: Buffer) => {
      this.#received.push(part)
      this.#size += part.length
      this.#wake?.()
    })
    this.#child.on('error', (error) => this.#end(error.message))
    this.#child.on('exit', (code, signal) => this.#end(`Python ended (${signal ?? code})`))
  }

  #end(why: string): void {
    this.#ended ||= why
    this.#wake?.()
  }

  /** Resolves when more has come. */
  async #more(): Promise<void> {
    if (this.#ended) throw new Error(this.#ended)
    await new Promise<void>((resolve) => (this.#wake = resolve))
  }

  #take(bytes: number): Buffer {
    const all = this.#received.length === 1 ? this.#received[0]! : Buffer.concat(this.#received)
    this.#received = [all.subarray(bytes)]
    this.#size -= bytes
    return all.subarray(0, bytes)
  }

  async receive(): Promise<{ answer: Answer; arrays: Float32Array[] }> {
    let line = -1
    while ((line = Buffer.concat(this.#received).indexOf(10)) < 0) await this.#more()
    const answer = JSON.parse(this.#take(line + 1).toString()) as Answer
    if (answer.error !== undefined) throw new Error(answer.error)
    const arrays: Float32Array[] = []
    for (const [, , shape] of answer.arrays) {
      const bytes = 4 * shape.reduce((size, n) => size * n, 1)
      while (this.#size < bytes) await this.#more()
      arrays.push(new Float32Array(new Uint8Array(this.#take(bytes)).buffer))
    }
    return { answer, arrays }
  }

  async ask(
    request: Record<string, unknown>,
    arrays: Array[] = [],
  ): Promise<{ answer: Answer; arrays: Float32Array[] }> {
    const listed = arrays.map(({ name, shape, values }) => [
      name,
      values instanceof Int32Array ? 'i32' : 'f32',
      shape,
    ])
    const { stdin } = this.#child
    const write = async (part: string | Uint8Array): Promise<void> => {
      if (!stdin!.write(part)) await new Promise((resolve) => stdin!.once('drain', resolve))
    }
    await write(`${JSON.stringify({ ...request, arrays: listed })}\n`)
    for (const { values } of arrays) await write(bytesOf(values))
    return this.receive()
  }
}

/** A work's inputs as named arrays of the shapes that the Python side expects. */
function arraysOf(work: Work, given: Inputs[Kind]): Array[] {
  const named = (parameters: Record<string, Values>): Array[] =>
    Object.entries(parameters).map(([name, { shape, values }]) => ({ name, shape, values }))
  switch (work.kind) {
    case 'matmul': {
      const { a, b } = given as Inputs['matmul']
      return [
        { name: 'a', shape: [work.m, work.k], values: a },
        { name: 'b', shape: [work.k, work.n], values: b },
      ]
    }
    case 'attention':
      return Object.entries(given as Inputs['attention']).map(([name, values]) => ({
        name,
        shape: values.length ? [work.heads, work.length, work.width] : [0],
        values,
      }))
    case 'layer': {
      const { x, weights } = given as Inputs['layer']
      return [{ name: 'x', shape: [work.length, work.width], values: x }, ...named(weights)]
    }
    case 'train': {
      const { parameters, batches } = given as Inputs['train']
      return [
        ...named(parameters),
        ...batches.map((values, i) => ({ name: `batch.${i}`, shape: [values.length], values })),
      ]
    }
    case 'rows':
      return Object.entries(given as Inputs['rows']).map(([name, values]) => ({
        name,
        shape: values.length === work.rows * work.columns ? [work.rows, work.columns] : [values.length],
        values,
      }))
    case 'add':
      return Object.entries(given as Inputs['add']).map(([name, values]) => ({
        name,
        shape: [values.length],
        values,
      }))
    case 'encoder': {
      const { parameters, ids } = given as Inputs['encoder']
      return [...named(parameters), { name: 'ids', shape: [work.batch, work.length], values: ids }]
    }
    case 'decode': {
      const { parameters, ids } = given as Inputs['decode']
      return [...named(parameters), { name: 'ids', shape: [ids.length], values: ids }]
    }
  }
}

export async function load(variant: string): Promise<Peer> {
  const python = new Python(Number.parseInt(variant, 10))
  const { answer } = await python.receive()
  let count = 0
  const formulate = (work: Work, inputs: Inputs[Kind]): Formulation[] =>
    answer.formulations![work.kind].map((name) => ({
      name,
      async prepare(): Promise<Prepared> {
        const prepared = count++
        await python.ask({ ask: 'prepare', prepared, work, formulation: name }, arraysOf(work, inputs))
        const time = async (runs: number): Promise<number> =>
          (await python.ask({ ask: 'run', prepared, runs })).answer.seconds!
        return {
          async run() {
            await time(1)
          },
          time,
          read: async () => (await python.ask({ ask: 'read', prepared })).arrays,
          async dispose() {
            await python.ask({ ask: 'dispose', prepared })
          },
        }
      },
    }))
  const kinds = Object.keys(answer.formulations!) as Kind[]
  return {
    version: answer.version!,
    target: 'x64',
    configuration: variant,
    async memory() {
      const { resident, peak } = (await python.ask({ ask: 'memory' })).answer
      return { resident: resident!, peak: peak! }
    },
    ...Object.fromEntries(kinds.map((kind) => [kind, formulate])),
  }
}
