import { observe, type Watcher } from '../observe/index.js'
import type { StepPlace, StepWatcher } from './options.js'

/** Runs a step of the model, and shows its values to those who want to see them. */
export function observedStep(
  watch: Readonly<Record<string, StepWatcher>> | undefined,
  { step, rows: all, ids: lists }: Pick<StepPlace, 'step' | 'rows' | 'ids'>,
  run: () => void,
): void {
  if (watch === undefined) return run()
  // A row that waits has no part in the step.
  const rows = all.filter((_, i) => lists[i]!.length > 0)
  const ids = lists.filter(({ length }) => length > 0)
  const rowOf = (name: string): number | undefined => {
    const row = /\.rows\.(\d+)\./.exec(name)?.[1]
    return row === undefined ? (rows.length === 1 ? 0 : undefined) : Number(row)
  }
  const watchers = Object.entries(watch).map(([name, watcher]) => {
    const watched: Watcher = (value, found) => watcher(value, found, { step, rows, ids, row: rowOf(found) })
    return [name, watched] as const
  })
  observe(Object.fromEntries(watchers), run)
}
