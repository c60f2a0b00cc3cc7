// The pad: a drawing with mouse, finger or keys, and beside it what the networks get.

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const clamped = (value) => Math.min(Math.max(value, 0), 1);

/** The colour of the picker as shares of 0 to 1; null where the data has no colours. */
const penColour = (picker, { image, shape }) => {
  if (!image || shape[2] < 3) return null;
  const level = (start) => parseInt(picker.value.slice(start, start + 2), 16) / 255;
  return [1, 3, 5].map(level);
};

/** What stands in the pad's place where no network can run: the chosen item, and its name. */
export const makeShown = ({ family, paint, find, nameOf }) => ({
  render: (state) => {
    paint(find("pad"), family.item(state));
    find("shown-name").textContent = nameOf(state.base);
  },
});

/** The pad as a tool of the page. */
export const makePad = ({ family, store, paint, find }) => {
  const { data } = family;
  const pad = find("pad");
  const pen = { at: [0.5, 0.5], down: false, focused: false };
  let stroke = null; // points of the stroke that is being drawn

  const colour = () => penColour(find("colour"), data);
  const begun = (state) => {
    const anew = !state.strokes.length && !state.over;
    return { base: anew ? null : state.base, strokes: state.strokes };
  };
  const start = (at) => {
    stroke = { ...begun(store.state), points: [at] };
    show();
  };
  const extend = (at) => {
    stroke.points = [...stroke.points, at];
    show();
  };
  const withStroke = ({ base, strokes, points }) => ({
    base,
    strokes: [...strokes, { points, colour: colour() }],
  });
  const show = () => store.preview(withStroke(stroke));
  const finish = () => {
    if (!stroke) return;
    stroke = null;
    store.commit();
  };

  const shareOf = ({ clientX, clientY }) => {
    const box = pad.getBoundingClientRect();
    return [
      clamped((clientX - box.left) / box.width),
      clamped((clientY - box.top) / box.height),
    ];
  };

  pad.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    pad.setPointerCapture(event.pointerId);
    start(shareOf(event));
  });
  pad.addEventListener("pointermove", (event) => {
    if (!stroke) return;
    const events = event.getCoalescedEvents?.() ?? [];
    for (const each of events.length ? events : [event]) stroke.points.push(shareOf(each));
    show();
  });
  pad.addEventListener("pointerup", finish);
  pad.addEventListener("pointercancel", () => {
    stroke = null;
    store.cancel();
  });

  const step = (event) => 1 / (event.shiftKey ? 7 : 28);
  pad.addEventListener("keydown", (event) => {
    const arrow = ARROWS[event.key];
    if (arrow) {
      pen.at = pen.at.map((value, axis) => clamped(value + arrow[axis] * step(event)));
      if (pen.down) extend(pen.at);
    } else if (event.key === " " || event.key === "Enter") {
      pen.down = !pen.down;
      if (pen.down) start(pen.at);
      else finish();
    } else return;
    event.preventDefault();
    render(store.state);
  });
  const focus = (focused) => () => {
    pen.focused = focused && pad.matches(":focus-visible");
    if (!focused && pen.down) finish();
    pen.down &&= focused;
    render(store.state);
  };
  pad.addEventListener("focus", focus(true));
  pad.addEventListener("blur", focus(false));

  find("clear").addEventListener("click", () => store.commit({ base: null, strokes: [] }));
  find("over").addEventListener("change", ({ target }) => store.commit({ over: target.checked }));
  find("fit").addEventListener("change", ({ target }) => store.commit({ fit: target.checked }));

  const render = (state) => {
    const moved = data.image && state.strokes.length && state.base === null;
    paint(pad, moved ? family.item({ ...state, fit: false }) : family.item(state));
    paint(find("seen"), family.item(state));
    find("seen-part").hidden = !(moved && state.fit);
    find("invitation").hidden = state.strokes.length > 0 || state.base !== 0 || pen.focused;
    find("over").checked = state.over;
    find("fit").checked = state.fit;
    const cursor = find("cursor");
    cursor.hidden = !pen.focused;
    cursor.dataset.down = pen.down;
    [cursor.style.left, cursor.style.top] = pen.at.map((share) => `${100 * share}%`);
  };
  return { render };
};
