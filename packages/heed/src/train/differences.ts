/** Where two values of plain JSON differ. */
export interface Difference {
  /** As `model.layers[2]`; '' where the values themselves differ. */
  readonly path: string
  readonly before: string
  readonly now: string
}

/**
 * All places where two values of plain JSON differ. The order of fields and fields that are undefined don't
 * count.
 */
export function differencesOf(before: unknown, now: unknown, path = ''): Difference[] {
  if (isRecord(before) && isRecord(now))
    return [...new Set([...Object.keys(before), ...Object.keys(now)])].flatMap((name) =>
      differencesOf(before[name], now[name], path === '' ? name : `${path}.${name}`),
    )
  if (Array.isArray(before) && Array.isArray(now))
    return Array.from({ length: Math.max(before.length, now.length) }, (_, i) =>
      differencesOf(before[i], now[i], `${path}[${i}]`),
    ).flat()
  return json(before) === json(now) ? [] : [{ path, before: shown(before), now: shown(now) }]
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** As a file holds it: −0 is 0, NaN is null. */
function json(value: unknown): string {
  return JSON.stringify(value) ?? 'none'
}

function shown(value: unknown): string {
  const text = typeof value === 'string' ? value : json(value)
  return text.length > 200 ? `${text.slice(0, 199)}…` : text
}
