export { type ChatMessage, type ChatOptions, ChatTemplate } from './chat-template.js'
