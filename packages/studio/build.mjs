// Bundles the page's client code and style into dist/page.js and dist/page.css, which renderReport puts into
// every report. Runs after `tsc -b`; the browser tests run it too.
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const here = fileURLToPath(new URL('.', import.meta.url))

await build({
  absWorkingDir: here,
  entryPoints: { page: 'src/page/main.ts', 'page-style': 'src/page/page.css' },
  outdir: 'dist',
  bundle: true,
  minify: true,
  charset: 'ascii', // hostile or merely unusual characters never depend on the file's encoding
  format: 'iife',
  target: ['chrome123', 'firefox125', 'safari17.5'],
  legalComments: 'none',
  logLevel: 'warning',
})
