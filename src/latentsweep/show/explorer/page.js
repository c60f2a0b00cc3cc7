// The page: puts the tools together, draws what has changed, and keeps the address.

import { makePad, makeShown } from "latentsweep/draw.js";
import { makeFamily } from "latentsweep/family.js";
import { makeItem } from "latentsweep/item.js";
import { painter } from "latentsweep/paint.js";
import { makePrior } from "latentsweep/prior.js";
import { makeSelecting } from "latentsweep/selecting.js";
import { makeSpaces } from "latentsweep/spaces.js";
import { fragmentOf, initialState, makeStore, networkOf, picking, stateFrom, toolsOf, travelling } from "latentsweep/state.js";
import { makeTravel } from "latentsweep/travel.js";
import { makeWalk } from "latentsweep/walk.js";

const read = (name) => JSON.parse(document.getElementById(`data-${name}`).textContent);
const find = (name) => document.getElementById(name);
const all = (selector) => [...document.querySelectorAll(selector)];

const data = read("content");
const words = read("words");
const root = document.documentElement;
const family = makeFamily(data);
const toolNames = toolsOf(data);
const paint = painter(data);

/** The text of a name in the page's language, {placeholders} filled in. */
const say = (name, values = {}) => {
  const text = words[root.dataset.language][name];
  return text.replace(/\{(\w+)\}/g, (braced, key) => values[key] ?? braced);
};
Object.defineProperty(say, "language", { get: () => root.dataset.language });

const formats = new Map();
/** A number with so many decimals as the page's language writes it, with a real minus sign. */
const number = (value, digits) => {
  const key = `${root.lang} ${digits}`;
  const decimals = { minimumFractionDigits: digits, maximumFractionDigits: digits };
  if (!formats.has(key)) formats.set(key, new Intl.NumberFormat(root.lang, decimals));
  return formats.get(key).format(value).replace("-", "−");
};

const store = makeStore(stateFrom(location.hash.slice(1), data), (settled) => ask(settled));
const asked = { frame: 0, settled: false, resized: 0 };
let frames = [];
/** One drawing a frame, however much has changed until then. */
function ask(settled) {
  asked.settled ||= settled;
  asked.frame ||= requestAnimationFrame(drawFrame);
}

let pointed = -1; // row of the example under the pointer

const dark = window.matchMedia("(prefers-color-scheme: dark)");
const page = {
  ...{ family, store, say, number, paint, find },
  get scheme() {
    return dark.matches ? "dark" : "light";
  },
  colourOf: (row) => (data.labels ? data.classes[data.labels[row]][page.scheme] : "#3f90da"),
  nameOf: (row) => {
    const place = say("test_item", { place: data.indices[row] });
    return data.labels ? `${place}: ${data.classes[data.labels[row]].name}` : place;
  },
  choose: (row) => {
    store.commit({ base: row, strokes: [], code: null, picked: picking(store.state.picked, row) });
    find("told").textContent = page.nameOf(row);
  },
  point: (row, event) => {
    if (row === pointed) return;
    pointed = row;
    showPointed(event);
    ask(false);
  },
  /** A small picture of an example that chooses it. */
  exampleButton: (row) => {
    const button = Object.assign(document.createElement("button"), { type: "button" });
    const canvas = document.createElement("canvas");
    button.className = "example";
    button.setAttribute("aria-label", page.nameOf(row));
    button.title = page.nameOf(row);
    button.append(canvas);
    button.addEventListener("click", () => page.choose(row));
    unpainted.set(canvas, family.example(row));
    return button;
  },
  /** Puts other children into an element; the button that has the focus there keeps it by place. */
  rebuild: (element, children) => {
    const place = [...element.querySelectorAll("button")].indexOf(document.activeElement);
    element.replaceChildren(...children);
    if (place >= 0) element.querySelectorAll("button")[place]?.focus();
  },
  /** A row of pictures for each of [{head, items, label}]; without items it says that it cannot. */
  gallery: (body, rows) => {
    body.replaceChildren(...rows.map(galleryRow));
  },
};

const unpainted = new Map(); // canvas -> item, to be painted once they stand in the page

const galleryRow = ({ head, items, label }) => {
  const row = document.createElement("tr");
  const name = Object.assign(document.createElement("th"), { scope: "row", textContent: head });
  row.append(name);
  items.forEach((item, place) => {
    const canvas = document.createElement("canvas");
    canvas.className = "picture";
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", label(place));
    unpainted.set(canvas, item);
    const cell = document.createElement("td");
    cell.append(canvas);
    row.append(cell);
  });
  if (!items.length) {
    row.append(Object.assign(document.createElement("td"), { textContent: say("cannot"), colSpan: 9 }));
  }
  return row;
};

const paintNew = () => {
  for (const [canvas, item] of unpainted) paint(canvas, item);
  unpainted.clear();
};

const showPointed = (event) => {
  const card = find("pointed");
  card.hidden = pointed < 0;
  if (pointed < 0) return;
  find("pointed-name").textContent = page.nameOf(pointed);
  paint(find("pointed-picture"), family.example(pointed));
  const right = event.clientX > window.innerWidth - 160;
  card.style.left = `${event.clientX + (right ? -130 : 18)}px`;
  card.style.top = `${Math.min(event.clientY + 12, window.innerHeight - 150)}px`;
};

// -- the tools
const pad = family.runs ? makePad(page) : makeShown(page);
const spaces = makeSpaces(page);
const selecting = makeSelecting(page);
const tools = { item: makeItem(page), travel: makeTravel(page), walk: makeWalk(page), prior: makePrior(page) };

/** What is marked on a network's map: the tool's places, the item, and what is pointed at. */
const marksOf = (state) => (network) => {
  const { points, line } = tools[state.tool].marks(network, state);
  const item = family.placeOfItem(network, state);
  const own = item && { ...item, kind: "item", row: family.isExample(state) ? state.base : undefined };
  const under = pointed >= 0 && { ...family.placeOfRow(network, pointed), kind: "pointed", row: pointed };
  return { points: [...points, own, under].filter(Boolean), line };
};

function drawFrame() {
  const began = performance.now();
  const { settled, resized } = asked;
  Object.assign(asked, { frame: 0, settled: false });
  const { state } = store;
  if (settled) renderSettled(state); // first, since what is hidden has no size to be drawn in
  pad.render(state);
  spaces.render(state, { marksOf: marksOf(state), resized });
  if (settled || state.tool === "travel") tools[state.tool].render(state, { settled, resized });
  paintNew();
  frames = [...frames, performance.now() - began].slice(-500);
}

const renderSettled = (state) => {
  selecting.render(state);
  find("undo").disabled = !store.canUndo;
  find("redo").disabled = !store.canRedo;
  for (const name of toolNames) {
    const chosen = state.tool === name;
    find(`tab-${name}`).setAttribute("aria-selected", String(chosen));
    find(`tab-${name}`).tabIndex = chosen ? 0 : -1;
    find(`tool-${name}`).hidden = !chosen;
  }
  for (const input of all("#objectives input")) input.checked = input.value === state.objective;
  const fragment = fragmentOf(state, data);
  history.replaceState(null, "", fragment ? `#${fragment}` : location.href.split("#")[0]);
};

// -- what belongs to the whole page
const tabs = toolNames.map((name) => find(`tab-${name}`));
tabs.forEach((tab, place) => {
  tab.addEventListener("click", () => store.commit({ tool: toolNames[place] }));
  tab.addEventListener("keydown", ({ key }) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[key];
    if (!step) return;
    const next = (place + step + tabs.length) % tabs.length;
    store.commit({ tool: toolNames[next] });
    tabs[next].focus();
  });
});
for (const input of all("#objectives input")) {
  input.addEventListener("change", () => {
    const network = networkOf(family, input.value, store.state.size);
    store.commit({ objective: input.value, ...travelling(network) });
  });
}
find("undo").addEventListener("click", () => store.undo());
find("redo").addEventListener("click", () => store.redo());
find("reset").addEventListener("click", () => store.commit(initialState(data)));
find("share").addEventListener("click", async () => {
  const copied = await copy(location.href);
  find("told").textContent = say(copied ? "shared" : "not_shared");
});
const copy = (text) => navigator.clipboard.writeText(text).then(() => true, () => false);

document.addEventListener("keydown", (event) => {
  const writing = event.target.matches("input[type=text], input[type=search]");
  if (writing || !(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "z") return;
  event.preventDefault();
  if (event.shiftKey) store.redo();
  else store.undo();
});
// The address holds the state, so that a link to a place in the page must not change it.
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  find(event.target.hash.slice(1)).focus();
});
window.addEventListener("hashchange", () => store.commit(stateFrom(location.hash.slice(1), data)));

const setLanguage = (code) => {
  root.dataset.language = code;
  for (const button of all(".languages button")) {
    const chosen = button.dataset.language === code;
    button.setAttribute("aria-pressed", String(chosen));
    if (chosen) root.lang = button.lang;
  }
  for (const element of all("[data-word]")) element.textContent = say(element.dataset.word);
  for (const element of all("[data-label]")) element.setAttribute("aria-label", say(element.dataset.label));
  for (const element of all("[data-placeholder]")) element.placeholder = say(element.dataset.placeholder);
  document.title = say("title");
  ask(true);
};
for (const button of all(".languages button")) {
  button.addEventListener("click", () => setLanguage(button.dataset.language));
}

const redraw = () => {
  asked.resized += 1;
  ask(true);
};
new ResizeObserver(redraw).observe(find("spaces"));
dark.addEventListener("change", redraw);

setLanguage(root.dataset.language);

/** For whoever wants to look inside: the state, the networks, and the times that frames took. */
window.latentsweep = {
  ...{ data, family, store },
  get state() {
    return store.state;
  },
  get frames() {
    return frames;
  },
  /** Ends when everything asked for so far is drawn. */
  drawn: () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))),
};
