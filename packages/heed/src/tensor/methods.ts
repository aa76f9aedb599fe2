/**
 * The operations that are also methods of Tensor. They are written as functions of tensors, so they come
 * after the class; `bindMethods` hands them over.
 */
export interface Methods {
  values(tensor: unknown, order: readonly string[]): unknown
  // Typed by the methods of Tensor that call them.
  add(a: unknown, b: unknown): never
  sub(a: unknown, b: unknown): never
  mul(a: unknown, b: unknown): never
  div(a: unknown, b: unknown): never
  rename(tensor: unknown, names: unknown): unknown
  split(tensor: unknown, axis: string, into: unknown): never
  merge(tensor: unknown, axes: readonly string[], into: string): never
  slice(tensor: unknown, axis: string, start: number, end: number): never
  at(tensor: unknown, axis: string, position: number): never
}

export const methods: Methods = {} as Methods

export function bindMethods(
  operations: Readonly<Record<keyof Methods, (...values: never[]) => unknown>>,
): void {
  Object.assign(methods, operations)
}
