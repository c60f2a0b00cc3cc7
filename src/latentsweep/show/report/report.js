// The page's own behaviour: language, copying, which example and size is shown, the live plots.
"use strict";

(() => {
  const root = document.documentElement;
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const data = (name) => {
    const element = document.getElementById(`data-${name}`);
    return element && JSON.parse(element.textContent);
  };

  // -- the language: the n-th text, or the n-th element with an attribute, gets other content
  const others = data("words");
  const attributes = ["alt", "aria-label", "src", "data-copy", "data-text"];
  const texts = [];
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode;
    const silent = ["SCRIPT", "STYLE", "NOSCRIPT"].includes(node.parentNode.nodeName);
    if (!silent && node.data.trim()) texts.push(node);
  }
  const carriers = Object.fromEntries(attributes.map((name) => [name, all(`[${name}]`)]));
  const written = root.dataset.language;
  let undo = [];

  const setContent = (kind, place, content) => {
    if (kind === "text") {
      const node = texts[place];
      undo.push(((old) => () => { node.data = old; })(node.data));
      node.data = content;
    } else {
      const element = carriers[kind][place];
      undo.push(((old) => () => element.setAttribute(kind, old))(element.getAttribute(kind)));
      element.setAttribute(kind, content);
    }
  };

  const setLanguage = (code) => {
    undo.forEach((step) => step());
    undo = [];
    for (const [kind, changes] of Object.entries(others[code] ?? {})) {
      for (const [place, content] of changes) setContent(kind, place, content);
    }
    const buttons = all("[data-language]").filter((element) => element !== root);
    root.dataset.language = code;
    for (const button of buttons) {
      const chosen = button.dataset.language === code;
      button.setAttribute("aria-pressed", String(chosen));
      if (chosen) root.lang = button.lang;
    }
    window.latentsweepLive?.setLanguage(code);
    showSelection();
  };

  for (const group of all(".languages")) {
    group.hidden = false;
    for (const button of all("button", group)) {
      button.addEventListener("click", () => setLanguage(button.dataset.language));
    }
  }

  // -- copying
  const copied = document.getElementById("copied");
  const copy = async (text) => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = document.createElement("textarea");
      area.value = text;
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
  };
  for (const button of all("button.copy")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      await copy(button.dataset.copy);
      copied.textContent = `✓ ${copied.dataset.text}`;
      copied.dataset.name = button.dataset.done;
      button.focus();
    });
  }

  // -- which example, which size
  for (const pills of all("[data-pills]")) {
    const kind = pills.dataset.pills;
    pills.hidden = false;
    pills.addEventListener("change", (event) => {
      for (const part of all(`[data-${kind}]`)) {
        part.hidden = part.dataset[kind] !== event.target.value;
      }
    });
  }

  // -- the live plots
  const classes = document.querySelector(".classes");
  const selected = document.getElementById("selected");
  let selection = { count: 0, total: 0 };
  const showSelection = () => {
    if (!selected) return;
    const words = selected.dataset.text;
    selected.textContent = selection.count
      ? words
          .replace("{count}", selection.count.toLocaleString(root.lang))
          .replace("{total}", selection.total.toLocaleString(root.lang))
      : "";
  };
  document.addEventListener("latentsweep:selection", (event) => {
    selection = event.detail;
    showSelection();
  });
  const selectClass = (chosen) => {
    for (const button of all("[data-class]")) {
      const on = button === chosen && button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", String(on));
    }
    const on = chosen.getAttribute("aria-pressed") === "true";
    window.latentsweepLive.selectClass(on ? Number(chosen.dataset.class) : null);
  };
  const plots = data("plots");
  if (plots && window.Bokeh) {
    const shown = { document: plots, places: data("places"), relabel: data("relabel") };
    window.latentsweepLive.start({ ...shown, language: written });
    for (const element of all("[data-for]")) element.hidden = false;
    if (classes) {
      for (const button of all("[data-class]")) {
        button.addEventListener("click", () => selectClass(button));
      }
    }
  }

  // -- on paper everything is open
  window.addEventListener("beforeprint", () => {
    for (const part of all("details")) part.open = true;
  });
})();
