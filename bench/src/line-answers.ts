/** An engine's side of `LineEngine`: what was asked for comes as a line, `time STSb sentences`. */
import { createInterface } from 'node:readline'

/** What a run took, in seconds of the clock and on processors, and bytes of resident memory after it. */
export interface Spent {
  readonly wall: number
  readonly cpu: number
  readonly resident: number
}

export async function spent(run: () => unknown): Promise<Spent> {
  const [wall, cpu] = [performance.now(), process.cpuUsage()]
  await run()
  const { user, system } = process.cpuUsage(cpu)
  return {
    wall: (performance.now() - wall) / 1e3,
    cpu: (user + system) / 1e6,
    resident: process.memoryUsage.rss(),
  }
}

/** Answers each line, by its first word and the rest, until there are no more. */
export async function answerLines(
  answers: Readonly<Record<string, (name: string) => unknown>>,
): Promise<void> {
  for await (const line of createInterface({ input: process.stdin })) {
    const [, ask, name] = /^(\w+) (.*)$/.exec(line) as unknown as [string, string, string]
    process.stdout.write(`${JSON.stringify(await answers[ask]!(name))}\n`)
  }
}
