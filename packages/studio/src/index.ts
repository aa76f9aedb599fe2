export * from './types.js'
export { renderAnswers, renderReport } from './report.js'
export { answerText } from './answer/answer-text.js'
export type {
  AnswerPart,
  BarRow,
  BarsPart,
  HeatPart,
  MapPart,
  Mark,
  PicturePart,
  PicturePixels,
  TextPart,
  WeightsPart,
} from './answer/parts.js'
export {
  attentionPage,
  type AttentionOptions,
  type AttentionPageOptions,
  attentionResult,
  attentionText,
  type AnyTensor,
  type Filters,
  type Labels,
  type LabelsByName,
  titleOf,
} from './attention.js'
export { attendPicture, briefPicture, type PictureOptions } from './picture/picture.js'
export { headsSvg, type PicturedHead, type PicturedLayer } from './picture/heads-svg.js'
export { filterSvg, type LabelledFilter } from './picture/filter-svg.js'
export { lineChartSvg, type ChartPoint, type LineChart } from './picture/line-chart-svg.js'
export { depthOf, Paint, themeOf } from './picture/paint.js'
export { visibleText } from './visible.js'
export { COLOURS, inkOn, place, scale, type Colour, type Theme } from './page/colour.js'
