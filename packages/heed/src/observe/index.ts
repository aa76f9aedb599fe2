export { heedName, hookNames } from './alias.js'
export { hasRepetition, headScores, type HeadScores } from './head-scores.js'
export { collect, type Collected, observe, type ObserveOptions } from './observe.js'
export { observedAsNow, tap, watched, type Watcher, within } from './tap.js'
