// Samples: codes drawn from N(0, I) and decoded, by every size.

import { randomNormal } from "latentsweep/space.js";
import { networksOf } from "latentsweep/state.js";

export const SAMPLES = 10;

/** The codes that a network decodes for a seed. */
export const sampledCodes = ({ size }, seed) => {
  const next = randomNormal(seed * 1009 + size);
  return Array.from({ length: SAMPLES }, () => Float32Array.from({ length: size }, next));
};

/** The samples as a tool of the page. */
export const makePrior = (page) => {
  const { family, store, say, number, find, paint } = page;
  const { data } = family;
  find("again").addEventListener("click", () => store.commit({ seed: store.state.seed + 1 }));

  const render = ({ objective, seed }) => {
    page.gallery(
      find("prior-rows"),
      networksOf(family, objective).map((network) => ({
        head: say("size", { size: number(network.size, 0) }),
        items: network.runs
          ? sampledCodes(network, seed).map((code) => family.decoded(network, code))
          : [],
        label: (place) => say("sample", { size: network.size, place: place + 1 }),
      })),
      paint,
    );
  };

  const marks = (network, { seed }) => ({
    points: sampledCodes(network, seed).map((code) => ({
      ...family.place(network, code),
      kind: "step",
    })),
    line: null,
  });
  return { render, marks };
};
