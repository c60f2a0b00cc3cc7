// The networks and the examples of the run as the tools ask for them. Items are in the data's unit.
// Everything is computed when it is asked for, and what was computed last is kept.

import { numbers } from "latentsweep/arrays.js";
import { decode, encode, likelihoods } from "latentsweep/dense.js";
import { codeOf, nearest, placeAmong } from "latentsweep/space.js";
import { anyRuns } from "latentsweep/state.js";
import { barred, fitting, painted } from "latentsweep/strokes.js";

const NEIGHBOURS = 10; // whose places a code that is on no map gets the mean of
const PEN = 0.046; // radius of the pen, of the larger side of an image
const IDENTITY = { scale: 1, x: 0, y: 0 };

/** A function that computes anew only if an argument is another one than the last time. */
const remembering = (compute) => {
  let asked = null;
  let answer;
  return (...given) => {
    if (!asked || given.some((each, i) => each !== asked[i])) {
      answer = compute(...given);
      asked = given;
    }
    return answer;
  };
};

const layersOf = (weights) => {
  const layer = (name) => ({
    weight: numbers(weights[`${name}/weight`]),
    bias: numbers(weights[`${name}/bias`]),
  });
  const hidden = (part) => {
    const layers = [layer(`${part}/hidden`)];
    const deeper = () => `${part}/deeper/${layers.length - 1}`;
    while (`${deeper()}/weight` in weights) layers.push(layer(deeper()));
    return layers;
  };
  const path = (part) => (`${part}/path/weight` in weights ? layer(`${part}/path`) : null);
  return {
    encoder: { hidden: hidden("encoder"), mean: layer("encoder/mean"), path: path("encoder") },
    decoder: { hidden: hidden("decoder"), output: layer("decoder/output"), path: path("decoder") },
  };
};

const beforehandOf = ({ decodes, lattice }) => ({
  decodes: numbers(decodes),
  lattice: lattice && { ...lattice, decodes: numbers(lattice.decodes) },
});

/** What a network is asked for, with arrays read when they are needed first. */
const opened = (network) => {
  const read = {};
  const lazily = (name, make) => (read[name] ??= make());
  return {
    ...network,
    runs: network.weights !== null,
    get codes() {
      return lazily("codes", () => numbers(network.codes));
    },
    get places() {
      return lazily("places", () => numbers(network.places));
    },
    get losses() {
      return lazily("losses", () => numbers(network.losses));
    },
    get layers() {
      return lazily("layers", () => layersOf(network.weights));
    },
    get beforehand() {
      return lazily("beforehand", () => beforehandOf(network.beforehand));
    },
  };
};

/** The nearest place of a lattice from (-2, -2) to (2, 2), as a row of its decodes. */
const latticeRow = ({ side, dimensions }, code) => {
  const step = 4 / (side - 1);
  const index = (value) => Math.min(Math.max(Math.round((value + 2) / step), 0), side - 1);
  const [across, up] = dimensions.map((k) => index(code[k]));
  return (side - 1 - up) * side + across;
};

/** The networks of a run, and what they make of an item. */
export const makeFamily = (data) => {
  const features = data.shape.reduce((product, side) => product * side, 1);
  const values = numbers(data.values);
  const networks = data.networks.map(opened);
  const runs = anyRuns(data);
  const { seen = (x) => x, mean, nats } = likelihoods[data.likelihood] ?? {};

  const radius = PEN * Math.max(data.shape[0], data.shape[1] ?? 0);
  const ground = () =>
    Float32Array.from({ length: features }, (_, i) => data.drawing.ground[i % data.shape[2]]);
  const average = () => {
    const sum = new Float32Array(features);
    values.forEach((value, i) => (sum[i % features] += value));
    return sum.map((value) => value / data.indices.length);
  };
  const blank = remembering(() => (data.image ? ground() : average()));
  const example = (row) => values.subarray(row * features, (row + 1) * features);
  const [low, high] = data.limits;
  /** A colour in the unit of the data, whatever channels it lacks at their most: alpha, for one. */
  const inkOf = (colour) =>
    colour &&
    Array.from({ length: data.shape[2] }, (_, i) => low + (colour[i] ?? 1) * (high - low));
  const coloured = (strokes) =>
    strokes.map(({ points, colour }) => ({ points, colour: inkOf(colour) ?? data.drawing.ink }));
  const extent = () => data.drawing.extent * Math.max(data.shape[0], data.shape[1]);

  const drawn = remembering((base, strokes, fit) => {
    const under = base === null ? blank() : example(base);
    if (!strokes.length) return under;
    if (!data.image) return barred(under, strokes, data.limits);
    const [height, width] = data.shape;
    const moves = fit && base === null;
    const transform = moves ? fitting(strokes, width, height, radius, extent()) : IDENTITY;
    return painted(under, coloured(strokes), data.shape, radius, transform);
  });

  const scaled = remembering((item) =>
    item.map((value) => (value - data.offset) / data.factor),
  );
  const unscaled = (output) => output.map((value) => value * data.factor + data.offset);
  const perNetwork = (compute) => {
    const kept = new Map(networks.map((network) => [network, remembering(compute(network))]));
    return (network, ...given) => kept.get(network)(...given);
  };

  const item = ({ base, strokes, fit }) => drawn(base, strokes, fit);
  const isExample = ({ base, strokes }) => base !== null && !strokes.length;

  const encoded = perNetwork((network) => (x) => encode(network.layers, seen(x)));
  const parameters = perNetwork((network) => (code) => decode(network.layers, code));
  const decoded = perNetwork((network) => (code) => {
    if (network.runs) return unscaled(mean(parameters(network, code)));
    const { lattice, decodes } = network.beforehand;
    const start = lattice ? latticeRow(lattice, code) * features : -1;
    return lattice && lattice.decodes.subarray(start, start + features);
  });

  /** The code of the item, null where the network cannot run and the item is no example. */
  const code = (network, state) => {
    if (network.runs) return encoded(network, scaled(item(state)));
    return isExample(state) ? codeOf(network.codes, network.size, state.base) : null;
  };

  /** What a network makes of the item; null where it cannot tell. */
  const reconstruction = (network, state) => {
    if (network.runs) return decoded(network, code(network, state));
    if (!isExample(state)) return null;
    const start = state.base * features;
    return network.beforehand.decodes.subarray(start, start + features);
  };

  /** -log p(item | decode(mean)) in nats; null where it cannot be told. */
  const loss = (network, state) => {
    if (!network.runs) return null;
    const x = scaled(item(state));
    return nats(x, parameters(network, code(network, state)), network.shared);
  };

  /** Where a code lies on its network's map, and whether that is exact or a mean of neighbours. */
  const place = (network, z) => {
    if (network.dimensions) {
      const [across, up] = network.dimensions;
      return { at: [z[across], up === undefined ? 0 : z[up]], exact: true };
    }
    const near = nearest(network.codes, network.size, z, NEIGHBOURS);
    return { at: placeAmong(near, network.places), exact: near[0].distance === 0 };
  };
  const placeOfRow = (network, row) => ({
    at: [...network.places.subarray(2 * row, 2 * row + 2)],
    exact: true,
  });

  /** The place of the item on a network's map, null where its code is not known. */
  const placeOfItem = (network, state) => {
    if (isExample(state)) return placeOfRow(network, state.base);
    const z = code(network, state);
    return z && place(network, z);
  };

  return {
    ...{ data, features, networks, runs, radius, blank, example, item, isExample, code, decoded, loss },
    ...{ reconstruction, place, placeOfRow, placeOfItem },
  };
};
