// The item in every space: what it costs, its code, and its nearest neighbours.

import { fitToScreen, colours } from "latentsweep/paint.js";
import { nearest } from "latentsweep/space.js";
import { networksOf } from "latentsweep/state.js";

const NEIGHBOURS = 8;
const REACH = 3; // standard deviations of the prior at the ends of a code's bars

/** A code as bars around 0, the dimension of greatest KL first; faint where it is not active. */
const paintCode = (canvas, code, { order, active }) => {
  const [width, height] = fitToScreen(canvas, 4);
  const context = canvas.getContext("2d");
  const palette = colours(canvas);
  const step = width / Math.max(order.length, 8);
  context.clearRect(0, 0, width, height);
  context.fillStyle = palette.line;
  context.fillRect(0, height / 2 - 0.5, width, 1);
  order.forEach((dimension, place) => {
    const share = Math.min(Math.max(code[dimension] / REACH, -1), 1);
    const length = (share * height) / 2;
    context.fillStyle = active.includes(dimension) ? palette.accent : palette.line;
    context.fillRect(place * step, Math.min(height / 2, height / 2 - length), step * 0.8, Math.abs(length));
  });
};

/** The table of the item as a tool of the page. */
export const makeItem = (page) => {
  const { family, say, number, find } = page;
  const { data } = family;

  const cell = (kind, ...content) => {
    const element = document.createElement(kind);
    element.append(...content);
    return element;
  };

  const rowOf = (network, state) => {
    const code = family.code(network, state);
    const loss = family.loss(network, state);
    const known = family.isExample(state);
    const near = code
      ? nearest(network.codes, network.size, code, NEIGHBOURS, known ? state.base : -1)
      : [];
    const canvas = document.createElement("canvas");
    canvas.className = "code";
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", code ? codeWords(network, code) : "");
    const row = cell("tr");
    const head = cell("th", number(network.size, 0));
    head.scope = "row";
    const neighbours = cell("td", ...near.map((each) => page.exampleButton(each.row)));
    neighbours.className = "neighbours";
    row.append(
      head,
      ...(family.runs ? [cell("td", loss === null ? "" : number(loss, 1))] : []),
      cell("td", known ? number(network.losses[state.base], 1) : "–"),
      cell("td", code ? canvas : say("cannot")),
      neighbours,
    );
    return { row, paint: () => code && paintCode(canvas, code, network) };
  };

  const codeWords = ({ order }, code) => {
    const values = order.slice(0, 8).map((k) => `z${k + 1} = ${number(code[k], 2)}`);
    return say("code_words", { values: values.join(", ") });
  };

  const render = (state) => {
    const { base } = state;
    const known = family.isExample(state);
    find("item-name").textContent = known ? page.nameOf(base) : say("your_drawing");
    const rows = networksOf(family, state.objective).map((each) => rowOf(each, state));
    page.rebuild(find("item-rows"), rows.map(({ row }) => row));
    for (const { paint } of rows) paint();
  };
  return { render, marks: () => ({ points: [], line: null }) };
};
