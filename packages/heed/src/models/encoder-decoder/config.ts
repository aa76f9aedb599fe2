/** What the configurations of encoder-decoders share. */
import type { CheckpointConfig } from '../../checkpoint/index.js'

/** A token's id, below the size of the vocabulary. */
export function idOf(config: CheckpointConfig, name: string, absent: number, vocabulary: number): number {
  const field = config.field(name)
  return field.isNull ? absent : field.count(vocabulary - 1)
}

/** Refuses weights of another class than these: a model with another head, or a half of it. */
export function checkClass(config: CheckpointConfig, names: readonly string[]): void {
  const { className } = config
  if (className === undefined || names.includes(className)) return
  config.json.member('architectures').refuse(`weights of the class ${names.join(' or ')}`, {
    found: className.slice(0, 100),
    hint: 'take the checkpoint of the whole encoder-decoder with its output',
  })
}
