import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

/** A process that answers a line by a line. */
export class LineEngine {
  readonly name: string
  readonly #child: ChildProcess
  readonly #lines: AsyncIterator<string>

  constructor(name: string, command: string, args: string[], environment: NodeJS.ProcessEnv) {
    this.name = name
    this.#child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'], env: environment })
    this.#lines = createInterface({ input: this.#child.stdout! })[Symbol.asyncIterator]()
  }

  async ask<Answer>(request: string): Promise<Answer> {
    this.#child.stdin!.write(`${request}\n`)
    const { value, done } = await this.#lines.next()
    if (done === true) throw new Error(`${this.name} ended`)
    return JSON.parse(value) as Answer
  }
  end(): void {
    this.#child.kill()
  }
}
