// The geometry of codes: neighbours, planes through a latent space and straight walks in it, and
// what a pointer, a lasso or an arrow key picks among points on the screen.
//
// `codes` is one Float32Array, row by row, `size` numbers a row; a code is any array of `size`.

const KRYLOV = 60; // as many directions are searched for the leading two; all, if there are fewer
const SWEEPS = 30;
const NOTHING = 1e-10; // the share of a vector below which its remainder is rounding error

const inner = (first, second) => {
  let sum = 0;
  for (let i = 0; i < first.length; i += 1) sum += first[i] * second[i];
  return sum;
};

const norm = (vector) => Math.sqrt(inner(vector, vector));
const scaled = (vector, factor) => Float64Array.from(vector, (value) => value * factor);
const difference = (first, second) => Float64Array.from(first, (value, i) => value - second[i]);

const add = (vector, factor, other) => {
  for (let i = 0; i < vector.length; i += 1) vector[i] += factor * other[i];
};

const unit = (size, dimension) => {
  const vector = new Float64Array(size);
  vector[dimension] = 1;
  return vector;
};

/** The code of a row: a Float32Array view of `size` numbers, not a copy. */
export const codeOf = (codes, size, row) => codes.subarray(row * size, (row + 1) * size);

const distanceTo = (codes, size, row, code) => {
  let sum = 0;
  for (let i = 0; i < size; i += 1) sum += (codes[row * size + i] - code[i]) ** 2;
  return Math.sqrt(sum);
};

/**
 * The `most` rows nearest to a code by Euclidean distance, nearest first, ties by row, without the
 * row `except`: an array of {row, distance}, shorter if there are fewer rows.
 */
export const nearest = (codes, size, code, most, except = -1) => {
  const found = [];
  for (let row = 0; row < codes.length / size; row += 1) {
    if (row !== except) found.push({ row, distance: distanceTo(codes, size, row, code) });
  }
  return found.sort((a, b) => a.distance - b.distance || a.row - b.row).slice(0, most);
};

/**
 * The place [x, y] of a code among those of its neighbours (at least one {row, distance}; `places`
 * is a Float32Array [count, 2]): their mean weighted by 1 / distance; that of the first at none.
 */
export const placeAmong = (neighbours, places) => {
  const place = ({ row }) => [places[2 * row], places[2 * row + 1]];
  const same = neighbours.find(({ distance }) => distance < 1e-12);
  if (same) return place(same);
  const sum = [0, 0];
  for (const each of neighbours) add(sum, 1 / each.distance, place(each));
  const weight = neighbours.reduce((total, { distance }) => total + 1 / distance, 0);
  return sum.map((value) => value / weight);
};

/** The plane of two different dimensions through 0, {origin, across, up}; of size 1, `up` is 0. */
export const dimensionAxes = (size, first, second) => ({
  origin: new Float64Array(size),
  across: unit(size, first),
  up: size > 1 ? unit(size, second) : new Float64Array(size),
});

const meanCode = (codes, size) => {
  const mean = new Float64Array(size);
  for (let i = 0; i < codes.length; i += size) add(mean, 1, codes.subarray(i, i + size));
  return scaled(mean, size / codes.length);
};

// The values of a dimension less their mean, one after the other, where they are read fastest.
const centredColumn = (codes, size, dimension, mean) => {
  const column = new Float64Array(codes.length / size);
  for (let row = 0; row < column.length; row += 1) {
    column[row] = codes[row * size + dimension] - mean;
  }
  return column;
};

const covariance = (codes, size, mean) => {
  const columns = Array.from(mean, (value, i) => centredColumn(codes, size, i, value));
  const matrix = columns.map(() => new Float64Array(size));
  for (let i = 0; i < size; i += 1) {
    for (let j = 0; j <= i; j += 1) {
      matrix[i][j] = matrix[j][i] = inner(columns[i], columns[j]) / columns[0].length;
    }
  }
  return matrix;
};

const times = (matrix, vector) => Float64Array.from(matrix, (row) => inner(row, vector));

// The unit vector of what is left of a vector without its parts along a basis; null if nothing is.
// One pass leaves rounding errors along the basis, a second one none.
const remainder = (vector, basis) => {
  const rest = Float64Array.from(vector);
  for (const each of [...basis, ...basis]) add(rest, -inner(rest, each), each);
  const length = norm(rest);
  return length > NOTHING * norm(vector) ? scaled(rest, 1 / length) : null;
};

// An orthonormal basis of what a symmetric matrix makes of two vectors when applied again and
// again, where its leading directions are found early; with new vectors where it makes nothing.
// Two vectors, since from one alone only one of two equally large directions is reached.
const krylovBasis = (matrix) => {
  const size = matrix.length;
  const next = randomNormal(1);
  const basis = [];
  while (basis.length < Math.min(size, KRYLOV)) {
    const image = basis.length > 1 ? times(matrix, basis[basis.length - 2]) : null;
    let added = image && remainder(image, basis);
    while (!added) added = remainder(Float64Array.from({ length: size }, next), basis);
    basis.push(added);
  }
  return basis;
};

const rotate = (first, second, cosine, sine) => {
  for (let i = 0; i < first.length; i += 1) {
    const [a, b] = [first[i], second[i]];
    first[i] = cosine * a - sine * b;
    second[i] = sine * a + cosine * b;
  }
};

// One rotation of Jacobi's method: makes entry p, q of a symmetric matrix 0.
const annul = (matrix, vectors, p, q) => {
  const slope = (matrix[q][q] - matrix[p][p]) / (2 * matrix[p][q]);
  const tangent = (slope < 0 ? -1 : 1) / (Math.abs(slope) + Math.hypot(1, slope));
  const cosine = 1 / Math.hypot(1, tangent);
  const sine = tangent * cosine;
  rotate(matrix[p], matrix[q], cosine, sine);
  for (const row of matrix) {
    const [a, b] = [row[p], row[q]];
    row[p] = cosine * a - sine * b;
    row[q] = sine * a + cosine * b;
  }
  rotate(vectors[p], vectors[q], cosine, sine);
};

// The eigenvectors of a symmetric matrix (which becomes diagonal), largest eigenvalue first.
const eigenvectors = (matrix) => {
  const size = matrix.length;
  const vectors = matrix.map((_, i) => unit(size, i));
  const small = 1e-15 * Math.max(...matrix.map((row) => Math.max(...row.map(Math.abs))));
  for (let sweep = 0, turned = true; turned && sweep < SWEEPS; sweep += 1) {
    turned = false;
    for (let q = 1; q < size; q += 1) {
      for (let p = 0; p < q; p += 1) {
        if (!(Math.abs(matrix[p][q]) > small)) continue;
        annul(matrix, vectors, p, q);
        turned = true;
      }
    }
  }
  const order = [...vectors.keys()].sort((a, b) => matrix[b][b] - matrix[a][a]);
  return order.map((place) => vectors[place]);
};

const combined = (weights, basis) => {
  const sum = new Float64Array(basis[0].length);
  basis.forEach((vector, i) => add(sum, weights[i], vector));
  return sum;
};

const positive = (vector) => {
  const largest = vector.reduce((most, value) => (Math.abs(value) > Math.abs(most) ? value : most));
  return scaled(vector, largest < 0 ? -1 : 1);
};

/**
 * The plane of the two leading principal directions of at least one code: {origin: the mean code,
 * across, up}, unit vectors whose entry of greatest magnitude is positive; of size 1, `up` is 0.
 */
export const principalAxes = (codes, size) => {
  const origin = meanCode(codes, size);
  const matrix = covariance(codes, size, origin);
  const basis = krylovBasis(matrix);
  const images = basis.map((vector) => times(matrix, vector));
  const found = eigenvectors(basis.map((vector) => times(images, vector)));
  const [across, up] = found.slice(0, 2).map((weights) => positive(combined(weights, basis)));
  return { origin, across, up: up ?? new Float64Array(size) };
};

/**
 * The plane through three codes: {origin: the first, across: towards the second, up: towards the
 * third, at a right angle to across}; null if they are nearly on a line.
 */
export const axesThrough = (first, second, third) => {
  const nothing = 1e-6 * Math.max(norm(first), norm(second), norm(third));
  const along = difference(second, first);
  if (!(norm(along) > nothing)) return null;
  const across = scaled(along, 1 / norm(along));
  const rest = difference(third, first);
  for (let pass = 0; pass < 2; pass += 1) add(rest, -inner(rest, across), across);
  if (!(norm(rest) > nothing)) return null;
  return { origin: Float64Array.from(first), across, up: scaled(rest, 1 / norm(rest)) };
};

/** The coordinates [u, v] of a code in a plane, in the unit of the codes. */
export const coordinates = (code, axes) => {
  const offset = difference(code, axes.origin);
  return [inner(offset, axes.across), inner(offset, axes.up)];
};

/** The code (Float64Array) at [u, v] of the plane, as far from the plane as the given code is. */
export const moved = (code, axes, [u, v]) => {
  const [fromU, fromV] = coordinates(code, axes);
  const result = Float64Array.from(code);
  add(result, u - fromU, axes.across);
  add(result, v - fromV, axes.up);
  return result;
};

/** `steps` codes (Float64Array) evenly on the straight line between two, both ends exactly. */
export const walk = (from, to, steps) =>
  Array.from({ length: steps }, (_, step) => {
    const share = step / Math.max(steps - 1, 1);
    return Float64Array.from(from, (value, i) => value * (1 - share) + to[i] * share);
  });

/** Whether a point [x, y] is inside a polygon (array of [x, y], any unit), by the even-odd rule. */
export const inside = (polygon, [x, y]) => {
  const crossed = polygon.filter(([x1, y1], i) => {
    const [x2, y2] = polygon.at(i - 1);
    return y1 > y !== y2 > y && x < x1 + ((x2 - x1) * (y - y1)) / (y2 - y1);
  });
  return crossed.length % 2 === 1;
};

const percentile = (sorted, percent) => {
  const place = (percent / 100) * (sorted.length - 1);
  const before = Math.floor(place);
  const next = sorted[Math.min(before + 1, sorted.length - 1)];
  return sorted[before] + (place - before) * (next - sorted[before]);
};

/**
 * The range [low, high] to show at least one value in: from the 0.5th to the 99.5th percentile and
 * 8 % of their distance more on each side; 1 more on each side if the two are the same.
 */
export const extent = (values) => {
  const sorted = Float64Array.from(values).sort();
  const [low, high] = [0.5, 99.5].map((percent) => percentile(sorted, percent));
  const margin = low === high ? 1 : 0.08 * (high - low);
  return [low - margin, high + margin];
};

// The generator mulberry32: numbers from 0 to below 1.
const randomUniform = (seed) => {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let bits = Math.imul(state ^ (state >>> 15), state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
};

/** A function that gives the next standard normal number, the same ones for the same integer. */
export const randomNormal = (seed) => {
  const next = randomUniform(seed);
  return () => {
    const radius = Math.sqrt(-2 * Math.log(1 - next()));
    return radius * Math.cos(2 * Math.PI * next());
  };
};

const DIRECTIONS = { left: [-1, 0], right: [1, 0], up: [0, -1], down: [0, 1] };

/**
 * The index of the point (of an array of [x, y] on the screen) nearest to `from` (an index or an
 * [x, y]) at most 45 degrees off "left", "right", "up" or "down"; ties by index; -1 if none.
 */
export const inDirection = (points, from, direction) => {
  const [x, y] = Array.isArray(from) ? from : points[from];
  const [right, down] = DIRECTIONS[direction];
  const best = { index: -1, distance: Infinity };
  points.forEach((point, index) => {
    const [dx, dy] = [point[0] - x, point[1] - y];
    const along = dx * right + dy * down;
    if (!(along > 0) || Math.abs(dx * down - dy * right) > along) return;
    const distance = Math.hypot(dx, dy);
    if (distance < best.distance) Object.assign(best, { index, distance });
  });
  return best.index;
};
