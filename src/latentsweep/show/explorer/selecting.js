// Selecting among the examples: by class, by number, by lasso in a map; what is selected is shown.

const MOST_SHOWN = 48;

/** The row whose number in the test split is nearest. */
const nearestRow = ({ indices }, wanted) => {
  const distance = (row) => Math.abs(indices[row] - wanted);
  return indices.reduce((best, _, row) => (distance(row) < distance(best) ? row : best), 0);
};

const folded = (text) => text.trim().toLowerCase();

/** The controls under the maps as a tool of the page. */
export const makeSelecting = (page) => {
  const { family, store, say, number, find } = page;
  const { data } = family;
  const rowsOf = (place) =>
    data.indices.map((_, row) => row).filter((row) => data.labels[row] === place);
  const classRows = data.classes.map((_, place) => rowsOf(place));
  const buttons = data.classes.map(({ name, light, dark }, place) => {
    const button = document.createElement("button");
    const dot = document.createElement("span");
    Object.assign(button, { type: "button", hidden: !classRows[place].length });
    dot.className = "dot";
    dot.style.setProperty("--light", light);
    dot.style.setProperty("--dark", dark);
    button.append(dot, name);
    button.addEventListener("click", () => {
      const on = button.getAttribute("aria-pressed") === "true";
      store.commit({ selected: on ? [] : classRows[place] });
    });
    find("classes").append(button);
    return button;
  });
  find("classes").hidden = !buttons.length;
  find("marks").hidden = !data.image;

  for (const input of find("marks").querySelectorAll("input")) {
    input.addEventListener("change", () => store.commit({ marks: input.value }));
  }
  find("unselect").addEventListener("click", () => store.commit({ selected: [] }));

  const found = find("found");
  const search = (text) => {
    const byName = data.classes.findIndex(({ name }) => folded(name) === folded(text));
    const wanted = /^\d{1,9}$/.test(text.trim()) ? Number(text) : null;
    const exact = wanted === null ? -1 : data.indices.indexOf(wanted);
    if (exact >= 0) {
      page.choose(exact);
      return say("found_number", { number: wanted });
    }
    if (byName >= 0) {
      store.commit({ selected: classRows[byName] });
      return say("found_class", { name: data.classes[byName].name });
    }
    if (wanted === null) return say("found_nothing", { text });
    const row = nearestRow(data, wanted);
    page.choose(row);
    return say("found_nearest", { number: wanted, nearest: data.indices[row] });
  };
  find("search").addEventListener("submit", (event) => {
    event.preventDefault();
    const text = find("wanted").value;
    if (text.trim()) found.textContent = search(text);
  });

  const same = (a, b) => a.length === b.length && a.every((row, i) => row === b[i]);
  let listed = null;
  const render = ({ selected, marks }) => {
    buttons.forEach((button, place) => {
      const on = selected.length > 0 && same(selected, classRows[place]);
      button.setAttribute("aria-pressed", String(on));
    });
    for (const input of find("marks").querySelectorAll("input")) input.checked = input.value === marks;
    find("unselect").hidden = !selected.length;
    const key = [selected, say.language];
    if (listed && key.every((each, i) => each === listed[i])) return;
    if (listed?.[1] !== say.language) found.textContent = ""; // said in the other language
    listed = key;
    const shown = selected.slice(0, MOST_SHOWN);
    const words = { count: number(selected.length, 0), total: number(data.indices.length, 0) };
    find("selected").textContent = selected.length ? say("selected", words) : "";
    find("more").textContent =
      selected.length > shown.length
        ? say("more", { count: number(selected.length - shown.length, 0) })
        : "";
    page.rebuild(find("chosen"), shown.map((row) => page.exampleButton(row)));
  };
  return { render };
};
