import { FormatError } from '../base/index.js'

/** Where a picture comes from, for errors. */
export interface PictureOrigin {
  readonly operation: string
  readonly file?: string | undefined
}

/** The error of what can't be decoded. */
export function undecodable(
  { operation, file }: PictureOrigin,
  expected: string,
  found: string,
  hint: string,
  cause?: unknown,
): FormatError {
  const where = file === undefined ? found : `${found} ('${file}')`
  return new FormatError({
    operation,
    expected,
    found: where,
    hint,
    file,
    ...(cause === undefined ? {} : { cause }),
  })
}

export function firstLineOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0]!.trim()
}
