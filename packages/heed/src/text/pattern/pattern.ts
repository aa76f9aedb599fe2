import { AutomatonSearch } from './automaton-search.js'
import { BacktrackingSearch } from './backtracking-search.js'
import { CharacterClasses } from './character-classes.js'
import { MatchList } from './match-list.js'
import { parsePattern } from './parser.js'
import { PlaceBits } from './place-bits.js'
import { Compiler, isRegular } from './program.js'
import { simplify } from './simplify.js'

/** More would make too many columns. */
const mostBitsOfAutomaton = 5

interface Search {
  find(text: string, start: number, end: number, list: MatchList): void
}

/**
 * A compiled regular expression in Oniguruma's own syntax, which finds what Oniguruma finds: the leftmost
 * match, and of those that begin there the first that backtracking would come upon. Unicode is version 16.
 *
 * Most patterns run as an automaton, in time that grows with the text alone. References to groups, and atomic
 * groups that nothing simpler replaces, are tried one way after the other, up to a number of steps.
 *
 * Not taken: calls of groups, conditions, callouts, absent operators, `\R` and lookaheads in lookbehinds,
 * word mode of `\X`, blocks (`\p{In_…}`), and more than 30,000 steps with repeats written out.
 */
export class Pattern {
  readonly source: string
  readonly #search: Search

  /** @throws PatternError where the source isn't understood, or more than heed takes */
  constructor(source: string) {
    this.source = source
    const parsed = parsePattern(source)
    const simple = simplify(parsed)
    const compiler = new Compiler(parsed.groups)
    const program = compiler.compile(simple, 'forward')
    const backward = isRegular(simple) ? compiler.compile(simple, 'backward') : undefined
    const classes = new CharacterClasses(compiler.sets)
    const bits = new PlaceBits(compiler.bits, classes)
    this.#search =
      isRegular(simple, true) && compiler.bits.length <= mostBitsOfAutomaton
        ? new AutomatonSearch(program, backward, classes, bits)
        : new BacktrackingSearch(program, compiler, classes, bits)
  }

  /**
   * Adds the matches in text[start, end) to a list, from left to right. What is outside is not looked at:
   * there the text begins and ends. An empty text has no matches. An empty match is left out where another
   * match ended.
   *
   * @throws UsageError where the pattern takes far more steps on this text than tokenizers' patterns do
   */
  matches(text: string, start: number, end: number, list: MatchList): void {
    if (start < end) this.#search.find(text, start, end, list)
  }

  /**
   * Cuts text[start, end) into matches and what lies between, in order, and hands over each as [start, end).
   */
  split(
    text: string,
    start: number,
    end: number,
    found: (start: number, end: number, isMatch: boolean) => void,
  ): void {
    const list = new MatchList()
    this.matches(text, start, end, list)
    let last = start
    for (let i = 0; i < list.length; i++) {
      const from = list.places[2 * i]!
      const to = list.places[2 * i + 1]!
      if (last < from) found(last, from, false)
      found(from, to, true)
      last = to
    }
    if (last < end) found(last, end, false)
  }
}
