// What the page shows, as one object that is never changed, its history, and the address that holds
// it. Pure functions but for the store at the end, which remembers.
//
//   objective  of the networks shown          base     row of the image under the drawing, or null
//   strokes    drawn over it                  over     whether a drawing starts on the image
//   fit        drawings are moved and scaled  picked   the last three images chosen, the newest last
//   selected   rows selected in all maps      marks    "dots" or "pictures"
//   wide       size of the enlarged map       tool     the tool below the maps
//   size       of the space travelled         plane    "dimensions", "principal" or "three"
//   across, up dimensions of that plane       code     where the journey stands; null: at the image
//   seed       of the samples from the prior

import { bitsText, rowsFrom } from "latentsweep/arrays.js";
import { strokesFrom, strokesText } from "latentsweep/strokes.js";

export const TOOLS = ["item", "travel", "walk", "prior"];
const LOOKING = ["item", "travel"]; // what was decoded beforehand is enough for these
export const PLANES = ["dimensions", "principal", "three"];
const KEPT = 3;
const FARTHEST = 1e6; // that a code of an address may be from 0

/** Whether any network can run in the page. */
export const anyRuns = (data) => data.networks.some(({ weights }) => weights !== null);

/** The tools that a page has. */
export const toolsOf = (data) => (anyRuns(data) ? TOOLS : LOOKING);

export const networksOf = (data, objective) =>
  data.networks.filter((network) => network.objective === objective);

/** The network of an objective and size, or of its nearest size. */
export const networkOf = (data, objective, size) => {
  const distance = (network) => Math.abs(network.size - size);
  return networksOf(data, objective).reduce((a, b) => (distance(b) < distance(a) ? b : a));
};

/** What the page shows first. */
export const initialState = (data) => {
  const objective = data.objectives.includes("elbo") ? "elbo" : data.objectives.at(-1);
  const network = networkOf(data, objective, 2);
  return {
    objective,
    base: 0,
    strokes: [],
    over: !data.drawing?.fitted,
    fit: Boolean(data.drawing?.fitted),
    picked: firstPicks(data),
    selected: [],
    marks: "dots",
    wide: null,
    tool: "item",
    ...travelling(network),
    seed: 1,
  };
};

/** The part of the state that belongs to one space, at its two dimensions of greatest KL. */
export const travelling = (network) => ({
  size: network.size,
  plane: "dimensions",
  across: network.order[0],
  up: network.order[1] ?? network.order[0],
  code: null,
});

/** Three images of different classes as far as there are such, the image shown first being last. */
const firstPicks = ({ labels, indices }) => {
  const rows = indices.map((_, row) => row);
  const isFirst = (row) => !labels || labels.indexOf(labels[row]) === row;
  const firsts = rows.filter(isFirst);
  return [...firsts, ...rows.filter((row) => !isFirst(row))].slice(0, KEPT).reverse();
};

/** The rows chosen last, with one more: the newest last, none twice. */
export const picking = (picked, row) => [...picked.filter((old) => old !== row), row].slice(-KEPT);

// -- the address: a field a parameter, only those that differ from the first state

const list = (numbers) => numbers.join(",");
const whole = (text) => (/^\d{1,9}$/.test(text) ? Number(text) : NaN);
const oneOf = (choices) => (text) => (choices.includes(text) ? text : undefined);
const sizes = (data) => data.networks.map(({ size }) => size);
const flag = { write: Number, read: (text) => ({ 0: false, 1: true })[whole(text)] };
const sized = (text, data) => (sizes(data).includes(whole(text)) ? whole(text) : undefined);
const plain = (value) => value;
const seen = (text, data) => {
  const row = data.indices.indexOf(whole(text));
  return row < 0 ? undefined : row;
};

const fields = {
  objective: { write: plain, read: (text, data) => oneOf(data.objectives)(text) },
  base: {
    write: (row, data) => (row === null ? "none" : data.indices[row]),
    read: (text, data) => (text === "none" ? null : seen(text, data)),
  },
  strokes: { write: strokesText, read: strokesFrom },
  over: flag,
  fit: flag,
  picked: {
    write: (rows, data) => list(rows.map((row) => data.indices[row])),
    read: (text, data) => {
      const rows = text.split(",").map((each) => seen(each, data));
      return rows.includes(undefined) ? undefined : rows.reduce(picking, []);
    },
  },
  selected: {
    write: (rows, data) => bitsText(rows, data.indices.length),
    read: (text, data) => rowsFrom(text, data.indices.length),
  },
  marks: { write: plain, read: oneOf(["dots", "pictures"]) },
  wide: { write: plain, read: sized },
  tool: { write: plain, read: (text, data) => oneOf(toolsOf(data))(text) },
  size: { write: plain, read: sized },
  plane: { write: plain, read: oneOf(PLANES) },
  across: { write: plain, read: whole },
  up: { write: plain, read: whole },
  code: {
    write: (code) => list(code.map((value) => Number(value.toFixed(3)))),
    read: (text) => text.split(",").map(Number),
  },
  seed: { write: plain, read: whole },
};

/** The state as an address fragment without its "#"; empty for the first state. */
export const fragmentOf = (state, data) => {
  const first = initialState(data);
  const parameters = new URLSearchParams();
  for (const [name, { write }] of Object.entries(fields)) {
    const differs = JSON.stringify(state[name]) !== JSON.stringify(first[name]);
    if (differs && state[name] !== null) parameters.set(name, write(state[name], data));
    else if (differs && name === "base") parameters.set(name, write(null, data));
  }
  return parameters.toString().replaceAll("%2C", ",");
};

/** The state of a fragment: whatever is missing or makes no sense there is as in the first state. */
export const stateFrom = (fragment, data) => {
  const state = initialState(data);
  for (const [name, text] of new URLSearchParams(fragment)) {
    const value = Object.hasOwn(fields, name) ? fields[name].read(text, data) : undefined;
    const makesSense = value !== undefined && !Number.isNaN(value);
    if (makesSense) state[name] = value;
  }
  return { ...state, ...sensibleItem(state, data), ...sensibleTravel(state, data) };
};

/** An example where no network can run: nothing in the page knows a drawing. */
const sensibleItem = ({ base }, data) => (anyRuns(data) ? {} : { base: base ?? 0, strokes: [] });

const sensibleTravel = ({ objective, size, across, up, code }, data) => {
  const network = networkOf(data, objective, size);
  const spanned = size === 1 || across !== up;
  const known = network.size === size && across < size && up < size && spanned;
  if (!known) return travelling(network);
  const fits = code?.length === size && code.every((value) => Math.abs(value) <= FARTHEST);
  return { code: fits ? code : null };
};

// -- history

/** Holds the state: `preview` shows a change that is not finished, `commit` makes a step of it. */
export const makeStore = (first, changed) => {
  let past = [];
  let future = [];
  let settled = first;
  let shown = first;
  const move = (from, to) => {
    if (!from.length) return;
    to.push(settled);
    settled = shown = from.pop();
    changed(true);
  };
  return {
    get state() {
      return shown;
    },
    get canUndo() {
      return past.length > 0;
    },
    get canRedo() {
      return future.length > 0;
    },
    preview(changes) {
      shown = { ...shown, ...changes };
      changed(false);
    },
    commit(changes = {}) {
      const next = { ...shown, ...changes };
      if (JSON.stringify(next) !== JSON.stringify(settled)) {
        past = [...past, settled].slice(-200);
        future = [];
      }
      settled = shown = next;
      changed(true);
    },
    cancel() {
      shown = settled;
      changed(false);
    },
    undo: () => move(past, future),
    redo: () => move(future, past),
  };
};
