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
