import { CharacterClass, numeric, whiteSpace, wordCharacter } from '../character-class.js'

export const punctuation: CharacterClass = new CharacterClass('[\\p{P}!-/:-@\\[-`{-~]')
export { numeric, whiteSpace, wordCharacter }
