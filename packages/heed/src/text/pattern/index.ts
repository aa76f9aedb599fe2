export { MatchList } from './match-list.js'
export { PatternError } from './pattern-error.js'
export { Pattern } from './pattern.js'
