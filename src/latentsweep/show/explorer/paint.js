// Items on canvases: images pixel by pixel, rows of numbers as bars. Nothing here remembers.

import { heightOf } from "latentsweep/strokes.js";

const bytes = (value, [low, high]) => (255 * (value - low)) / (high - low || 1);

/** The four channels of a pixel from the 1, 3 or 4 channels of an image; others are averaged. */
const pixel = (values, start, channels, limits) => {
  const level = (channel) => bytes(values[start + channel], limits);
  if (channels >= 3 && channels <= 4) {
    return [level(0), level(1), level(2), channels === 4 ? level(3) : 255];
  }
  let sum = 0;
  for (let channel = 0; channel < channels; channel += 1) sum += level(channel);
  const grey = sum / channels;
  return [grey, grey, grey, 255];
};

/** An image [height, width, channels] as ImageData; values beyond the limits are clipped. */
export const imageData = (values, [height, width, channels], limits) => {
  const image = new ImageData(width, height);
  for (let i = 0; i < height * width; i += 1) {
    image.data.set(pixel(values, i * channels, channels, limits), 4 * i);
  }
  return image;
};

/** Draws an image onto a canvas, which gets its size; its style enlarges it. */
export const paintImage = (canvas, values, shape, limits) => {
  resize(canvas, shape[1], shape[0]);
  canvas.getContext("2d").putImageData(imageData(values, shape, limits), 0, 0);
};

const resize = (canvas, width, height) => {
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
};

/** The colours of the page, which its style decides by the scheme. */
export const colours = (element) => {
  const style = getComputedStyle(element);
  const named = (name) => style.getPropertyValue(`--${name}`).trim();
  return { ink: named("ink"), quiet: named("quiet"), line: named("line"), accent: named("accent") };
};

/** Draws a row of numbers as bars from 0, or from the nearest limit, over those of a reference. */
export const paintBars = (canvas, values, limits, reference = null) => {
  const [width, height] = fitToScreen(canvas, 1.6);
  const context = canvas.getContext("2d");
  const { accent, line, quiet } = colours(canvas);
  const chart = { context, width, height, limits };
  context.clearRect(0, 0, width, height);
  if (reference) bars(chart, reference, line, 1);
  bars(chart, values, reference ? accent : quiet, reference ? 0.5 : 1);
};

const bars = ({ context, width, height, limits }, values, colour, share) => {
  const y = (value) => height * (1 - heightOf(value, limits));
  const ground = y(0);
  const step = width / values.length;
  const thickness = Math.max(step * share * 0.86, 1);
  context.fillStyle = colour;
  values.forEach((value, i) => {
    const x = (i + 0.5) * step - thickness / 2;
    context.fillRect(x, Math.min(ground, y(value)), thickness, Math.max(Math.abs(y(value) - ground), 1));
  });
};

/** Makes a canvas as sharp as the screen; its size in device pixels. */
export const fitToScreen = (canvas, aspect = null) => {
  const ratio = window.devicePixelRatio || 1;
  const width = Math.max(Math.round(canvas.clientWidth * ratio), 1);
  const height = aspect
    ? Math.max(Math.round(width / aspect), 1)
    : Math.max(Math.round(canvas.clientHeight * ratio), 1);
  resize(canvas, width, height);
  return [width, height];
};

/** A function that paints items of this data: an image, or bars over those of a reference. */
export const painter = ({ image, shape, limits }) =>
  image
    ? (canvas, values) => paintImage(canvas, values, shape, limits)
    : (canvas, values, reference) => paintBars(canvas, values, limits, reference);
