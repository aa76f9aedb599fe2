import type { Scene, Shape } from './scene.js'

/**
 * Everything drawn in an SVG element of the page, with the style that it has there: lines, paths and texts.
 */
export function svgShapes(node: SVGSVGElement): Shape[] {
  return [...node.querySelectorAll('line, path, text')].flatMap((child): Shape[] => {
    const style = getComputedStyle(child)
    const number = (name: string): number => Number(child.getAttribute(name) ?? 0)
    if (child instanceof SVGTextElement) {
      if (child.textContent === '') return []
      const middle = style.dominantBaseline === 'middle'
      const size = Number.parseFloat(style.fontSize)
      return [
        {
          kind: 'text',
          x: number('x'),
          y: number('y') + number('dy') - (middle ? 0 : 0.35 * size),
          text: child.textContent ?? '',
          fill: style.fill,
          size,
          weight: Number(style.fontWeight) || 400,
          anchor: style.textAnchor === 'middle' || style.textAnchor === 'end' ? style.textAnchor : 'start',
        },
      ]
    }
    const d =
      child instanceof SVGLineElement
        ? `M${number('x1')} ${number('y1')}L${number('x2')} ${number('y2')}`
        : (child.getAttribute('d') ?? '')
    const dash =
      style.strokeDasharray === 'none' ? [] : style.strokeDasharray.split(/[ ,]+/).map(Number.parseFloat)
    return style.stroke === 'none' || d === ''
      ? []
      : [
          {
            kind: 'path',
            d,
            stroke: style.stroke,
            line: Number.parseFloat(style.strokeWidth),
            opacity: Number(style.strokeOpacity),
            dash,
          },
        ]
  })
}

/** A figure of the page as a picture to save. */
export function sceneOfSvg(node: SVGSVGElement): Scene {
  return { width: node.clientWidth, height: node.clientHeight, shapes: svgShapes(node) }
}
