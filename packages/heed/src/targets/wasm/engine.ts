/** The parts of `node:v8` that are used here. */
interface V8Module {
  setFlagsFromString(flags: string): void
}

/**
 * Sets V8 flags where this process is Node; does nothing elsewhere. An unknown flag is ignored by V8 with a
 * line on stderr at most, never an exception.
 */
export function setEngineFlags(...flags: readonly string[]): void {
  for (const flag of flags) v8Module()?.setFlagsFromString(flag)
}

/** V8's major version where this process is Node, else 0. */
export function engineVersion(): number {
  const { process } = globalThis as { process?: { versions?: { v8?: string; node?: string } } }
  return process?.versions?.node ? Number.parseInt(process.versions.v8 ?? '0', 10) : 0
}

function v8Module(): V8Module | undefined {
  const { process } = globalThis as {
    process?: { versions?: { v8?: string; node?: string }; getBuiltinModule?: (name: string) => unknown }
  }
  if (!process?.versions?.node || !process.versions.v8) return undefined
  return process.getBuiltinModule?.('node:v8') as V8Module | undefined
}
