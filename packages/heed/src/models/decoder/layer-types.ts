import type { CheckpointConfig } from '../../checkpoint/index.js'

/** The kinds of layer of `layer_types`, as the hub calls them. */
export type LayerType = 'full_attention' | 'sliding_attention'

/**
 * The kind of each layer: `layer_types`, or what the architecture means where the file has none.
 *
 * @param absent whether the layer of this number, from 0 on, has a window
 * @throws FormatError for another kind, another number of them
 */
export function layerTypesOf(
  config: CheckpointConfig,
  layers: number,
  absent: (layer: number) => boolean,
): LayerType[] {
  const given = config.field('layer_types')
  if (given.isNull)
    return Array.from({ length: layers }, (_, i) => (absent(i) ? 'sliding_attention' : 'full_attention'))
  const types = given.items()
  if (types.length !== layers)
    given.refuse(`a kind for each of the ${layers} layers`, { found: `${types.length} kinds` })
  return types.map((type) => type.choice(['full_attention', 'sliding_attention']))
}

/**
 * The window of a configuration: a query sees itself and window − 1 before it. Undefined where it is null;
 * `absent` where it isn't there.
 */
export function windowOf(config: CheckpointConfig, absent?: number): number | undefined {
  const field = config.field('sliding_window')
  return field.value === null ? undefined : field.isNull ? absent : config.size('sliding_window')
}
