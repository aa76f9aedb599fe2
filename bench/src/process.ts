/**
 * A child process that holds one engine, with the processes that it starts. Between their turns they are
 * stopped, so that they cannot take a processor.
 */
import { execFileSync, fork, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Request } from './child.js'
import type { Options } from './options.js'

const alive = new Set<ChildProcess>()
const groups = process.platform !== 'win32'

/** Signals a child and, where processes have groups, those that it started. */
function signal(child: ChildProcess, name: NodeJS.Signals): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  try {
    if (groups) process.kill(-child.pid, name)
    else child.kill(name)
  } catch {
    // It has ended meanwhile.
  }
}
const end = (child: ChildProcess): void => {
  signal(child, 'SIGKILL')
  alive.delete(child)
}
process.on('exit', () => {
  for (const child of alive) signal(child, 'SIGKILL')
})
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => process.exit(1))

/** What Node needs to be told so that it knows relaxed SIMD (V8 has it by default since Node 21). */
export function flagsOf(node: string): string[] {
  const version = execFileSync(node, ['-p', 'process.versions.node'], { encoding: 'utf8' })
  return Number.parseInt(version, 10) < 21 ? ['--experimental-wasm-relaxed-simd'] : []
}

/** The engine did not answer in time, or its process ended. */
export class EngineLost extends Error {}

export class EngineProcess {
  readonly #child: ChildProcess

  constructor({ node, threads }: Options, flags: string[], modulePath: string, variant: string) {
    this.#child = fork(fileURLToPath(new URL('./child.js', import.meta.url)), [modulePath, variant], {
      execPath: node,
      execArgv: flags,
      env: { ...process.env, HEED_THREADS: String(threads) },
      detached: groups,
      stdio: ['ignore', 'ignore', process.env['BENCH_VERBOSE'] ? 'inherit' : 'ignore', 'ipc'],
    })
    alive.add(this.#child)
  }

  /** Let the engine run, ask it, wait for its answer, and stop it again. */
  async ask<Answer>(request: Request, secondsAtMost: number): Promise<Answer> {
    const child = this.#child
    if (groups) signal(child, 'SIGCONT')
    try {
      return await new Promise<Answer>((resolve, reject) => {
        const finish = (done: () => void): void => {
          clearTimeout(timer)
          child.off('message', onMessage)
          child.off('exit', onExit)
          done()
        }
        const onMessage = (message: unknown): void => {
          const { value, error } = message as { value: Answer; error?: string }
          finish(() => (error === undefined ? resolve(value) : reject(new Error(error))))
        }
        const onExit = (code: number | null, signal: string | null): void =>
          finish(() => reject(new EngineLost(`its process ended (${signal ?? code})`)))
        const timer = setTimeout(
          () => finish(() => reject(new EngineLost(`took more than ${secondsAtMost} s`))),
          secondsAtMost * 1000,
        )
        child.on('message', onMessage)
        child.on('exit', onExit)
        child.send(request)
      })
    } finally {
      if (groups && alive.has(child)) signal(child, 'SIGSTOP')
    }
  }

  end(): void {
    end(this.#child)
  }
}
