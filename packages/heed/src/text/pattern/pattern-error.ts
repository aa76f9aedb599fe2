import { HeedError } from '../../base/index.js'

/** A pattern that isn't one, or that heed doesn't take. */
export class PatternError extends HeedError {
  override name = 'PatternError'
}
