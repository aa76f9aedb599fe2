/** Runs a template's statements, within bounds of time and memory. */
import { templateError } from './lexer.js'
import { contains, filters, itemsOf, methodOf, type Refuse, tests } from './library.js'
import type { Arguments, Expression, Statement } from './parser.js'
import {
  isEqual,
  isList,
  isRecord,
  isTrue,
  Namespace,
  type TemplateFunction,
  textOf,
  type Value,
} from './value.js'

/** Statements and expressions that are run; characters that are written, or made on the way. */
const [mostSteps, mostCharacters] = [2 ** 20, 2 ** 24]
/** How deep macros call each other. */
const deepestCalls = 50

/** Names of a block, and those around it. */
class Scope {
  readonly #names = new Map<string, Value>()
  readonly #outer: Scope | undefined

  constructor(outer?: Scope) {
    this.#outer = outer
  }

  get(name: string): Value {
    return this.#names.has(name) ? this.#names.get(name) : this.#outer?.get(name)
  }

  set(name: string, value: Value): void {
    this.#names.set(name, value)
  }
}

type Signal = 'break' | 'continue' | undefined

/**
 * What a template writes with these values.
 *
 * @throws FormatError for what makes no sense, or is more than a conversation needs
 */
export function evaluate(statements: readonly Statement[], values: ReadonlyMap<string, Value>): string {
  const run = new Run()
  const scope = new Scope()
  for (const [name, value] of values) scope.set(name, value)
  return run.text(statements, scope)
}

class Run {
  #steps = 0
  #characters = 0
  #calls = 0

  text(statements: readonly Statement[], scope: Scope): string {
    const out: string[] = []
    this.#run(statements, scope, out)
    return out.join('')
  }

  #run(statements: readonly Statement[], scope: Scope, out: string[]): Signal {
    for (const statement of statements) {
      this.#step(statement.at)
      switch (statement.kind) {
        case 'text':
          this.#write(statement.text, statement.at, out)
          break
        case 'output':
          this.#write(textOf(this.#value(statement.of, scope)), statement.at, out)
          break
        case 'if': {
          const branch = statement.branches.find(({ condition }) => isTrue(this.#value(condition, scope)))
          const signal = this.#run(branch?.body ?? statement.otherwise, scope, out)
          if (signal !== undefined) return signal
          break
        }
        case 'for': {
          const signal = this.#for(statement, scope, out)
          if (signal !== undefined) return signal
          break
        }
        case 'set':
          this.#set(statement, scope)
          break
        case 'macro':
          scope.set(statement.name, this.#macro(statement, scope))
          break
        case 'break':
        case 'continue':
          return statement.kind
      }
    }
    return undefined
  }

  #for(
    { names, of, condition, body, otherwise, at }: Extract<Statement, { readonly kind: 'for' }>,
    scope: Scope,
    out: string[],
  ): Signal {
    const bind = (inner: Scope, item: Value): void => {
      if (names.length === 1) return inner.set(names[0]!, item)
      const parts = itemsOf(item, refuseAt(at))
      names.forEach((name, i) => inner.set(name, parts[i]))
    }
    const items = itemsOf(this.#value(of, scope), refuseAt(at)).filter((item) => {
      if (condition === undefined) return true
      this.#step(at)
      const inner = new Scope(scope)
      bind(inner, item)
      return isTrue(this.#value(condition, inner))
    })
    if (items.length === 0) return this.#run(otherwise, scope, out)
    for (const [i, item] of items.entries()) {
      this.#step(at)
      const inner = new Scope(scope)
      bind(inner, item)
      inner.set(
        'loop',
        new Map<string, Value>([
          ['index', i + 1],
          ['index0', i],
          ['revindex', items.length - i],
          ['revindex0', items.length - i - 1],
          ['first', i === 0],
          ['last', i === items.length - 1],
          ['length', items.length],
          ['previtem', items[i - 1]],
          ['nextitem', items[i + 1]],
        ]),
      )
      if (this.#run(body, inner, out) === 'break') break
    }
    return undefined
  }

  #set({ name, member, value, at }: Extract<Statement, { readonly kind: 'set' }>, scope: Scope): void {
    const made = isStatements(value) ? this.text(value, new Scope(scope)) : this.#value(value, scope)
    if (member === undefined) return scope.set(name, made)
    const namespace = scope.get(name)
    if (!(namespace instanceof Namespace)) return refuseAt(at)(`'${name}', a namespace`, 'another value')
    namespace.members.set(member, made)
  }

  #macro(
    { parameters, body, at }: Extract<Statement, { readonly kind: 'macro' }>,
    scope: Scope,
  ): TemplateFunction {
    return (list, named) => {
      if (++this.#calls > deepestCalls)
        refuseAt(at)(`macros that call each other ${deepestCalls} deep at most`, 'more')
      const inner = new Scope(scope)
      parameters.forEach(({ name, absent }, i) =>
        inner.set(
          name,
          i < list.length
            ? list[i]
            : named.has(name)
              ? named.get(name)
              : absent && this.#value(absent, scope),
        ),
      )
      const made = this.text(body, inner)
      this.#calls--
      return made
    }
  }

  #value(expression: Expression, scope: Scope): Value {
    const { at } = expression
    this.#step(at)
    const refuse = refuseAt(at)
    switch (expression.kind) {
      case 'value':
        return expression.value
      case 'name':
        return scope.get(expression.name)
      case 'list':
        return expression.items.map((item) => this.#value(item, scope))
      case 'dict':
        return new Map(
          expression.items.map(([key, value]) => [
            textOf(this.#value(key, scope)),
            this.#value(value, scope),
          ]),
        )
      case 'member':
        return this.#member(expression, scope, refuse)
      case 'slice':
        return this.#slice(expression, scope, refuse)
      case 'call': {
        const called = this.#value(expression.of, scope)
        if (typeof called !== 'function') return refuse('a function', 'another value, or none')
        return this.#made(called(...this.#given(expression.given, scope)), at)
      }
      case 'filter': {
        const filter = Object.hasOwn(filters, expression.name) ? filters[expression.name] : undefined
        if (filter === undefined) return refuse('a filter that heed knows', `'${expression.name}'`)
        const [list, named] = this.#given(expression.given, scope)
        return this.#made(filter(this.#value(expression.of, scope), list, named, refuse), at)
      }
      case 'test': {
        const test = Object.hasOwn(tests, expression.name) ? tests[expression.name] : undefined
        if (test === undefined) return refuse('a test that heed knows', `'${expression.name}'`)
        const [list] = this.#given(expression.given, scope)
        return test(this.#value(expression.of, scope), list, refuse) !== expression.negated
      }
      case 'unary': {
        const value = this.#value(expression.of, scope)
        if (expression.operator === 'not') return !isTrue(value)
        const number = numberIn(value, refuse)
        return expression.operator === '-' ? -number : number
      }
      case 'binary':
        return this.#binary(expression, scope, refuse)
      case 'choice':
        if (isTrue(this.#value(expression.condition, scope))) return this.#value(expression.then, scope)
        return expression.otherwise && this.#value(expression.otherwise, scope)
    }
  }

  #given(given: Arguments, scope: Scope): [readonly Value[], ReadonlyMap<string, Value>] {
    return [
      given.list.map((one) => this.#value(one, scope)),
      new Map(given.named.map(([name, one]) => [name, this.#value(one, scope)])),
    ]
  }

  #member(expression: Extract<Expression, { readonly kind: 'member' }>, scope: Scope, refuse: Refuse): Value {
    const of = this.#value(expression.of, scope)
    const key = this.#value(expression.key, scope)
    if (of === undefined) return refuse(`a value with '${textOf(key)}'`, 'none')
    if (of instanceof Namespace) return of.members.get(textOf(key))
    const method = expression.dotted ? methodOf(of, textOf(key), refuse) : undefined
    if (method !== undefined) return method
    if (isRecord(of)) return typeof key === 'string' ? of.get(key) : undefined
    if (typeof key !== 'number') return undefined
    const items = isList(of) || typeof of === 'string' ? itemsOf(of, refuse) : []
    return items.at(key)
  }

  #slice(
    { of, bounds }: Extract<Expression, { readonly kind: 'slice' }>,
    scope: Scope,
    refuse: Refuse,
  ): Value {
    const value = this.#value(of, scope)
    const items = itemsOf(value, refuse)
    const [start, end, step = 1] = bounds.map((bound) => {
      const number = bound && this.#value(bound, scope)
      return number === undefined || number === null ? undefined : numberIn(number, refuse)
    })
    if (step === 0) return refuse('a step other than 0', '0')
    const { length } = items
    const within = (place: number | undefined, absent: number, least: number): number =>
      place === undefined
        ? absent
        : Math.max(least, Math.min(length + least, place < 0 ? place + length : place))
    const found: Value[] = []
    if (step > 0)
      for (let i = within(start, 0, 0); i < within(end, length, 0); i += step) found.push(items[i])
    else
      for (let i = Math.min(length - 1, within(start, length - 1, -1)); i > within(end, -1, -1); i += step)
        found.push(items[i])
    this.#steps += found.length
    return typeof value === 'string' ? found.map(textOf).join('') : found
  }

  #binary(
    { operator, left, right, at }: Extract<Expression, { readonly kind: 'binary' }>,
    scope: Scope,
    refuse: Refuse,
  ): Value {
    const a = this.#value(left, scope)
    if (operator === 'and') return isTrue(a) ? this.#value(right, scope) : a
    if (operator === 'or') return isTrue(a) ? a : this.#value(right, scope)
    const b = this.#value(right, scope)
    switch (operator) {
      case '==':
        return isEqual(a, b)
      case '!=':
        return !isEqual(a, b)
      case 'in':
        return contains(b, a, refuse)
      case '~':
        return this.#made(textOf(a) + textOf(b), at)
      case '+':
        if (typeof a === 'string' && typeof b === 'string') return this.#made(a + b, at)
        if (isList(a) && isList(b)) return this.#made([...a, ...b], at)
        break
    }
    if (typeof a === 'string' && typeof b === 'string' && '<= >='.includes(operator)) {
      if (operator === '<') return a < b
      if (operator === '>') return a > b
      return operator === '<=' ? a <= b : a >= b
    }
    return arithmetic(operator, numberIn(a, refuse), numberIn(b, refuse), refuse)
  }

  /** Counts what is made on the way. */
  #made(value: Value, at: number): Value {
    if (typeof value === 'string') this.#count(value.length, at)
    else if (isList(value)) this.#count(8 * value.length, at)
    return value
  }

  #write(text: string, at: number, out: string[]): void {
    this.#count(text.length, at)
    out.push(text)
  }

  #count(characters: number, at: number): void {
    this.#characters += characters
    if (this.#characters > mostCharacters)
      refuseAt(at)(`a text of at most ${mostCharacters} characters, with what it is made of`, 'more')
  }

  #step(at: number): void {
    if (++this.#steps > mostSteps) refuseAt(at)(`at most ${mostSteps} steps`, 'more')
  }
}

const isStatements = (value: Expression | readonly Statement[]): value is readonly Statement[] =>
  Array.isArray(value)

function refuseAt(at: number): Refuse {
  return (expected, found) => {
    throw templateError(at, expected, found)
  }
}

function numberIn(value: Value, refuse: Refuse): number {
  if (typeof value === 'number') return value
  if (typeof value === 'boolean') return Number(value)
  return refuse('a number', value === undefined || value === null ? 'none' : typeof value)
}

function arithmetic(operator: string, a: number, b: number, refuse: Refuse): Value {
  if (['/', '//', '%'].includes(operator) && b === 0) return refuse('a divisor other than 0', '0')
  switch (operator) {
    case '+':
      return a + b
    case '-':
      return a - b
    case '*':
      return a * b
    case '/':
      return a / b
    case '//':
      return Math.floor(a / b)
    case '%':
      return a - b * Math.floor(a / b)
    case '**':
      return a ** b
    case '<':
      return a < b
    case '>':
      return a > b
    case '<=':
      return a <= b
    default:
      return operator === '>=' ? a >= b : refuse('an operator', operator)
  }
}
