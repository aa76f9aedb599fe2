import { payloadId, type Payload } from '../payload.js'
import { chosenSection, offerSections } from './answers.js'
import { element } from './dom.js'
import { filterView } from './filter.js'
import { openData } from './frames.js'
import { headsView } from './heads.js'
import { helpButton } from './help.js'
import { nextView } from './next.js'
import { player } from './player.js'
import { drawForPrint } from './print.js'
import { sentenceView } from './sentence.js'
import { createStore } from './state.js'
import { tableView } from './table.js'
import { themeButton } from './theme.js'
import { trainingView } from './training.js'

/** A count to three digits: 124 M. */
function short(count: number): string {
  for (const [size, unit] of [
    [1e9, ' B'],
    [1e6, ' M'],
    [1e3, ' k'],
  ] as const) {
    if (count >= size) return `${Number((count / size).toPrecision(3))}${unit}`
  }
  return `${count}`
}

function plural(count: number, thing: string): string {
  return `${count} ${thing}${count === 1 ? '' : 's'}`
}

/** The head to show first: the one with the highest induction score, which shows the most of the sentence. */
function telling(payload: Payload): number {
  const scores = payload.frames.at(-1)!.scores[3]!.map((score) => score ?? 0)
  return scores.indexOf(scores.reduce((most, score) => Math.max(most, score), 0))
}

async function start(): Promise<void> {
  const section = chosenSection()
  const holder = document.getElementById(payloadId(section))
  if (holder === null) {
    // A page that shows no attention.
    document.documentElement.dataset['ready'] = 'true'
    return
  }
  const payload = JSON.parse(holder.textContent ?? '') as Payload
  const data = openData(payload, section)
  const frame = payload.frames.length - 1
  const trained = frame > 0
  const shown = await data.load(frame)
  const head = telling(payload)
  const query = data.queriesOf(head).length - 1
  const store = createStore({
    head,
    laid: [],
    query,
    key: data.mostAttended(shown, head, query),
    frame,
    shown,
    playing: false,
    theme: 0,
  })

  const header = document.getElementById('header')!
  const { model } = payload
  if (model !== null) {
    const facts = [
      model.name,
      `${short(model.parameters)} parameters`,
      plural(model.layers, 'layer'),
      `${plural(model.heads, 'head')} each`,
      `width ${model.width}`,
    ]
    header.firstElementChild!.append(
      element('p', { class: 'model' }, ...facts.map((fact) => element('bdi', {}, fact))),
    )
  }
  header.append(element('div', { class: 'buttons' }, themeButton(store), helpButton(trained)))

  const filter = filterView(data, store)
  const heads = headsView(data, store, () => filter.enlarge())
  const main = document.getElementById('main')!
  main.replaceChildren(
    sentenceView(data, store),
    ...(payload.next.length > 0 ? [nextView(data)] : []),
    element('div', { class: 'workbench' }, heads.node, filter.node, tableView(data, store)),
    ...(trained || payload.loss.length > 0 ? [trainingView(data, store)] : []),
  )
  main.classList.toggle('without-next', payload.next.length === 0)
  if (trained) {
    document.body.append(player(data, store))
    document.body.classList.add('trained')
  }
  offerSections(section, payload.title)
  drawForPrint(store, () => heads.paintAll())
  document.documentElement.dataset['ready'] = 'true'
}

start().catch((error: unknown) => {
  const said = error instanceof Error ? error.message : String(error)
  document
    .getElementById('main')
    ?.replaceChildren(element('p', { role: 'alert' }, `This report can't be shown: ${said}`))
  throw error
})
