/**
 * What was found where a file was to be read or written, as errors say it: `nothing at 'a.txt'`; where the
 * system's code says nothing plainer, its own message.
 */
export function foundAt(path: string, cause: unknown): string {
  const code = (cause as { readonly code?: unknown } | null)?.code
  if (code === 'ENOENT') return `nothing at '${path}'`
  if (code === 'EISDIR') return `a folder at '${path}'`
  if (code === 'EACCES' || code === 'EPERM') return `'${path}', which this user may not open`
  return cause instanceof Error ? cause.message : String(cause)
}
