// The live plots: shows the roots of a Bokeh document in the page, and keeps them in its language
// and its colours.
"use strict";

window.latentsweepLive = (() => {
  const FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif";
  const COLOURS = {
    light: { ink: "#1f2328", quiet: "#57606a", line: "#c9cdd2", grid: "#e4e7ea", page: "#ffffff" },
    dark: { ink: "#e3e7ec", quiet: "#9aa4af", line: "#4a525c", grid: "#2a3038", page: "#14171b" },
  };
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const plots = []; // {root, container, element}, in order of the page
  let models = new Map();
  let bokeh = null; // the Bokeh document
  let examples = null; // the source that all t-SNE panels share
  let changes = {};
  const state = { ready: false, panels: 0, language: null, scheme: null };

  // What a model of a type is coloured with on a page.
  const OWN_COLOURS = {
    LinearAxis: (c) => axis(c),
    LogAxis: (c) => axis(c),
    Grid: (c) => ({ grid_line_color: c.grid }),
    Legend: (c) => ({
      label_text_color: c.ink,
      title_text_color: c.quiet,
      inactive_fill_color: c.page,
      inactive_fill_alpha: 0.65,
    }),
    Title: (c) => ({ text_color: c.ink }),
    Label: (c) => ({ text_color: c.quiet }),
    Text: (c) => ({ text_color: { value: c.ink } }),
    Slope: (c) => ({ line_color: c.line }),
  };

  const axis = (c) => ({
    axis_label_text_color: c.ink,
    major_label_text_color: c.ink,
    axis_line_color: c.quiet,
    major_tick_line_color: c.quiet,
  });

  const setScheme = (scheme) => {
    const colours = COLOURS[scheme];
    state.scheme = scheme;
    const { style } = document.documentElement;
    style.setProperty("--live-ink", colours.ink);
    style.setProperty("--live-page", colours.page);
    style.setProperty("--bokeh-icon-color", colours.quiet);
    for (const model of models.values()) {
      const tagged = model.tags?.find((tag) => tag?.[scheme])?.[scheme];
      const values = { ...OWN_COLOURS[model.type]?.(colours), ...tagged };
      if (model.type === "Figure" && model.outline_line_color !== null) {
        values.outline_line_color = colours.line;
      }
      if (model.type === "Grid" && model.grid_line_color === null) delete values.grid_line_color;
      if (Object.keys(values).length) model.setv(values);
    }
  };

  // Bokeh writes ticks with a decimal point; other languages have a comma.
  const punctuate = (code) => {
    const parts = new Intl.NumberFormat(code).formatToParts(0.5);
    const mark = parts.find((part) => part.type === "decimal").value;
    for (const model of models.values()) {
      if (model.type !== "BasicTickFormatter") continue;
      const { doFormat } = Object.getPrototypeOf(model);
      model.doFormat = (...given) =>
        doFormat.apply(model, given).map((text) => text.replace(".", mark));
    }
  };

  const setLanguage = (code) => {
    if (code === state.language) return;
    state.language = code;
    if (!bokeh) return;
    punctuate(code);
    const { Deserializer } = Bokeh.require("core/serialization/deserializer");
    for (const [id, written] of Object.entries(changes[code] ?? {})) {
      const model = models.get(id);
      const values = new Deserializer(bokeh.resolver, new Map(models)).decode(written);
      if (values.data) values.data = { ...model.data, ...values.data };
      model.setv(values);
    }
    for (const { root, element } of plots) {
      if (element) element.setAttribute("aria-label", root.name);
      for (const each of [...root.left, ...root.below]) each.change.emit();
    }
  };

  const selection = () => [...(examples?.selected.indices ?? [])];

  const selectClass = (number) => {
    if (!examples) return;
    const labels = number === null ? [] : [...examples.data.label];
    examples.selected.indices = labels.flatMap((label, place) => (label === number ? [place] : []));
  };

  const announce = () => {
    const detail = { count: selection().length, total: examples.get_length() };
    document.dispatchEvent(new CustomEvent("latentsweep:selection", { detail }));
  };

  // All models are read from the JSON at once; the roots are then given back to the document one
  // by one, in the order of `plots`, since Bokeh draws a root when it is added.
  const read = (content) => {
    const { Document } = Bokeh.require("document");
    bokeh = Document.from_json(content);
    models = new Map([...bokeh.all_models].map((model) => [model.id, model]));
    examples = [...models.values()].find((model) => model.name === "examples") ?? null;
    examples?.selected.change.connect(announce);
    const roots = [...bokeh.roots()];
    for (const root of roots) bokeh.remove_root(root);
    return new Map(roots.map((root) => [root.id, root]));
  };

  const prepare = (content, places) => {
    const roots = read(content);
    for (const [name, shown] of Object.entries(places)) {
      const container = document.querySelector(`[data-live="${name}"]`);
      if (!container) continue;
      for (const { root } of shown) {
        plots.push({ root: roots.get(root), name, container, element: null });
      }
      if (name === "tsne") state.panels = shown.length;
    }
    // A finger that moves over a plot scrolls the page, unless a tool is chosen.
    if (window.matchMedia("(pointer: coarse)").matches) {
      for (const { root } of plots) root.toolbar.active_drag = null;
    }
  };

  // The plots of a name appear together, in the place of their picture.
  const place = ({ container, name }) => {
    if (!container.hidden) return;
    container.hidden = false;
    container.style.setProperty("--bokeh-base-font", FONT);
    for (const plot of plots.filter((each) => each.container === container)) {
      plot.element = document.createElement("div");
      plot.element.className = "live-plot";
      plot.element.style.cssText = "min-width: 0; overflow-x: clip";
      plot.element.setAttribute("role", "group");
      plot.element.setAttribute("aria-label", plot.root.name);
      container.append(plot.element);
    }
    document.querySelector(`[data-static="${name}"]`)?.classList.add("replaced");
  };

  const rest = () => new Promise((resolve) => {
    (window.requestIdleCallback ?? ((then) => setTimeout(then, 1)))(resolve, { timeout: 60 });
  });

  const drawn = async (root) => {
    while (!Bokeh.index.get(root)) await new Promise((resolve) => setTimeout(resolve, 4));
  };

  const draw = async () => {
    const elements = [];
    await Bokeh.embed.add_document_standalone(bokeh, document.createElement("div"), elements);
    for (const plot of plots) {
      place(plot);
      elements.push(plot.element);
      bokeh.add_root(plot.root);
      await drawn(plot.root);
      await rest();
    }
    state.ready = true;
  };

  let settle;
  const ready = new Promise((resolve, reject) => { settle = { resolve, reject }; });

  const start = ({ document: content, places, relabel, language }) => {
    Bokeh.logger.set_level("warn");
    prepare(content, places);
    changes = relabel;
    state.language = language;
    punctuate(language);
    setScheme(dark.matches ? "dark" : "light");
    dark.addEventListener("change", () => setScheme(dark.matches ? "dark" : "light"));
    draw().then(settle.resolve, settle.reject);
    return ready;
  };

  return { start, setLanguage, setScheme, selectClass, selection, state: () => ({ ...state }), ready };
})();
