import { observe, type Watcher } from '../observe/index.js'
import type { StepPlace, StepWatcher } from './options.js'

/** Runs a step of the model, and shows its values to those who want to see them. */
export function observedStep(
  watch: Readonly<Record<string, StepWatcher>> | undefined,
  place: StepPlace,
  run: () => void,
): void {
  if (watch === undefined) return run()
  const watchers = Object.entries(watch).map(([name, watcher]) => {
    const watched: Watcher = (value, found) => watcher(value, found, place)
    return [name, watched] as const
  })
  observe(Object.fromEntries(watchers), run)
}
