/** Small sets of records that can be learned in seconds. */
import { foldIn, randomKey, uniformAt } from '../../../base/index.js'
import type { Picture } from '../../../vision/index.js'

const animals = ['cat', 'dog', 'horse', 'bird', 'fish', 'cow']
const tools = ['hammer', 'saw', 'drill', 'knife', 'spoon', 'rake']
const verbs = ['is', 'was', 'stays', 'lies']
const places = ['in the house', 'here', 'in the park near the river', 'there and nowhere else']

/** Words that the texts are made of. */
export const corpus: readonly string[] = [
  ...animals,
  ...tools,
  ...verbs,
  ...places,
  'the',
  'a',
  '.',
  '?',
  'animal',
  'tool',
  'it',
]

const key = randomKey(7, 'texts')
const pick = <T>(list: readonly T[], i: number, use: number): T =>
  list[Math.floor(uniformAt(key, 16 * i + use) * list.length)]!

/** Sentences about animals and about tools. */
export function sentences(count: number): { text: string; label: string }[] {
  return Array.from({ length: count }, (_, i) => {
    const label = i % 2 === 0 ? 'animal' : 'tool'
    const noun = pick(label === 'animal' ? animals : tools, i, 0)
    return { text: `the ${noun} ${pick(verbs, i, 1)} ${pick(places, i, 2)} .`, label }
  })
}

/** Words with what they are: an animal, a tool, or neither. */
export function taggedWords(count: number): { words: string[]; labels: string[] }[] {
  return sentences(count).map(({ text }) => {
    const words = text.split(' ')
    return {
      words,
      labels: words.map((word) =>
        animals.includes(word) ? 'B-ANIMAL' : tools.includes(word) ? 'B-TOOL' : 'O',
      ),
    }
  })
}

/** Pictures of two things side by side, each a pattern of its own, with their names. */
export function pictured(count: number): { image: Picture; text: string }[] {
  return Array.from({ length: count }, (_, i) => {
    const things = [0, 1].map((side) => Math.floor(uniformAt(key, 16 * i + 8 + side) * animals.length))
    const levels = Uint8Array.from({ length: 3 * 8 * 8 }, (_, at) => {
      const [channel, x, y] = [at % 3, Math.floor(at / 3) % 8, Math.floor(at / 24)]
      const pixel = 64 * things[x < 4 ? 0 : 1]! + 4 * (y % 4) + (x % 4) + 16 * channel
      return Math.floor(256 * uniformAt(foldIn(key, 'patterns'), pixel))
    })
    const [left, right] = things.map((thing) => animals[thing]!)
    return { image: { height: 8, width: 8, levels }, text: `the ${left} ${right}` }
  })
}

/** Questions after the animal of a text, which a third of the texts haven't. */
export function questions(count: number): {
  question: string
  context: string
  answers: { text: string; start: number }[]
  impossible: boolean
}[] {
  return Array.from({ length: count }, (_, i) => {
    const animal = pick(animals, i, 0)
    const impossible = i % 3 === 2
    const subject = impossible ? pick(tools, i, 1) : animal
    const before = i % 2 === 0 ? '' : 'it stays here . '
    const context = `${before}the ${subject} ${pick(verbs, i, 2)} ${pick(places, i, 3)} .`
    return {
      question: 'the animal ?',
      context,
      answers: impossible ? [] : [{ text: animal, start: context.indexOf(animal) }],
      impossible,
    }
  })
}

/** What a sentence is about, as a text to write. */
export function rewritten(count: number): { source: string; target: string }[] {
  return sentences(count).map(({ text, label }) => ({ source: text, target: label }))
}

/** The same for what writes on. */
export function prompted(count: number): { prompt: string; completion: string }[] {
  return sentences(count).map(({ text, label }) => ({ prompt: text, completion: label }))
}
