/**
 * Answers without a model: the sliding window of Richardson, Burges and Renshaw (2013, "MCTest"), as
 * Rajpurkar et al. (2016, "SQuAD", section 5.1) choose a span with it, and the first sentence.
 */

/** A word and where it stands, [start, end) in UTF-16 units. */
interface Word {
  readonly text: string
  readonly start: number
  readonly end: number
  readonly sentence: number
  /** Whether punctuation stands between it and the word before. */
  readonly apart: boolean
  /** Whether it begins with a capital letter that does not begin its sentence. */
  readonly isName: boolean
}

// A title or an initial in front of a name ends no sentence.
const sentenceEnd =
  /(?<!\b(?:Mr|Mrs|Ms|Dr|St|Prof|Gen|Jr|Sr|\p{Lu}))[.!?]["'”’)\]]*\s+(?=["'“‘([]*[\p{Lu}\p{N}])/gu

/** The first sentence of a text. */
export function firstSentence(text: string): string {
  sentenceEnd.lastIndex = 0
  const found = sentenceEnd.exec(text)
  return text.slice(0, found === null ? undefined : found.index + 1).trim()
}

const functionWords = new Set(
  `a an the of in on at to for from by with as and or but nor so yet than that this these those which who whom whose what when where why
  how is are was were be been being am do does did done has have had having will would shall should can could may might must not no it
  its he she they them his her their him i you we us our your my me if then there here into onto over under after before between
  through during about against among within without while because also such other some any each more most many much very only own same
  both all up down out off again further once too s t per via upon`.split(/\s+/),
)

/** Words of a text, with their sentences. */
function wordsIn(text: string): Word[] {
  sentenceEnd.lastIndex = 0
  const ends = [...text.matchAll(sentenceEnd)].map((found) => found.index + found[0].length)
  const words: Word[] = []
  let [sentence, before] = [0, 0]
  for (const found of text.matchAll(/[\p{L}\p{M}\p{N}]+(?:[.,'’–-][\p{L}\p{N}]+)*|[$£€%]/gu)) {
    const start = found.index
    let begins = words.length === 0
    while (sentence < ends.length && start >= ends[sentence]!) {
      sentence++
      begins = true
    }
    words.push({
      text: found[0].toLowerCase(),
      start,
      end: start + found[0].length,
      sentence,
      apart: begins || /[,;:()[\]"“”–—/]/.test(text.slice(before, start)),
      isName: !begins && /^\p{Lu}/u.test(found[0]),
    })
    before = start + found[0].length
  }
  return words
}

/** What the question asks for, by its own words. */
function kindOf(question: string): 'number' | 'time' | 'name' | undefined {
  if (
    /\bhow (many|much|long|old|far|tall|large|big|fast|high)\b|\bwhat (percent|percentage|number)\b/i.test(
      question,
    )
  )
    return 'number'
  if (/\bwhen\b|\b(what|which|in what|in which) (year|century|decade|month|date|day)\b/i.test(question))
    return 'time'
  return /\b(who|whom|whose|where)\b|\bwhat (city|country|person|company|team|state)\b/i.test(question)
    ? 'name'
    : undefined
}

const months = /^(january|february|march|april|may|june|july|august|september|october|november|december)$/
const numbers =
  /^(one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|hundred|thousand|million|billion|half|dozens?)$/

function fits(kind: ReturnType<typeof kindOf>, words: readonly Word[]): boolean {
  if (kind === 'number') return words.some(({ text }) => /\p{N}/u.test(text) || numbers.test(text))
  if (kind === 'time') return words.some(({ text }) => /\p{N}/u.test(text) || months.test(text))
  return kind === 'name' ? words.some(({ isName }) => isName) : true
}

/**
 * The answer to a question in a context. Candidates are the longest runs of words that are neither function
 * words nor the question's. Best is that whose sentence shares most with the question; of equals, that whose
 * window has most of the question's words, each weighed by how rare it is in the context, ln(1 + 1 / count);
 * less the mean distance to the question's words. A candidate that is no number, time or name where the
 * question asks for one comes after all that are.
 */
export function slidingWindowAnswer(question: string, context: string): string {
  const words = wordsIn(context)
  const asked = new Set(
    wordsIn(question)
      .map(({ text }) => text)
      .filter((word) => !functionWords.has(word)),
  )
  const counts = new Map<string, number>()
  for (const { text } of words) counts.set(text, (counts.get(text) ?? 0) + 1)
  const weight = ({ text }: Word): number => Math.log1p(1 / counts.get(text)!)
  const shared = new Map<number, Set<string>>()
  for (const { text, sentence } of words)
    if (asked.has(text)) shared.set(sentence, (shared.get(sentence) ?? new Set()).add(text))
  const rarity = (found: Set<string> | undefined): number =>
    [...(found ?? [])].reduce((sum, text) => sum + Math.log1p(1 / counts.get(text)!), 0)
  const kind = kindOf(question)
  let best: { readonly score: readonly number[]; readonly start: number; readonly end: number } | undefined
  for (const [from, to] of candidates(words, asked)) {
    const own = words.slice(from, to)
    const { sentence } = own[0]!
    // A window of as many words as question and candidate have together, at its best place.
    const size = asked.size + own.length
    let window = 0
    for (let first = Math.max(0, to - size); first <= from; first++) {
      let sum = 0
      for (let i = first; i < Math.min(words.length, first + size); i++)
        if (asked.has(words[i]!.text)) sum += weight(words[i]!)
      window = Math.max(window, sum)
    }
    const middle = (from + to - 1) / 2
    let [distance, met] = [0, 0]
    for (const word of asked) {
      let nearest = Infinity
      words.forEach(({ text }, i) => {
        if (text === word) nearest = Math.min(nearest, Math.abs(i - middle))
      })
      if (nearest === Infinity) continue
      distance += nearest
      met++
    }
    const near = met === 0 ? 0 : 1 / (1 + distance / met / words.length)
    const score = [fits(kind, own) ? 1 : 0, rarity(shared.get(sentence)), window + near]
    if (best === undefined || isBetter(score, best.score))
      best = { score, start: own[0]!.start, end: own.at(-1)!.end }
  }
  return best === undefined ? firstSentence(context) : context.slice(best.start, best.end)
}

function isBetter(a: readonly number[], b: readonly number[]): boolean {
  for (const [i, value] of a.entries()) if (value !== b[i]) return value > b[i]!
  return false
}

/** Runs of words, [from, to). */
function candidates(words: readonly Word[], asked: ReadonlySet<string>): [number, number][] {
  const found: [number, number][] = []
  let from = -1
  for (let i = 0; i <= words.length; i++) {
    const word = words[i]
    const inside = word !== undefined && !functionWords.has(word.text) && !asked.has(word.text)
    if (from >= 0 && (!inside || word.apart)) {
      found.push([from, i])
      from = -1
    }
    if (inside && from < 0) from = i
  }
  return found
}
