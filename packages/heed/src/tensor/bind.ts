import { values } from './create.js'
import { bindMethods } from './methods.js'
import { add, at, div, merge, mul, rename, slice, split, sub } from './operations/index.js'

bindMethods({ values, add, sub, mul, div, rename, split, merge, slice, at })
