// Travel: a plane across one space, and a slider a dimension; what is decoded follows.

import { fitToScreen } from "latentsweep/paint.js";
import {
  axesThrough,
  codeOf,
  coordinates,
  dimensionAxes,
  extent,
  moved,
  principalAxes,
} from "latentsweep/space.js";
import { networkOf, travelling } from "latentsweep/state.js";

const TILES = 11; // decoded pictures a side behind the dots
const MOST_SLIDERS = 64;
const STEP = 0.02; // of the plane: an arrow key
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

/** The plane that the state asks for in a network's space; null where three images span none. */
export const planeOf = (network, { plane, across, up, picked }) => {
  const { codes, size } = network;
  if (plane === "principal") return principalAxes(codes, size);
  if (plane === "dimensions") return dimensionAxes(size, across, up);
  if (picked.length < 3) return null;
  return axesThrough(...picked.map((row) => codeOf(codes, size, row)));
};

/** The square window on a plane that shows the examples: its middle and half its side. */
const windowOf = ({ codes, size }, axes) => {
  const rows = Array.from({ length: codes.length / size }, (_, row) => codeOf(codes, size, row));
  const placed = rows.map((code) => coordinates(code, axes));
  const ranges = [0, 1].map((axis) => extent(placed.map((at) => at[axis])));
  const half = Math.max(...ranges.map(([low, high]) => (high - low) / 2), 1e-6);
  return { middle: ranges.map(([low, high]) => (low + high) / 2), half, placed };
};

const option = (value, text) => Object.assign(document.createElement("option"), { value, text });

/** Travel as a tool of the page. */
export const makeTravel = (page) => {
  const { family, store, say, number, find, paint } = page;
  const { data } = family;
  const canvases = [...find("plane").querySelectorAll("canvas")];
  const [ground, above] = canvases;
  let view = null; // {axes, middle, half, placed} of what the plane shows
  let pressed = false;

  const networkNow = (state) => networkOf(family, state.objective, state.size);
  /** Where the journey stands: at the item until something moves it. */
  const codeNow = (state) => {
    const network = networkNow(state);
    if (state.code) return Float64Array.from(state.code);
    return family.code(network, state) ?? new Float64Array(network.size);
  };

  // -- the plane
  const onPlane = ([u, v]) => {
    const share = (value, axis) => 0.5 + (value - view.middle[axis]) / (2 * view.half);
    return [share(u, 0), 1 - share(v, 1)];
  };
  const fromPlane = ([x, y]) => [
    view.middle[0] + (x - 0.5) * 2 * view.half,
    view.middle[1] + (0.5 - y) * 2 * view.half,
  ];
  const movedTo = (at) => [...moved(codeNow(store.state), view.axes, at)];
  const shareOf = ({ clientX, clientY }) => {
    const box = above.getBoundingClientRect();
    return [(clientX - box.left) / box.width, (clientY - box.top) / box.height];
  };
  const follow = (event) => store.preview({ code: movedTo(fromPlane(shareOf(event))) });
  above.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || !view) return;
    above.setPointerCapture(event.pointerId);
    pressed = true;
    follow(event);
  });
  above.addEventListener("pointermove", (event) => pressed && follow(event));
  above.addEventListener("pointerup", () => {
    if (pressed) store.commit();
    pressed = false;
  });
  above.addEventListener("pointercancel", () => {
    pressed = false;
    store.cancel();
  });
  above.addEventListener("keydown", (event) => {
    const arrow = ARROWS[event.key];
    if (!arrow || !view) return;
    event.preventDefault();
    const at = coordinates(codeNow(store.state), view.axes);
    const step = view.half * 2 * STEP * (event.shiftKey ? 5 : 1);
    store.commit({ code: movedTo(at.map((value, axis) => value + arrow[axis] * step)) });
  });

  const drawTiles = (context, network, state, side) => {
    const tile = document.createElement("canvas");
    const step = side / TILES;
    for (let i = 0; i < TILES * TILES; i += 1) {
      const [column, row] = [i % TILES, Math.floor(i / TILES)];
      const at = fromPlane([(column + 0.5) / TILES, (row + 0.5) / TILES]);
      const item = family.decoded(network, moved(codeNow(state), view.axes, at));
      if (!item) return;
      paint(tile, item);
      context.drawImage(tile, column * step, row * step, step, step);
    }
  };
  const drawGround = (network, state) => {
    const [side] = fitToScreen(ground);
    const context = ground.getContext("2d");
    context.clearRect(0, 0, side, side);
    if (data.image) drawTiles(context, network, state, side);
    context.globalAlpha = data.image ? 0.7 : 1;
    view.placed.forEach((at, row) => {
      const [x, y] = onPlane(at);
      const radius = Math.max(side / 220, 1.5) * (state.picked.includes(row) ? 2.5 : 1);
      context.fillStyle = page.colourOf(row);
      context.beginPath();
      context.arc(x * side, y * side, radius, 0, 2 * Math.PI);
      context.fill();
    });
    context.globalAlpha = 1;
  };
  const drawAbove = (code) => {
    const [side] = fitToScreen(above);
    const unit = window.devicePixelRatio || 1;
    const context = above.getContext("2d");
    const [x, y] = onPlane(coordinates(code, view.axes)).map((share) => share * side);
    context.clearRect(0, 0, side, side);
    for (const [colour, width] of [["#000000", 5], ["#ffd33d", 2.5]]) {
      context.strokeStyle = colour;
      context.lineWidth = width * unit;
      context.beginPath();
      for (const [a, b] of [[0, -9], [9, 0], [0, 9], [-9, 0]]) {
        context.lineTo(x + a * unit, y + b * unit);
      }
      context.closePath();
      context.stroke();
    }
  };

  // -- the controls
  const commitSize = (size) => {
    const network = networkOf(family, store.state.objective, size);
    store.commit(travelling(network));
  };
  find("travel-size").addEventListener("change", ({ target }) => commitSize(Number(target.value)));
  find("plane-kind").addEventListener("change", ({ target }) => {
    const state = { ...store.state, plane: target.value };
    const axes = planeOf(networkNow(state), state);
    // A plane through three images is entered at their middle, so that it holds them.
    const entered = state.plane === "three" && axes;
    const code = entered ? [...middleOf(state)] : store.state.code;
    store.commit({ plane: target.value, code });
  });
  const middleOf = (state) => {
    const { codes, size } = networkNow(state);
    const three = state.picked.map((row) => codeOf(codes, size, row));
    return three[0].map((_, k) => three.reduce((sum, code) => sum + code[k], 0) / three.length);
  };
  // A plane has two dimensions: where one takes the other's, they change places.
  const commitAxis = (name, other, dimension) => {
    const { state } = store;
    const swapped = state[other] === dimension ? { [other]: state[name] } : {};
    store.commit({ [name]: dimension, ...swapped });
  };
  for (const [name, other] of [["across", "up"], ["up", "across"]]) {
    find(name).addEventListener("change", ({ target }) =>
      commitAxis(name, other, Number(target.value)),
    );
  }
  find("to-item").addEventListener("click", () => store.commit({ code: null }));
  find("to-centre").addEventListener("click", () =>
    store.commit({ code: Array(networkNow(store.state).size).fill(0) }),
  );

  const sliders = { network: null, inputs: [] };
  const makeSliders = (network) => {
    if (sliders.network === network && sliders.language === say.language) return;
    Object.assign(sliders, { network, language: say.language });
    const shown = network.active.slice(0, MOST_SLIDERS);
    sliders.inputs = shown.map((dimension) => sliderOf(network, dimension));
    find("sliders").replaceChildren(...sliders.inputs.map(({ label }) => label));
    const dimensions = { active: network.active.length, size: network.size, shown: shown.length };
    const all = shown.length === network.size;
    find("sliders-note").textContent = all ? "" : say("sliders_note", dimensions);
    for (const name of ["across", "up"]) {
      const words = (k) => say("dimension", { dimension: k + 1, kl: number(network.kl[k], 2) });
      find(name).replaceChildren(...network.order.map((k) => option(k, words(k))));
    }
  };
  const sliderOf = ({ codes, size, kl }, dimension) => {
    const label = document.createElement("label");
    const name = document.createElement("span");
    const input = Object.assign(document.createElement("input"), { type: "range", step: 0.01 });
    const value = document.createElement("output");
    let reach = 3;
    for (let i = dimension; i < codes.length; i += size) reach = Math.max(reach, Math.abs(codes[i]));
    Object.assign(input, { min: -reach.toFixed(1), max: reach.toFixed(1) });
    name.textContent = `z${dimension + 1}`;
    name.title = say("dimension", { dimension: dimension + 1, kl: number(kl[dimension], 2) });
    input.setAttribute("aria-label", name.title);
    const code = () => {
      const changed = [...codeNow(store.state)];
      changed[dimension] = Number(input.value);
      return changed;
    };
    input.addEventListener("input", () => store.preview({ code: code() }));
    input.addEventListener("change", () => store.commit({ code: code() }));
    label.append(name, input, value);
    return { label, input, value, dimension };
  };

  const renderControls = (state, network, code) => {
    find("travel-size").value = String(network.size);
    find("plane-kind").value = state.plane;
    find("plane-axes").hidden = state.plane !== "dimensions";
    makeSliders(network);
    [find("across").value, find("up").value] = [state.across, state.up];
    for (const { input, value, dimension } of sliders.inputs) {
      input.value = code[dimension];
      value.textContent = number(code[dimension], 2);
    }
    const beforehand = network.runs ? "" : say("beforehand");
    find("travel-note").textContent = view ? beforehand : say("no_plane");
  };

  let drawnFor = null;
  const render = (state, { settled, resized }) => {
    const network = networkNow(state);
    const axes = planeOf(network, state);
    const key = [network, state.plane, state.across, state.up, String(state.picked), resized];
    const sameView = drawnFor && key.every((each, i) => each === drawnFor[i]);
    if (!sameView) view = axes && { axes, ...windowOf(network, axes) };
    const code = codeNow(state);
    renderControls(state, network, code);
    find("plane").hidden = !view;
    if (view && (!sameView || (settled && !pressed))) drawGround(network, state);
    drawnFor = key;
    if (view) drawAbove(code);
    const item = family.decoded(network, code);
    find("decoded").hidden = !item;
    if (item) paint(find("decoded"), item);
    find("decoded-note").textContent = say("decoded", { size: number(network.size, 0) });
  };

  const marks = (network, state) => {
    if (network.size !== networkNow(state).size) return { points: [], line: null };
    const place = family.place(network, codeNow(state));
    return { points: [{ ...place, kind: "travel" }], line: null };
  };

  find("travel-size").replaceChildren(
    ...[...new Set(data.networks.map(({ size }) => size))].map((size) => option(size, size)),
  );
  return { render, marks };
};
