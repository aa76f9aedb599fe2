import { escaped } from '../terminal/escape.js'
import { element, onWidth, section } from './dom.js'
import type { Data } from './frames.js'
import { saveButtons } from './save.js'
import { createStage, type Stage } from './stage.js'
import { chooseHead, shownHeads, type Store } from './state.js'

/** A drop-down list. */
function picker(
  label: string,
  id: string,
): { readonly node: HTMLElement; readonly select: HTMLSelectElement } {
  const select = element('select', { id })
  return { node: element('label', { for: id }, label, ' ', select), select }
}

function fillPicker(select: HTMLSelectElement, names: readonly string[], value: number): void {
  if (select.options.length !== names.length) {
    select.replaceChildren(...names.map((name, number) => element('option', { value: `${number}` }, name)))
  }
  select.value = `${value}`
}

/** The sentence, or the two texts of cross-attention: choose a token, see what it attends to. */
export function sentenceView(data: Data, store: Store): HTMLElement {
  const { layers } = data.payload
  const layer = picker('Layer', 'layer')
  const number = picker('Head', 'head')
  const summary = element('p', { class: 'readout', id: 'attends', 'aria-live': 'polite' })
  const layerNames = layers.map(({ short }) => escaped(short.replace(/^L(?=\d+$)/, '')))

  const firstOf = (wanted: number): number =>
    layers.slice(0, wanted).reduce((sum, { heads }) => sum + heads, 0)
  const choose = (wantedLayer: number, wantedNumber: number): void => {
    const count = layers[wantedLayer]?.heads ?? 0
    if (count > 0) chooseHead(data, store, firstOf(wantedLayer) + Math.min(count - 1, wantedNumber))
  }
  layer.select.addEventListener('change', () =>
    choose(Number(layer.select.value), data.numberOf(store.get().head)),
  )
  number.select.addEventListener('change', () =>
    choose(data.layerOf(store.get().head), Number(number.select.value)),
  )

  /** One stage for each pair of texts, made when it is first shown. */
  const stages = new Map<string, Stage>()
  const holder = element('div', { class: 'holder' })
  let current: Stage | undefined

  function stageOf(head: number): Stage {
    const { queries, keys } = layers[data.layerOf(head)]!
    const name = `${queries} ${keys}`
    const stage = stages.get(name) ?? createStage(data, store, head, (text) => (summary.textContent = text))
    stages.set(name, stage)
    return stage
  }

  function draw(): void {
    const { head } = store.get()
    const numbers = Array.from({ length: layers[data.layerOf(head)]!.heads }, (_, one) => `${one}`)
    fillPicker(layer.select, layerNames, data.layerOf(head))
    fillPicker(number.select, numbers, data.numberOf(head))
    const stage = stageOf(head)
    if (stage === current) return stage.draw()
    current = stage
    holder.replaceChildren(stage.node)
    stage.measure()
    stage.reveal()
  }

  onWidth(holder, () => {
    if (current === undefined) draw()
    else current.measure()
  })
  store.on(['head', 'laid', 'query', 'shown', 'theme'], draw)
  const crossed = layers.some(({ queries, keys }) => queries !== keys)
  return section(
    'sentence',
    crossed ? 'The texts' : 'The sentence',
    'Choose a token, the query. Colour, arc and number say how much it attends to each key.',
    element('div', { class: 'pickers' }, layer.node, number.node),
    holder,
    summary,
    saveButtons(data, 'the sentence', () => ({
      name: `sentence ${data.namesOf(shownHeads(store.get()))}`,
      scene: current!.scene(),
    })),
  )
}
