import { lineChart, smoothed, type Chart, type Line } from './chart.js'
import type { Data } from './frames.js'
import { element, onWidth, section } from './dom.js'
import type { Store } from './state.js'
import { saveButtons } from './save.js'
import { lastStep, nearestFrame, stepOf } from './steps.js'
import { sceneOfSvg } from './svg-scene.js'

const HEIGHT = 260

/** A long loss curve is shown as the mean of a part of it, too: so many parts make the whole. */
const WINDOWS = 40

/**
 * Mean entropy, in nats, of queries that attend evenly to every key they may attend to; null where heads
 * differ in that.
 */
function uniformEntropy(data: Data): number | null {
  for (let head = 1; head < data.heads; head++) {
    if (!data.sameTexts(head, 0) || data.isCausal(head) !== data.isCausal(0)) return null
  }
  if (!data.isCausal(0)) return Math.log(data.keysOf(0).length)
  const queries = data.queriesOf(0).length
  let sum = 0
  for (let query = 0; query < queries; query++) sum += Math.log(query + 1)
  return sum / queries
}

function extent(values: readonly (number | null)[]): [number, number] {
  let low = Infinity
  let high = -Infinity
  for (const value of values) {
    if (value === null) continue
    low = Math.min(low, value)
    high = Math.max(high, value)
  }
  return low > high ? [0, 1] : [low, high]
}

/** The loss, and every head's entropy, over training. */
export function trainingView(data: Data, store: Store): HTMLElement {
  const { loss, frames, from } = data.payload
  const end = lastStep(data)
  const figure = (
    id: string,
    caption: string,
    build: (width: number) => Chart,
    update: (chart: Chart) => void,
  ): HTMLElement => {
    const stage = element('div', { class: 'chart-stage' })
    let chart: Chart | null = null
    const refresh = (): void => {
      if (chart === null) return
      chart.cursor(stepOf(data, store.get().frame))
      update(chart)
    }
    const seek = (event: PointerEvent): void => {
      if (chart === null || (event.type === 'pointermove' && event.buttons !== 1)) return
      const step = chart.stepAt(event.clientX - stage.getBoundingClientRect().left)
      store.set({ frame: nearestFrame(data, step), playing: false })
    }
    stage.addEventListener('pointerdown', seek)
    stage.addEventListener('pointermove', seek)
    onWidth(stage, (width) => {
      chart = build(width)
      stage.replaceChildren(chart.node)
      refresh()
    })
    store.on(['frame', 'head'], refresh)
    const save = saveButtons(data, `the figure “${caption}”`, () => ({
      name: id,
      scene: sceneOfSvg(chart!.node),
    }))
    return element('figure', { id }, element('figcaption', {}, caption), save, stage)
  }

  const parts: HTMLElement[] = []
  if (loss.length > 0) {
    const points: Line['points'] = loss.map((point) => [point.step, point.loss])
    const window = Math.floor(points.length / WINDOWS)
    const smooth = window > 1
    const lines: Line[] = [
      ...(smooth ? [{ label: '', style: 'training raw', points }] : []),
      { label: 'training', style: 'training', points: smooth ? smoothed(points, window) : points },
    ]
    const measured = loss.filter((point) => point.validation !== null)
    if (measured.length > 0) {
      lines.push({
        label: 'validation',
        style: 'validation',
        points: measured.map((point) => [point.step, point.validation]),
      })
    }
    const [low, high] = extent(lines.flatMap((line) => line.points.map((point) => point[1])))
    const room = 0.04 * (high - low || 1)
    parts.push(
      figure(
        'loss',
        smooth ? `Loss; the strong line is the mean of ${window} steps` : 'Loss',
        (width) =>
          lineChart(
            lines,
            { lastStep: end, low: low - room, high: high + room },
            { width, height: HEIGHT },
            'Loss over the training steps',
          ),
        () => {},
      ),
    )
  }
  const uniform = uniformEntropy(data)
  const entropies: Line[] = Array.from({ length: data.heads }, (_, head) => ({
    label: '',
    style: 'entropy',
    points: frames.map((frame, index) => [stepOf(data, index), frame.scores[0]![head] ?? null]),
  }))
  if (uniform !== null) {
    entropies.push({
      label: 'uniform',
      style: 'uniform',
      points: [
        [0, uniform],
        [end, uniform],
      ],
    })
  }
  const [, highest] = extent(entropies.flatMap((line) => line.points.map((point) => point[1])))
  parts.push(
    figure(
      'entropy',
      'Entropy of each head, in nats',
      (width) =>
        lineChart(
          entropies,
          { lastStep: end, low: 0, high: 1.05 * highest },
          { width, height: HEIGHT },
          'Entropy of every head over the training steps',
        ),
      ({ node, paths, labels }) => {
        const { head } = store.get()
        paths.forEach((path, index) => path.classList.toggle('chosen', index === head))
        labels.forEach((label, index) => {
          label.classList.toggle('chosen', index === head)
          if (index < data.heads) label.textContent = index === head ? data.nameOf(head) : ''
        })
        // The head's name gives way to the word "uniform" where both ends meet.
        const [name, other] = [labels[head], labels[data.heads]]
        if (name !== undefined && other !== undefined) {
          const gap = Number(name.getAttribute('y')) - Number(other.getAttribute('y'))
          name.setAttribute('dy', `${Math.abs(gap) < 14 ? 14 - gap : 0}`)
        }
        const path = paths[head]
        if (path !== undefined) node.append(path) // on top of the others
      },
    ),
  )
  return section(
    'training',
    'How it learned',
    `From ${from === null ? 'random to meaningful' : `what ${from} attended to (step 0) to what the task asks for`}: ` +
      'play the snapshots below, or drag in a figure. Low entropy means sharp attention.',
    element('div', { class: 'figures' }, ...parts),
  )
}
