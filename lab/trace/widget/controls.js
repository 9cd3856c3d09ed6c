// controls.js: elements, icons, and the controls above the picture.


const SPEEDS = [1, 4, 15, 60, 250]; // steps a second

const ICONS = {
  back: "M11 3 5 8l6 5z",
  forward: "M5 3l6 5-6 5z",
  play: "M4 2l10 6-10 6z",
  pause: "M4 3h3v10H4zM9 3h3v10H9z",
  "next-barrier": "M3 3l7 5-7 5zM11 3h2v10h-2z",
  "next-line": "M3 3l5 5-5 5zM8 3l5 5-5 5z",
};

function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

// h("button", {class: "a", onclick: f}, child, ...): an element.
function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== false && value != null) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child != null));
  return element;
}

// The controls of a Widget (main.js), which it also keeps: {elements, as its fields}.
function makeControls(widget) {
  const { scene } = widget;
  widget.title = h("div", { class: "title" });
  const options = scene.launches.map((launch, i) =>
    h("option", { value: i }, `${i + 1}: ${launch.kernel} ${launch.shape}`),
  );
  widget.launchSelect = h("select", { onchange: (e) => widget.chooseLaunch(+e.target.value) }, ...options);
  widget.blockSelect = h("select", { onchange: (e) => widget.chooseBlock(+e.target.value) });
  widget.warpSelect = h("select", { onchange: (e) => widget.chooseWarp(+e.target.value) });
  widget.wastefulBox = h("input", { type: "checkbox", onchange: () => widget.choose() });
  widget.wastefulText = h("span", {}, "only wasteful requests");
  const speed = h(
    "select",
    { onchange: (e) => (widget.speed = +e.target.value) },
    ...SPEEDS.map((n) => h("option", { value: n, selected: n === widget.speed }, `${n} steps/s`)),
  );
  const button = (name, label, keys, action) =>
    h(
      "button",
      { type: "button", class: `go ${name}`, title: `${label} (${keys})`, "aria-label": label, onclick: action },
      icon(name),
    );
  widget.playButton = button("play", "Play", "space", () => widget.togglePlay());
  widget.playButton.append(h("span", {}, "Play"));
  widget.barrierButton = button("next-barrier", "Next barrier", "B", () => widget.nextBarrier());
  widget.barrierButton.append(h("span", {}, "barrier"));
  const line = button("next-line", "Next line", "N", () => widget.nextLine());
  line.append(h("span", {}, "line"));
  widget.timeline = h("canvas", { class: "timeline", "aria-hidden": "true" });
  widget.slider = h("input", {
    type: "range",
    min: 0,
    value: 0,
    "aria-label": "Step",
    oninput: (e) => (widget.stop(), widget.goTo(+e.target.value)),
  });
  widget.position = h("span", { class: "position" });
  const labelled = (text, control) => h("label", {}, `${text} `, control);
  const kernel = scene.launches.length > 1 ? labelled("Launch", widget.launchSelect) : null;
  return [
    widget.title,
    h(
      "div",
      { class: "bar", role: "toolbar", "aria-label": "Steps" },
      button("back", "Step back", "←", () => (widget.stop(), widget.goTo(widget.place - 1))),
      widget.playButton,
      button("forward", "Step forward", "→", () => (widget.stop(), widget.goTo(widget.place + 1))),
      line,
      widget.barrierButton,
      labelled("Speed", speed),
      widget.position,
    ),
    h("div", { class: "track" }, widget.timeline, widget.slider),
    h(
      "div",
      { class: "bar" },
      kernel,
      labelled("Block", widget.blockSelect),
      labelled("Warp", widget.warpSelect),
      h("label", { class: "check" }, widget.wastefulBox, widget.wastefulText),
    ),
  ];
}
