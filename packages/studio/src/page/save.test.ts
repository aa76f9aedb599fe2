import { expect, test } from 'vitest'
import { fileName } from './save.js'
import { moved, svgOfScene, type Scene } from './scene.js'

test('file names: words of letters and digits, not too many', () => {
  expect(fileName('“The cat sat”', 'Layer 2, head 5', 'svg')).toBe('the-cat-sat-layer-2-head-5.svg')
  expect(fileName('../../etc/passwd\u0000', 'L0 H1', 'png')).toBe('etc-passwd-l0-h1.png')
  expect(fileName('日本語 naïve', 'all heads', 'svg')).toBe('日本語-naïve-all-heads.svg')
  expect(fileName('', '???', 'png')).toBe('attention.png')
  expect(fileName('word '.repeat(100), 'x'.repeat(500), 'png').length).toBeLessThan(140)
})

const scene: Scene = {
  width: 40,
  height: 30.456,
  shapes: [
    { kind: 'rect', x: 1, y: 2, width: 3, height: 4, fill: 'rgb(1 2 3)' },
    { kind: 'hatch', x: 5, y: 2, width: 3, height: 4, ink: '#ccc' },
    { kind: 'text', x: 7, y: 8, text: '<&"\u202f', size: 12, fill: '#000', anchor: 'end', turned: true },
    { kind: 'path', d: 'M1 2 C3.5 -4 5 6 7 8', stroke: '#f00', line: 2, opacity: 0.5, dash: [2, 4] },
  ],
}

test('a scene as SVG: text is text, a hatching a pattern', () => {
  const svg = svgOfScene(scene, '#fff', 'a < b')
  expect(svg).toContain('viewBox="0 0 40 30.46"')
  expect(svg).toContain('<title>a &lt; b</title>')
  expect(svg).toContain('<rect x="1" y="2" width="3" height="4" fill="rgb(1 2 3)"/>')
  expect(svg).toContain('fill="url(#hatch-0)"')
  expect(svg).toContain('transform="rotate(90 7 8)"')
  expect(svg).toContain('>&lt;&amp;&quot;\u202f</text>')
  expect(svg).toContain('stroke-dasharray="2 4"')
})

test('shapes move, points of paths too', () => {
  expect(moved(scene.shapes, 10, 20)).toMatchObject([
    { x: 11, y: 22 },
    { x: 15, y: 22 },
    { x: 17, y: 28 },
    { d: 'M11 22 C13.5 16 15 26 17 28' },
  ])
})
