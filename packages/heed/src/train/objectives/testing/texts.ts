/** Small sets of records that can be learned in seconds. */
import { randomKey, uniformAt } from '../../../base/index.js'

const animals = ['cat', 'dog', 'horse', 'bird', 'fish', 'cow']
const tools = ['hammer', 'saw', 'drill', 'knife', 'spoon', 'rake']
const verbs = ['is', 'was', 'stays', 'lies']
const places = ['in the house', 'here', 'in the park near the river', 'there and nowhere else']

/** Words that the texts are made of. */
export const corpus: readonly string[] = [...animals, ...tools, ...verbs, ...places, 'the', 'a', '.', '?']

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
