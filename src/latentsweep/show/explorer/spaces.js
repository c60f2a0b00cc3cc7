// The spaces side by side: a card a size, with what its network makes of the item and its map.

import { makeMap } from "latentsweep/map.js";
import { imageData } from "latentsweep/paint.js";
import { networksOf } from "latentsweep/state.js";

const SPRITE = "#5b636d"; // the colour of pictures without a class

/** Each example as a small picture: images of one thing on a ground are ink in their class's colour. */
const makePictures = ({ data, example }, colourOf) => {
  const kept = new Map();
  const make = (row) => {
    const canvas = document.createElement("canvas");
    [canvas.height, canvas.width] = data.shape;
    const context = canvas.getContext("2d");
    const image = imageData(example(row), data.shape, data.limits);
    if (data.drawing.fitted && data.shape[2] === 1) inked(image, data, example(row));
    context.putImageData(image, 0, 0);
    if (data.drawing.fitted && data.shape[2] === 1) {
      context.globalCompositeOperation = "source-in";
      context.fillStyle = data.labels ? colourOf(row) : SPRITE;
      context.fillRect(0, 0, canvas.width, canvas.height);
    }
    return canvas;
  };
  return (row) => {
    const key = `${row} ${colourOf(row)}`;
    if (!kept.has(key)) kept.set(key, make(row));
    return kept.get(key);
  };
};

/** Lets the ground show through: the more ink, the less. */
const inked = (image, { drawing, limits: [low, high] }, values) => {
  values.forEach((value, i) => {
    image.data[4 * i + 3] = (255 * Math.abs(value - drawing.ground[0])) / (high - low || 1);
    if (drawing.ink[0] < drawing.ground[0]) image.data.fill(0, 4 * i, 4 * i + 3);
  });
};

const drawer = (picture, aspect) => (context, row, x, y, side) => {
  const [width, height] = aspect > 1 ? [side, side / aspect] : [side * aspect, side];
  context.imageSmoothingEnabled = true;
  context.drawImage(picture(row), x + (side - width) / 2, y + (side - height) / 2, width, height);
};

/** The cards of all sizes as a tool of the page. */
export const makeSpaces = (page) => {
  const { family, store, say, number, paint, find, colourOf } = page;
  const { data } = family;
  const picture = data.image && drawer(makePictures(family, colourOf), data.shape[1] / data.shape[0]);
  const sizes = [...new Set(data.networks.map(({ size }) => size))].sort((a, b) => a - b);
  const cards = new Map(sizes.map((size) => [size, makeCard(size)]));

  function makeCard(size) {
    const element = find("card").content.firstElementChild.cloneNode(true);
    const part = (name) => element.querySelector(`.${name}`);
    const map = makeMap(part("map"), {
      onPoint: (row, event) => page.point(row, event),
      onPick: (row) => page.choose(row),
      onLasso: (rows) => store.commit({ selected: rows }),
      onClear: () => store.commit({ selected: [] }),
    });
    part("enlarge").addEventListener("click", () =>
      store.commit({ wide: store.state.wide === size ? null : size }),
    );
    find("spaces").append(element);
    return { element, part, map };
  }

  let looked = null; // what the maps' grounds show
  const render = (state, { marksOf, resized }) => {
    const networks = networksOf(family, state.objective);
    for (const size of sizes) {
      const network = networks.find((each) => each.size === size);
      const card = cards.get(size);
      card.element.hidden = !network;
      if (network) renderCard(card, network, state);
    }
    const { objective, selected, marks, wide } = state;
    const look = [objective, selected, marks, wide, say.language, resized, sizes.length];
    const same = looked && look.every((each, i) => each === looked[i]);
    looked = look;
    for (const network of networks) {
      const { map } = cards.get(network.size);
      map.show(network);
      if (!same) map.draw(lookOf(state));
      map.mark(marksOf(network));
    }
  };

  const lookOf = ({ selected, marks }) => ({
    colourOf,
    chosen: selected.length ? new Set(selected) : null,
    pictures: marks === "pictures" && picture,
    picture,
  });

  const renderCard = ({ element, part }, network, state) => {
    const wide = state.wide === network.size;
    const made = family.reconstruction(network, state);
    const loss = family.loss(network, state);
    element.classList.toggle("wide", wide);
    part("size").textContent = say("size", { size: number(network.size, 0) });
    part("enlarge").setAttribute("aria-pressed", String(wide));
    part("enlarge").setAttribute("aria-label", say("enlarge", { size: network.size }));
    part("reconstruction").hidden = !made;
    part("reconstruction").setAttribute("aria-label", say("reconstruction_of", { size: network.size }));
    if (made) paint(part("reconstruction"), made, family.item(state));
    part("cannot").hidden = Boolean(made);
    part("cannot").textContent = say("cannot");
    part("nats").hidden = !family.runs;
    part("nats").textContent = loss === null ? "" : say("nats", { loss: number(loss, 1) });
    part("above").setAttribute("aria-label", say("map_of", { size: network.size }));
    part("kind").textContent = kindOf(network, state);
  };

  const kindOf = (network, state) => {
    if (!network.dimensions) {
      const place = family.placeOfItem(network, state);
      return place && !place.exact ? say("tsne_approximate") : say("tsne");
    }
    return network.size <= 2 ? say("codes") : say("two_dimensions");
  };

  return { render };
};
