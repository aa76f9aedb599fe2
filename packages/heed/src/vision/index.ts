export * from './patches.js'
export * from './positions.js'
export type { Picture } from './picture.js'
export { checkPicture, longestSide } from './picture.js'
export { type Resample, resampleNames } from './resample.js'
export { resizePicture } from './resize.js'
export { cropCentre } from './crop.js'
export {
  type Channels,
  fitPicture,
  type ImageProcessor,
  pixelValues,
  processPictures,
} from './image-processor.js'
export { type ImageProcessorOptions, readImageProcessor, writeImageProcessor } from './processor-config.js'
export { decodePicture, type DecodePictureOptions, readPicture } from './decode-picture.js'
export { pictureFormats, type PictureHeader, pictureHeader } from './picture-header.js'
export type { Transparency } from './transparency.js'
export { findSharp } from './sharp.js'
