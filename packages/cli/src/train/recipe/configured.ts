import { ConfigError } from '../section.js'
import type { RecipeConfig } from './config.js'

/** What a field of the configuration says. @throws {ConfigError} where it makes no sense */
export async function configured<T>(
  { file }: RecipeConfig,
  field: string,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const { name, expected, found, hint } = error as Partial<ConfigError>
    if (name !== 'UsageError') throw error
    throw new ConfigError({
      expected: `${field} with ${expected!}`,
      found: found!,
      hint: hint!,
      file,
      field,
      cause: error,
    })
  }
}
