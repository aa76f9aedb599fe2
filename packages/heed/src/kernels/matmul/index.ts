export * from './request.js'
export * from './plan.js'
