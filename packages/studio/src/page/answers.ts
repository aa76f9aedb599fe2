import { element } from './dom.js'

const form = /^#heads-(\d+)$/

/** The section whose heads are shown: what the address says, else the first. */
export function chosenSection(): number {
  return Number(form.exec(location.hash)?.[1] ?? 0)
}

/**
 * Where several sections have heads to show: a button in each that shows its own, and a heading over the
 * heads that says whose they are.
 */
export function offerSections(shown: number, title: string): void {
  const sections = [...document.querySelectorAll<HTMLElement>('.answer[data-section]')]
  if (sections.length < 2) return
  for (const section of sections) {
    const own = section.dataset['section']!
    const isShown = Number(own) === shown
    const button = element(
      'button',
      { type: 'button' },
      isShown ? 'Its heads are below' : 'Show its heads below',
    )
    button.addEventListener('click', () => {
      if (isShown) document.getElementById('heads-title')?.scrollIntoView()
      else {
        location.hash = `#heads-${own}`
        location.reload()
      }
    })
    section.append(button)
  }
  const heading = element('h2', { id: 'heads-title' }, 'What was attended: ', element('bdi', {}, title))
  document.getElementById('answers')!.append(heading)
  if (location.hash !== '') heading.scrollIntoView()
}
