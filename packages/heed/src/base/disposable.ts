/// <reference lib="esnext.disposable" preserve="true" />

/** `Symbol.dispose`; where the engine lacks it a symbol that nothing looks for. */
const disposeSymbol: symbol =
  (Symbol as { readonly dispose?: symbol }).dispose ?? Symbol.for('nodejs.dispose')

/**
 * Gives a class the method that `using value = …` calls at the end of a block: `dispose`, under the name that
 * the class declares as `[Symbol.dispose]`.
 */
export function disposedByUsing(made: { readonly prototype: { dispose(): void } }): void {
  Object.defineProperty(made.prototype, disposeSymbol, {
    configurable: true,
    writable: true,
    value(this: { dispose(): void }) {
      this.dispose()
    },
  })
}
