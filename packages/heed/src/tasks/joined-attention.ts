/** Attention of several texts in one record. */
import type { Attention, Filter, FilterLabels } from './attention.js'

/** Filters of several texts, each under its own name: `source.blocks.0.attention.filter`. */
export function joinedAttention(
  parts: readonly (readonly [name: string, attention: Attention])[],
): Attention {
  const filters: Record<string, Filter> = {}
  const labels: Record<string, FilterLabels> = {}
  for (const [name, own] of parts)
    for (const [filter, weights] of Object.entries(own.filters)) {
      filters[`${name}.${filter}`] = weights
      labels[`${name}.${filter}`] = labelsOf(own.labels, filter)
    }
  return { filters, labels }
}

/** The labels of one filter. */
function labelsOf(labels: Attention['labels'], name: string): FilterLabels {
  if (Array.isArray(labels)) return labels as readonly string[]
  const record = labels as Readonly<Record<string, FilterLabels>>
  return Object.hasOwn(record, name) ? record[name]! : (labels as FilterLabels)
}
