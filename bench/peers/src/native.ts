/** Packages with native code, which are installed apart (`native/`), so that one that cannot be leaves the others alone. */
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

const require = createRequire(new URL('../native/package.json', import.meta.url))

/** @throws Error that says that the package is not installed */
export async function importNative<Module>(name: string): Promise<Module> {
  let path: string
  try {
    path = require.resolve(name)
  } catch {
    throw new Error(`${name} is not installed (npm run peers)`)
  }
  const module = (await import(pathToFileURL(path).href)) as Module & { default?: Module }
  // A CommonJS module has its exports as the default one.
  return path.endsWith('.mjs') || module.default === undefined ? module : module.default
}
