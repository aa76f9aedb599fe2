import { execFileSync } from 'node:child_process'

/** Runs a program of Python with arguments and gives back what it prints. */
export type Python = (program: string, ...given: readonly string[]) => string

/**
 * The Python that HEED_PYTHON names, else `python3`; undefined, with a warning, where it lacks one of these
 * modules.
 */
export function pythonWith(...modules: readonly string[]): Python | undefined {
  const python = process.env['HEED_PYTHON'] ?? 'python3'
  const run: Python = (program, ...given) =>
    execFileSync(python, ['-c', program, ...given], { encoding: 'utf8', maxBuffer: 2 ** 28, stdio: 'pipe' })
  try {
    run(modules.map((name) => `import importlib.util\nassert importlib.util.find_spec('${name}')`).join('\n'))
    return run
  } catch {
    console.warn(`Skipped: ${python} without ${modules.join(' or ')}; HEED_PYTHON names another.`)
    return undefined
  }
}
