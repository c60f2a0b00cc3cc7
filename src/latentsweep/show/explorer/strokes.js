// Drawings: strokes of a pen or a finger, turned into what the networks take, and into text.
//
// A stroke is {points: [[x, y], ...], colour: [c0, ...]}: x to the right and y down, in 0 to 1 of
// the item's width and height, and a value per channel in the unit of the item's values; colour
// null is the data's own ink, which the caller puts there before anything is painted.
//
// A transform {scale, x, y} maps a point to pixel ((px * scale + x) * width, (py * scale + y) *
// height): both axes by the same scale, so a drawing keeps its aspect in pixels of any item.

const IDENTITY = { scale: 1, x: 0, y: 0 };
const DOT = 0.1; // of the item's longer side: what spans less isn't scaled
// The share of the way to the centre that is moved each time: not all of it, since the centre of
// mass of whole pixels may move twice as fast as the drawing.
const CENTRINGS = [1, 0.7, 0.5, 0.5, 0.5, 0.5];

const limited = (value, low, high) => Math.min(Math.max(value, low), high);

const distanceToSegment = (x, y, [x1, y1], [x2, y2]) => {
  const [dx, dy] = [x2 - x1, y2 - y1];
  const squared = dx * dx + dy * dy;
  const along = squared > 0 ? limited(((x - x1) * dx + (y - y1) * dy) / squared, 0, 1) : 0;
  return Math.hypot(x - x1 - along * dx, y - y1 - along * dy);
};

// The first and the last pixel, of `count`, that a pen may touch between two places.
const touched = (first, second, reach, count) => [
  Math.max(Math.floor(Math.min(first, second) - reach), 0),
  Math.min(Math.ceil(Math.max(first, second) + reach), count) - 1,
];

const coverSegment = (covered, width, height, radius, [from, to]) => {
  const [left, right] = touched(from[0], to[0], radius + 1, width);
  const [top, bottom] = touched(from[1], to[1], radius + 1, height);
  for (let row = top; row <= bottom; row += 1) {
    for (let column = left; column <= right; column += 1) {
      const distance = distanceToSegment(column + 0.5, row + 0.5, from, to);
      const share = limited(radius + 0.5 - distance, 0, 1);
      const pixel = row * width + column;
      if (share > covered[pixel]) covered[pixel] = share;
    }
  }
};

/**
 * The share of each pixel that a round pen of a radius in pixels covers along the points of a
 * stroke: Float32Array [height * width] in 0 to 1, falling from 1 to 0 within a pixel at the edge.
 */
export const coverage = (points, width, height, radius, transform) => {
  const { scale, x, y } = transform;
  const pixels = points.map((p) => [(p[0] * scale + x) * width, (p[1] * scale + y) * height]);
  const covered = new Float32Array(height * width);
  pixels.forEach((pixel, i) => {
    if (i > 0 || pixels.length === 1) {
      coverSegment(covered, width, height, radius, [pixels[Math.max(i - 1, 0)], pixel]);
    }
  });
  return covered;
};

// The ink of all strokes, as opaque paint: a pixel stays bare by the product of the bare shares.
const inkOf = (strokes, width, height, radius, transform) => {
  const bare = new Float64Array(height * width).fill(1);
  for (const { points } of strokes) {
    const covered = coverage(points, width, height, radius, transform);
    covered.forEach((share, pixel) => { bare[pixel] *= 1 - share; });
  }
  return bare.map((share) => 1 - share);
};

const centreOfMass = (ink, width) => {
  const sum = [0, 0, 0];
  ink.forEach((amount, pixel) => {
    sum[0] += amount;
    sum[1] += amount * ((pixel % width) + 0.5);
    sum[2] += amount * (Math.floor(pixel / width) + 0.5);
  });
  return sum[0] > 0 ? [sum[1] / sum[0], sum[2] / sum[0]] : null;
};

// A transform moved by a share of the way that the centre of mass is off the item's centre. The
// ink is put on an item three times as wide and high, in the middle, so that nothing is cut off.
const centred = (strokes, width, height, radius, { scale, x, y }, share) => {
  const wide = { scale: scale / 3, x: (x + 1) / 3, y: (y + 1) / 3 };
  const centre = centreOfMass(inkOf(strokes, 3 * width, 3 * height, radius, wide), 3 * width);
  if (!centre) return { scale, x, y };
  const [right, down] = [1.5 - centre[0] / width, 1.5 - centre[1] / height];
  return { scale, x: x + share * right, y: y + share * down };
};

const spanOf = (values) => {
  const low = values.reduce((least, value) => Math.min(least, value), Infinity);
  const high = values.reduce((most, value) => Math.max(most, value), -Infinity);
  return { middle: (low + high) / 2, length: high - low };
};

// Where a pen of a radius of a pixel or less draws over the same line several times, the pixels
// have hard edges and the centre of mass may stay half a pixel off, or more.
/**
 * The transform for `coverage` after which the longer side of the ink (points and the pen, whose
 * radius in pixels stays) is `extent` pixels, and its centre of mass the middle of the item. What
 * spans less than a tenth of the item's longer side is only moved. Of no points: the identity.
 */
export const fitting = (strokes, width, height, radius, extent) => {
  const points = strokes.flatMap((stroke) => stroke.points);
  if (!points.length) return IDENTITY;
  const [across, down] = [0, 1].map((axis) => spanOf(points.map((point) => point[axis])));
  const span = Math.max(across.length * width, down.length * height);
  const dot = span < DOT * Math.max(width, height);
  const scale = dot ? 1 : Math.max(extent - 2 * radius, 0) / span;
  let found = { scale, x: 0.5 - scale * across.middle, y: 0.5 - scale * down.middle };
  for (const share of CENTRINGS) found = centred(strokes, width, height, radius, found, share);
  return found;
};

/**
 * The base (Float32Array [height * width * channels], channel last) with each stroke laid over it
 * in turn; shape is [height, width, channels], the radius in pixels, every colour resolved.
 */
export const painted = (base, strokes, [height, width, channels], radius, transform) => {
  const result = Float32Array.from(base);
  for (const { points, colour } of strokes) {
    const covered = coverage(points, width, height, radius, transform);
    for (let i = 0; i < result.length; i += 1) {
      const share = covered[Math.floor(i / channels)];
      result[i] = result[i] * (1 - share) + colour[i % channels] * share;
    }
  }
  return result;
};

const setBars = (values, from, to) => {
  const steps = Math.abs(to.feature - from.feature);
  for (let step = 1; step < steps; step += 1) {
    const share = step / steps;
    const feature = from.feature + Math.sign(to.feature - from.feature) * step;
    values[feature] = from.value * (1 - share) + to.value * share;
  }
  values[to.feature] = to.value;
};

/** How high a value stands between the limits, 0 to 1; counts by log(1 + count). */
export const heightOf = (value, [low, high, counts = false]) => {
  const [bottom, top, at] = [low, high, limited(value, low, high)].map(counts ? Math.log1p : Number);
  return (at - bottom) / (top - bottom || 1);
};

/** The value that stands so high. */
export const valueAt = (height, [low, high, counts = false]) => {
  if (!counts) return low + height * (high - low);
  return Math.expm1(Math.log1p(low) + height * (Math.log1p(high) - Math.log1p(low)));
};

/**
 * The base (Float32Array [D], shown as D bars in a range [low, high]) with every feature that a
 * stroke passes set to the stroke's height there, 0 high and 1 low; later points win.
 */
export const barred = (base, strokes, limits) => {
  const result = Float32Array.from(base);
  const bar = ([x, y]) => ({
    feature: limited(Math.floor(x * result.length), 0, result.length - 1),
    value: valueAt(1 - y, limits),
  });
  for (const { points } of strokes) {
    const bars = points.map(bar);
    bars.forEach((to, i) => setBars(result, bars[Math.max(i - 1, 0)], to));
  }
  return result;
};

const thousandths = (value) =>
  limited(Math.round(value * 1000), 0, 1000).toString(36).padStart(2, "0");

const strokeText = ({ points, colour }) => {
  const channels = colour?.map((value) => limited(Math.round(value * 255), 0, 255));
  const written = points.map(([x, y]) => thousandths(x) + thousandths(y)).join("");
  return channels ? `${channels.join("-")}.${written}` : written;
};

/**
 * Strokes as text for an address: four characters of base 36 a point (two each for x and y, in
 * thousandths), before them the colour (values of 0 to 1 as 0 to 255, as in "255-0-9.") unless it
 * is null; strokes are separated by "_", those without points left out.
 */
export const strokesText = (strokes) =>
  strokes.filter(({ points }) => points.length).map(strokeText).join("_");

const STROKE = /^(?:(\d{1,3}(?:-\d{1,3})*)\.)?((?:[0-9a-z]{4})+)$/;

const pointFrom = (text) =>
  [text.slice(0, 2), text.slice(2)].map((digits) => parseInt(digits, 36) / 1000);

const strokeFrom = (text) => {
  const [, channels, written] = STROKE.exec(text) ?? [];
  if (!written) return null;
  const colour = channels ? channels.split("-").map((value) => value / 255) : null;
  const points = written.match(/.{4}/g).map(pointFrom);
  const numbers = [...(colour ?? []), ...points.flat()];
  return numbers.every((value) => value <= 1) ? { points, colour } : null;
};

/** The strokes of a text of `strokesText`, colours in 0 to 1 or null; [] of anything malformed. */
export const strokesFrom = (text) => {
  const strokes = typeof text === "string" ? text.split("_").map(strokeFrom) : [];
  return strokes.includes(null) ? [] : strokes;
};
