import type { Theme } from '../page/colour.js'

/** What pictures are drawn on and with that stand in a light or a dark document. */
export const svgColours: Readonly<
  Record<
    Theme,
    { readonly paper: string; readonly ink: string; readonly muted: string; readonly grid: string }
  >
> = {
  light: { paper: '#ffffff', ink: '#1d1e26', muted: '#5d5e6b', grid: '#e4e2dd' },
  dark: { paper: '#0d1117', ink: '#eceaf2', muted: '#a5a4b3', grid: '#2e303b' },
}
