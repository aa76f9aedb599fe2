/** A process that holds one tokenizer and answers questions, a line of JSON each. */
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { createInterface, type Interface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import type { Question } from './tokenizers-engine.js'

const alive = new Set<TokenizerProcess>()
process.on('exit', () => {
  for (const one of alive) one.end()
})
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => process.exit(1))

export class TokenizerProcess {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>
  readonly #lines: Interface
  #refused: string | undefined

  constructor(command: string, args: readonly string[], environment: NodeJS.ProcessEnv = {}) {
    this.#child = spawn(command, args, {
      env: { ...process.env, ...environment },
      stdio: ['pipe', 'pipe', process.env['BENCH_VERBOSE'] ? 'inherit' : 'ignore'],
    })
    this.#child.on('error', (error) => (this.#refused = error.message))
    this.#child.stdin.on('error', () => {})
    this.#lines = createInterface({ input: this.#child.stdout })
    alive.add(this)
  }

  /** @throws where the engine says why not, ends, or takes longer than `secondsAtMost` */
  async ask<Answer>(question: Question, secondsAtMost = 600): Promise<Answer> {
    const line = await new Promise<string>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.end()
        finish(() => reject(new Error(`took more than ${secondsAtMost} s`)))
      }, secondsAtMost * 1000)
      const finish = (done: () => void): void => {
        clearTimeout(timer)
        this.#lines.off('line', onLine)
        this.#lines.off('close', onClose)
        done()
      }
      const onLine = (text: string): void => finish(() => resolve(text))
      const onClose = (): void => finish(() => reject(new Error(this.#refused ?? 'its process ended')))
      this.#lines.on('line', onLine)
      this.#lines.on('close', onClose)
      this.#child.stdin.write(`${JSON.stringify(question)}\n`)
    })
    const { value, error } = JSON.parse(line) as { value: Answer; error?: string }
    if (error !== undefined) throw new Error(error)
    return value
  }

  end(): void {
    this.#child.kill('SIGKILL')
    alive.delete(this)
  }
}
