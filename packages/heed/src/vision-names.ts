// The public names of seeing: patches, and the models that read pictures. Each name is listed, as in
// index.ts, which gives them all.

export {
  createPatchEmbedding,
  embedPatches,
  interpolatedPositions,
  type PatchEmbedding,
  patchGrid,
  type PatchGrid,
  type PatchShape,
  type Pixels,
} from './vision/index.js'
export {
  type Channels,
  cropCentre,
  decodePicture,
  type DecodePictureOptions,
  fitPicture,
  type ImageProcessor,
  type ImageProcessorOptions,
  type Picture,
  pixelValues,
  processPictures,
  readImageProcessor,
  readPicture,
  type Resample,
  resizePicture,
  type Transparency,
  writeImageProcessor,
} from './vision/index.js'
