// A walk between the two images chosen last, in every size at once.

import { codeOf, walk } from "latentsweep/space.js";
import { networksOf } from "latentsweep/state.js";

export const STEPS = 7;

/** The walk as a tool of the page. */
export const makeWalk = (page) => {
  const { family, say, number, find, paint } = page;
  const { data } = family;
  const ends = ({ picked }) => picked.slice(-2);
  const steps = (network, [from, to]) => {
    const code = (row) => codeOf(network.codes, network.size, row);
    return walk(code(from), code(to), STEPS);
  };

  const render = (state) => {
    const pair = ends(state);
    const [from, to] = pair.map((row) => page.exampleButton(row));
    page.rebuild(find("walk-ends"), to ? [from, "→", to] : [from].filter(Boolean));
    find("walk-lacking").hidden = pair.length === 2;
    const networks = pair.length === 2 ? networksOf(family, state.objective) : [];
    page.gallery(
      find("walk-rows"),
      networks.map((network) => ({
        head: say("size", { size: number(network.size, 0) }),
        items: network.runs
          ? steps(network, pair).map((code) => family.decoded(network, code))
          : [],
        label: (place) =>
          say("walk_step", { size: network.size, step: place + 1, steps: STEPS }),
      })),
      paint,
    );
  };

  const marks = (network, state) => {
    const pair = ends(state);
    if (pair.length < 2) return { points: [], line: null };
    const places = steps(network, pair).map((code, i) =>
      i === 0 || i === STEPS - 1
        ? family.placeOfRow(network, pair[i && 1])
        : family.place(network, code),
    );
    return {
      points: places.map((place) => ({ ...place, kind: "step" })),
      line: places.map(({ at }) => at),
    };
  };
  return { render, marks };
};
