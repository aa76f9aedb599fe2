import type { Data } from './frames.js'
import { calm, element } from './dom.js'
import type { Store } from './state.js'
import { lastStep, lossAt, stepOf } from './steps.js'

/** All snapshots play in about this time, each for no less and no more than so long (milliseconds). */
const WHOLE = 8000
const SHORTEST = 120
const LONGEST = 700
const CALM = 1000

/** Play, pause and slider: always in reach at the foot of the page. */
export function player(data: Data, store: Store): HTMLElement {
  const { frames, from } = data.payload
  const last = frames.length - 1
  const button = element('button', { type: 'button', id: 'play', class: 'play' })
  const slider = element('input', {
    type: 'range',
    id: 'slider',
    min: '0',
    max: `${last}`,
    step: '1',
    'aria-label': 'Moment of training',
  })
  const moment = element('output', { for: 'slider', class: 'moment' })
  const wait = calm() ? CALM : Math.min(LONGEST, Math.max(SHORTEST, WHOLE / frames.length))
  let timer = 0

  function show(): void {
    const { frame } = store.get()
    const step = stepOf(data, frame)
    const loss = lossAt(data, step)
    const finished = frames[frame]!.step === null
    const untrained = step === 0 && from !== null && !finished
    slider.value = `${frame}`
    const text = finished
      ? 'finished model'
      : `step ${step} of ${lastStep(data)}${untrained ? `: as ${from} is` : ''}`
    const lossText = loss === null ? '' : `loss ${loss.toFixed(3)}`
    slider.setAttribute('aria-valuetext', lossText === '' ? text : `${text}, ${lossText}`)
    moment.replaceChildren(element('span', {}, text), ' ', element('span', { class: 'number' }, lossText))
  }

  function advance(): void {
    const { playing, frame, shown } = store.get()
    if (!playing) return
    if (shown.index === frame) {
      if (frame >= last) return store.set({ playing: false })
      store.set({ frame: frame + 1 })
    }
    timer = window.setTimeout(advance, wait)
  }

  function change(): void {
    const { playing, frame } = store.get()
    button.textContent = playing ? 'Pause' : 'Play'
    button.classList.toggle('playing', playing)
    window.clearTimeout(timer)
    if (!playing) return
    if (frame === last) store.set({ frame: 0 })
    timer = window.setTimeout(advance, wait)
  }

  const toggle = (): void => store.set({ playing: !store.get().playing })
  button.addEventListener('click', toggle)
  slider.addEventListener('input', () => store.set({ frame: Number(slider.value), playing: false }))
  document.addEventListener('keydown', (event) => {
    if (event.key !== ' ' || event.ctrlKey || event.metaKey || event.altKey) return
    const target = event.target
    if (target instanceof HTMLElement && target.closest('button, select, dialog') !== null) return
    event.preventDefault()
    toggle()
  })
  store.on(['frame'], () => {
    show()
    const wanted = store.get().frame
    void data.load(wanted).then((frame) => {
      if (store.get().frame === wanted) store.set({ shown: frame })
    })
    if (wanted < last) void data.load(wanted + 1)
  })
  store.on(['playing'], change)
  show()
  change()
  return element(
    'div',
    { class: 'dock', 'aria-label': 'Training player', role: 'region' },
    button,
    slider,
    moment,
  )
}
