// One map: the examples as dots or pictures on a canvas, and marks on a second canvas above it.
// It draws what it is told and reports where the pointer is; it decides nothing.

import { colours, fitToScreen } from "latentsweep/paint.js";
import { inDirection, inside } from "latentsweep/space.js";

const MARGIN = 0.05; // of the map, on each side
const REACH = 14; // CSS pixels: how near a pointer has to be to a dot
const DRAG = 6; // CSS pixels: less is a click
const FAINT = "rgba(139, 148, 158, 0.22)"; // of dots that are not selected
const ARROWS = { ArrowLeft: "left", ArrowRight: "right", ArrowUp: "up", ArrowDown: "down" };

/** Where every example is drawn, in shares of the map: both axes on one scale, y upwards. */
export const layout = ({ places, size }) => {
  const count = places.length / 2;
  const xs = Array.from({ length: count }, (_, row) => places[2 * row]);
  // With one dimension there is no second one: dots stand apart only to be seen.
  const ys = Array.from({ length: count }, (_, row) =>
    size === 1 ? (((row * 0.618034) % 1) - 0.5) * 0.5 : places[2 * row + 1],
  );
  const middle = (values) => (Math.max(...values) + Math.min(...values)) / 2;
  const reach = (values) => (Math.max(...values) - Math.min(...values)) / 2 || 1;
  const [x, y] = [middle(xs), middle(ys)];
  const across = reach(xs);
  const scale = size === 1 ? [across, 1] : Array(2).fill(Math.max(across, reach(ys)));
  const share = (value, centre, half) => 0.5 + ((value - centre) / half) * (0.5 - MARGIN);
  const toShare = ([a, b]) => [share(a, x, scale[0]), 1 - share(b, y, scale[1])];
  return { toShare, points: xs.map((value, row) => toShare([value, ys[row]])) };
};

const dot = (context, x, y, radius) => {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
};

const radiusOf = (side) => {
  const unit = window.devicePixelRatio || 1;
  return Math.min(Math.max(side / 110, 1.7 * unit), 3.2 * unit);
};

const fillDot = (context, [x, y], side, colour) => {
  context.fillStyle = colour;
  dot(context, x * side, y * side, radiusOf(side));
  context.fill();
};

/** Rows in the order in which they are drawn: those that are not selected are only faint dots. */
const rowsAbove = (context, points, chosen, side) => {
  const rows = points.map((_, row) => row);
  if (!chosen) return rows;
  for (const row of rows) if (!chosen.has(row)) fillDot(context, points[row], side, FAINT);
  return rows.filter((row) => chosen.has(row));
};

const drawDots = (context, points, { colourOf, chosen }, side) => {
  for (const row of rowsAbove(context, points, chosen, side)) {
    fillDot(context, points[row], side, colourOf(row));
  }
};

/** Pictures where they have room, so that none hides another. */
const drawPictures = (context, points, { chosen, picture }, side) => {
  const tile = Math.max(side / 13, 13 * (window.devicePixelRatio || 1));
  const cells = Math.floor(side / tile);
  const taken = new Set();
  for (const row of rowsAbove(context, points, chosen, side)) {
    const [x, y] = points[row];
    const cell = Math.floor(x * cells) * cells + Math.floor(y * cells);
    if (taken.has(cell)) continue;
    taken.add(cell);
    picture(context, row, x * side - tile / 2, y * side - tile / 2, tile);
  }
};

const shapes = {
  item: (context, x, y, unit) => {
    dot(context, x, y, 7 * unit);
    context.moveTo(x - 11 * unit, y);
    context.lineTo(x - 3 * unit, y);
    context.moveTo(x + 3 * unit, y);
    context.lineTo(x + 11 * unit, y);
    context.moveTo(x, y - 11 * unit);
    context.lineTo(x, y - 3 * unit);
    context.moveTo(x, y + 3 * unit);
    context.lineTo(x, y + 11 * unit);
  },
  pointed: (context, x, y, unit) => dot(context, x, y, 5.5 * unit),
  travel: (context, x, y, unit) => {
    context.beginPath();
    for (const [a, b] of [[0, -8], [8, 0], [0, 8], [-8, 0]]) {
      context.lineTo(x + a * unit, y + b * unit);
    }
    context.closePath();
  },
  step: (context, x, y, unit) => {
    context.beginPath();
    context.rect(x - 3 * unit, y - 3 * unit, 6 * unit, 6 * unit);
  },
};

/** A mark with a halo, dashed where its place is approximate. */
const drawMark = (context, [x, y], { kind, exact }, palette, unit) => {
  context.setLineDash(exact ? [] : [3 * unit, 2 * unit]);
  for (const [colour, width] of [[palette.page, 4.5], [palette.ink, 1.8]]) {
    context.strokeStyle = colour;
    context.lineWidth = width * unit;
    shapes[kind](context, x, y, unit);
    context.stroke();
  }
};

const drawLine = (context, corners, palette, unit, closed) => {
  context.setLineDash([]);
  context.lineWidth = 1.5 * unit;
  context.strokeStyle = palette.accent;
  context.beginPath();
  for (const [x, y] of corners) context.lineTo(x, y);
  if (closed) {
    context.closePath();
    context.globalAlpha = 0.12;
    context.fillStyle = palette.accent;
    context.fill();
    context.globalAlpha = 1;
  }
  context.stroke();
};

/** The map in an element with two canvases: `show`, `draw` and `mark` it; it calls back with rows. */
export const makeMap = (element, { onPoint, onPick, onLasso, onClear }) => {
  const [ground, above] = element.querySelectorAll("canvas");
  let shown = null; // {places, size}
  let drawn = { points: [], toShare: null };
  let lasso = null; // corners in shares of the map
  let marks = { points: [], line: null };
  let current = null; // row of the item, for the arrow keys
  let pressed = null;

  const show = (network) => {
    if (shown === network) return;
    shown = network;
    drawn = layout(network);
  };

  const draw = (look) => {
    const [side] = fitToScreen(ground);
    const context = ground.getContext("2d");
    context.clearRect(0, 0, ground.width, ground.height);
    (look.pictures ? drawPictures : drawDots)(context, drawn.points, look, side);
  };

  const mark = (given = marks) => {
    marks = given;
    const [side] = fitToScreen(above);
    const unit = window.devicePixelRatio || 1;
    const context = above.getContext("2d");
    const page = getComputedStyle(above).getPropertyValue("--page");
    const palette = { ...colours(above), page };
    context.clearRect(0, 0, above.width, above.height);
    const onCanvas = (at) => at.map((share) => share * side);
    if (marks.line) drawLine(context, marks.line.map((at) => onCanvas(drawn.toShare(at))), palette, unit);
    for (const each of marks.points) {
      // With one dimension an example's dot is moved, and its mark goes with it.
      const share = each.row === undefined ? drawn.toShare(each.at) : drawn.points[each.row];
      drawMark(context, onCanvas(share), each, palette, unit);
    }
    if (lasso) drawLine(context, lasso.map(onCanvas), palette, unit, true);
    current = marks.points.find(({ kind }) => kind === "item")?.row ?? null;
  };

  const shareOf = ({ clientX, clientY }) => {
    const box = above.getBoundingClientRect();
    return [(clientX - box.left) / box.width, (clientY - box.top) / box.height];
  };

  const rowAt = ([x, y]) => {
    const reach = REACH / above.clientWidth;
    let best = -1;
    let least = reach * reach;
    drawn.points.forEach(([a, b], row) => {
      const distance = (a - x) ** 2 + (b - y) ** 2;
      if (distance < least) [best, least] = [row, distance];
    });
    return best;
  };

  const extend = (at) => {
    const [x, y] = pressed;
    const far = Math.hypot(at[0] - x, at[1] - y) * above.clientWidth > DRAG;
    if (!lasso && !far) return;
    lasso = [...(lasso ?? [pressed]), at];
    mark();
  };

  const finish = (at) => {
    const corners = lasso;
    [pressed, lasso] = [null, null];
    mark();
    if (corners) {
      const rows = drawn.points.map((_, row) => row);
      onLasso(rows.filter((row) => inside(corners, drawn.points[row])));
      return;
    }
    const row = rowAt(at);
    if (row >= 0) onPick(row);
    else onClear();
  };

  above.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    above.setPointerCapture(event.pointerId);
    pressed = shareOf(event);
  });
  above.addEventListener("pointermove", (event) => {
    const at = shareOf(event);
    if (pressed) extend(at);
    else onPoint(rowAt(at), event);
  });
  above.addEventListener("pointerup", (event) => pressed && finish(shareOf(event)));
  above.addEventListener("pointercancel", () => {
    [pressed, lasso] = [null, null];
    mark();
  });
  above.addEventListener("pointerleave", (event) => onPoint(-1, event));
  above.addEventListener("keydown", (event) => {
    const direction = ARROWS[event.key];
    if (!direction) return;
    event.preventDefault();
    const row = inDirection(drawn.points, current ?? [0.5, 0.5], direction);
    if (row >= 0) onPick(row);
  });
  return { show, draw, mark, placeOf: (row) => drawn.points[row] };
};
