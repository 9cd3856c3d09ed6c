// main.js: the widget: its controls and panels, and what a step changes in them.

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

let widgets = 0; // for ids that differ

class Widget {
  constructor(scene, steps) {
    this.scene = scene;
    this.steps = steps;
    this.id = `mingpt-trace-${++widgets}`;
    this.speed = SPEEDS[1];
    this.playing = 0; // of requestAnimationFrame
    this.root = h("div", {
      class: "mingpt-trace",
      role: "group",
      "aria-label": `What ${scene.function} does, step by step`,
      "data-lm-suppress-shortcuts": "true", // keys are ours while the focus is in here
      onkeydown: (event) => this.onKey(event),
    });
    this.root.append(...this.makeHead(), this.makePanels(), this.makeFoot());
    this.chooseLaunch(0);
    this.observe();
  }

  // ---------------------------------------------------------------------------- what is made once

  makeHead() {
    const { scene } = this;
    this.title = h("div", { class: "title" });
    const options = scene.launches.map((launch, i) =>
      h("option", { value: i }, `${i + 1}: ${launch.kernel} ${launch.shape}`),
    );
    this.launchSelect = h("select", { onchange: (e) => this.chooseLaunch(+e.target.value) }, ...options);
    this.blockSelect = h("select", { onchange: (e) => this.chooseBlock(+e.target.value) });
    this.warpSelect = h("select", { onchange: (e) => this.chooseWarp(+e.target.value) });
    this.wastefulBox = h("input", { type: "checkbox", onchange: () => this.choose() });
    this.wastefulText = h("span", {}, "only wasteful requests");
    const speed = h(
      "select",
      { onchange: (e) => (this.speed = +e.target.value) },
      ...SPEEDS.map((n) => h("option", { value: n, selected: n === this.speed }, `${n} steps/s`)),
    );
    const button = (name, label, keys, action) =>
      h(
        "button",
        { type: "button", class: `go ${name}`, title: `${label} (${keys})`, "aria-label": label, onclick: action },
        icon(name),
      );
    this.playButton = button("play", "Play", "space", () => this.togglePlay());
    this.playButton.append(h("span", {}, "Play"));
    this.barrierButton = button("next-barrier", "Next barrier", "B", () => this.nextBarrier());
    this.barrierButton.append(h("span", {}, "barrier"));
    const line = button("next-line", "Next line", "N", () => this.nextLine());
    line.append(h("span", {}, "line"));
    this.timeline = h("canvas", { class: "timeline", "aria-hidden": "true" });
    this.slider = h("input", {
      type: "range",
      min: 0,
      value: 0,
      "aria-label": "Step",
      oninput: (e) => (this.stop(), this.goTo(+e.target.value)),
    });
    this.position = h("span", { class: "position" });
    const labelled = (text, control) => h("label", {}, `${text} `, control);
    const kernel = scene.launches.length > 1 ? labelled("Launch", this.launchSelect) : null;
    return [
      this.title,
      h(
        "div",
        { class: "bar", role: "toolbar", "aria-label": "Steps" },
        button("back", "Step back", "←", () => (this.stop(), this.goTo(this.place - 1))),
        this.playButton,
        button("forward", "Step forward", "→", () => (this.stop(), this.goTo(this.place + 1))),
        line,
        this.barrierButton,
        labelled("Speed", speed),
        this.position,
      ),
      h("div", { class: "track" }, this.timeline, this.slider),
      h(
        "div",
        { class: "bar" },
        kernel,
        labelled("Block", this.blockSelect),
        labelled("Warp", this.warpSelect),
        h("label", { class: "check" }, this.wastefulBox, this.wastefulText),
      ),
    ];
  }

  makePanels() {
    this.source = h("div", { class: "source", tabindex: 0, role: "region", "aria-label": "Source" });
    this.what = h("p", { class: "what" });
    this.cost = h("p", { class: "cost" });
    this.status = h("div", { class: "status", "aria-live": "polite" }, this.what, this.cost);
    this.lanes = h("div", { class: "lanes", "aria-hidden": "true" });
    for (let lane = 0; lane < WARP; lane++) this.lanes.append(h("span", {}, `${lane}`));
    this.meter = h("div", { class: "meter", "aria-hidden": "true" });
    this.warps = h("div", { class: "warps", "aria-hidden": "true" });
    this.now = h(
      "div",
      { class: "now" },
      this.status,
      h("div", { class: "caption" }, "lanes of the warp"),
      this.lanes,
      this.meter,
      h("div", { class: "caption" }, (this.warpsCaption = h("span", {}))),
      this.warps,
    );
    this.global = h("div", { class: "arrays" });
    this.shared = h("div", { class: "arrays" });
    this.sharedPart = h(
      "section",
      { "aria-label": "Shared memory" },
      h("div", { class: "heading" }, h("b", {}, "Shared memory"), " of the block; coloured: touched since the last barrier"),
      this.shared,
    );
    this.pointed = h("div", { class: "pointed", "aria-hidden": "true" });
    return h(
      "div",
      { class: "panels" },
      this.source,
      this.now,
      h(
        "div",
        { class: "memory" },
        h(
          "section",
          { "aria-label": "Global memory" },
          h("div", { class: "heading" }, h("b", {}, "Global memory"), " in sectors of 32 bytes; coloured: touched so far"),
          this.global,
        ),
        this.sharedPart,
        this.pointed,
      ),
    );
  }

  makeFoot() {
    this.summary = h("table", { class: "summary" });
    const key = (kind, text) => h("span", { class: "key" }, h("i", { class: kind }), text);
    return h(
      "div",
      { class: "foot" },
      h("div", { class: "scroll" }, this.summary),
      h(
        "div",
        { class: "legend", "aria-label": "Legend", role: "group" },
        key("lane", "a cell, in the colour of the lane that asks for it"),
        key("share", "asked for by several lanes at once"),
        key("waste", "moved with it in its sector, not asked for"),
        key("over", "an extra sector, or an extra pass over the banks"),
        key("read", "read before"),
        key("written", "written before"),
      ),
      h("div", { class: "keys" }, "Keys: ← → step · space play · N next line · B next barrier (Shift: back) · Home End"),
      (this.note = h("p", { class: "note" })),
    );
  }

  // ------------------------------------------------------------------------------ what is chosen

  chooseLaunch(i) {
    this.stop();
    const launch = (this.launch = this.scene.launches[i]);
    this.blocks = launch.blocks.map((one) => new Block(launch, this.steps, one));
    this.title.replaceChildren(h("b", {}, launch.kernel), ` ${launch.shape}`, h("span", {}, this.scene.case));
    this.blockSelect.replaceChildren(...this.blocks.map((b, k) => h("option", { value: k }, b.name)));
    this.makeSource();
    this.makeArrays();
    this.makeWarps();
    const notes = [];
    if (this.scene.is_wrong) notes.push("The result of this call is wrong: lab.check says where.");
    if (launch.lost) notes.push(`The recording ends here: ${plural(launch.lost, "more step")} did not fit. Smaller sizes do.`);
    const [x, y, z] = launch.grid;
    const silent = x * y * z - launch.blocks.length;
    if (silent && !launch.lost) notes.push(`${plural(silent, "block")} of ${x * y * z} asked for no memory at all.`);
    this.note.textContent = notes.join(" ");
    this.chooseBlock(0);
  }

  chooseBlock(k) {
    this.block = this.blocks[k];
    const { warps } = this.launch;
    const idle = (w) => this.block.stateOf(w, 0) === "idle";
    const kept = this.warpSelect.value || "-1";
    this.warpSelect.replaceChildren(
      h("option", { value: -1 }, `all ${warps}, in turns`),
      ...Array.from({ length: warps }, (_, w) =>
        h("option", { value: w, disabled: idle(w) }, idle(w) ? `${w} (idle)` : `${w}`),
      ),
    );
    this.warpSelect.value = +kept < warps && (+kept < 0 || !idle(+kept)) ? kept : "-1";
    this.choose();
  }

  chooseWarp(w) {
    this.warpSelect.value = `${w}`;
    const i = this.shown.length ? this.shown[this.place] : 0;
    this.choose(i);
  }

  // near: a step of the block to stay close to.
  choose(near = 0) {
    this.stop();
    const warp = +this.warpSelect.value;
    const wasteful = chosenSteps(this.block, warp, true).length;
    this.wastefulBox.disabled = !wasteful;
    if (!wasteful) this.wastefulBox.checked = false;
    this.wastefulText.textContent = wasteful
      ? `only the ${plural(wasteful, "wasteful request")}`
      : "no request is wasteful here";
    this.shown = chosenSteps(this.block, warp, this.wastefulBox.checked);
    this.progress = new Progress(this.block, this.shown);
    this.slider.max = Math.max(0, this.shown.length - 1);
    const place = this.shown.findIndex((i) => i >= near);
    this.goTo(place < 0 ? this.shown.length - 1 : place);
  }

  // --------------------------------------------------------------------------------- going about

  goTo(place) {
    this.place = Math.max(0, Math.min(place, this.shown.length - 1));
    this.slider.value = this.place;
    this.progress.goTo(this.place);
    this.draw();
  }

  find(from, wanted, by = 1) {
    for (let k = from; k >= 0 && k < this.shown.length; k += by)
      if (wanted(this.block.form(this.shown[k]))) return k;
    return -1;
  }

  nextBarrier(by = 1) {
    this.stop();
    const k = this.find(this.place + by, (form) => form.kind === "barrier", by);
    this.goTo(k >= 0 ? k : by > 0 ? this.shown.length - 1 : 0);
  }

  nextLine(by = 1) {
    this.stop();
    const { line } = this.block.form(this.shown[this.place]);
    const k = this.find(this.place + by, (form) => form.line !== line, by);
    if (k >= 0) this.goTo(k);
  }

  toLine(line) {
    this.stop();
    const same = (form) => form.line === line;
    const k = this.find(this.place + 1, same);
    const found = k >= 0 ? k : this.find(0, same);
    if (found >= 0) this.goTo(found);
  }

  togglePlay() {
    if (this.playing) return this.stop();
    if (this.place >= this.shown.length - 1) this.goTo(0);
    let before = performance.now();
    let due = 0;
    const tick = (time) => {
      due += ((time - before) / 1000) * this.speed;
      before = time;
      const steps = Math.floor(due);
      due -= steps;
      if (steps > 0) this.goTo(this.place + steps);
      if (this.place >= this.shown.length - 1) return this.stop();
      this.playing = requestAnimationFrame(tick);
    };
    this.playing = requestAnimationFrame(tick);
    this.showPlaying();
  }

  stop() {
    if (!this.playing) return;
    cancelAnimationFrame(this.playing);
    this.playing = 0;
    this.showPlaying();
  }

  showPlaying() {
    const on = Boolean(this.playing);
    this.status.setAttribute("aria-live", on ? "off" : "polite");
    const label = on ? "Pause" : "Play";
    this.playButton.replaceChildren(icon(on ? "pause" : "play"), h("span", {}, label));
    this.playButton.setAttribute("aria-label", label);
    this.playButton.title = `${label} (space)`;
  }

  onKey(event) {
    const typing = event.target.matches("select, input");
    const { key } = event;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const by = event.shiftKey ? -1 : 1;
    const actions = {
      b: () => this.nextBarrier(by),
      n: () => this.nextLine(by),
    };
    if (!typing) {
      Object.assign(actions, {
        arrowleft: () => (this.stop(), this.goTo(this.place - 1)),
        arrowright: () => (this.stop(), this.goTo(this.place + 1)),
        home: () => (this.stop(), this.goTo(0)),
        end: () => (this.stop(), this.goTo(this.shown.length - 1)),
      });
      if (!event.target.matches("button")) actions[" "] = () => this.togglePlay();
    } else if (event.target === this.slider) actions[" "] = () => this.togglePlay();
    const action = event.target.matches("select") ? null : actions[key.toLowerCase()];
    if (!action) return;
    event.preventDefault();
    event.stopPropagation();
    action();
  }

  // ------------------------------------------------------------------------------------- drawing

  makeSource() {
    const { launch } = this;
    const worst = new Map(); // by line: is anything wasteful there
    for (const form of launch.forms)
      worst.set(form.line, worst.get(form.line) === "wasteful" || isWasteful(form) ? "wasteful" : form.kind);
    this.rows = new Map();
    this.source.replaceChildren();
    for (const { name, file, first, lines } of launch.source) {
      if (launch.source.length > 1) this.source.append(h("div", { class: "function" }, name));
      lines.forEach((tokens, k) => {
        const line = `${file}:${first + k}`;
        const kind = worst.get(line);
        const code = tokens.map(([kind, text]) => (kind ? h("span", { class: kind }, text) : text));
        const row = h(
          "div",
          {
            class: `line ${kind || ""}`,
            title: kind ? "To the next step in this line" : null,
            onclick: kind ? () => this.toLine(line) : () => {},
          },
          h("span", { class: "no" }, `${first + k}`),
          h("code", {}, ...code, "\n"),
        );
        this.rows.set(line, row);
        this.source.append(row);
      });
    }
  }

  makeArrays() {
    this.cards = this.launch.arrays.map((array, a) => {
      const canvas = h("canvas", { role: "img" });
      canvas.addEventListener("mousemove", (event) => this.point(a, event));
      canvas.addEventListener("mouseleave", () => (this.pointed.textContent = ""));
      const size = array.rows > 1 ? `${array.rows} × ${array.cols}` : `${array.cols}`;
      const box = h("div", { class: "box" }, canvas);
      const card = h("figure", { class: "card" }, h("figcaption", {}, h("b", {}, array.name), ` ${size}`), box);
      return { array, canvas, box, card };
    });
    const grids = [...this.cards].sort((a, b) => (b.array.rows > 1) - (a.array.rows > 1)); // vectors last
    const of = (space) => grids.filter((c) => c.array.space === space).map((c) => c.card);
    this.global.replaceChildren(...of("global"));
    this.shared.replaceChildren(...of("shared"));
    this.sharedPart.hidden = !this.shared.children.length;
    this.banks = h("canvas", { role: "img", "aria-label": "The 32 banks" });
    this.banksText = h("span", {});
    this.shared.append(
      h("figure", { class: "card banks" }, h("figcaption", {}, h("b", {}, "32 banks"), " ", this.banksText), this.banks),
    );
  }

  makeWarps() {
    this.warps.replaceChildren();
    for (let w = 0; w < this.launch.warps; w++)
      this.warps.append(
        h("span", { onclick: () => this.chooseWarp(+this.warpSelect.value === w ? -1 : w) }, `${w}`),
      );
  }

  measure() {
    const width = this.memoryWidth();
    let taken = 0; // by the shared arrays
    for (const card of this.cards) {
      card.layout = layoutOf(card.array, width);
      if (card.array.space === "shared") taken += card.layout.width + 24;
    }
    const beside = width - taken; // the banks stand beside them, or below
    this.bankWidth = Math.min(beside >= LEFT + BANKS * 10 + 8 ? beside : width, LEFT + BANKS * 18 + 8);
  }

  memoryWidth() {
    return Math.max(280, (this.global.clientWidth || this.root.clientWidth || 640) - 16);
  }

  draw() {
    if (!this.shown.length || !this.root.isConnected) return;
    const colours = palette(this.root);
    const i = this.shown[this.place];
    const form = this.block.form(i);
    const lanes = form.kind === "barrier" ? [] : lanesOf(this.block, i);
    const { what, cost } = describe(this.block, i);
    this.what.textContent = what;
    this.cost.textContent = cost;
    this.cost.classList.toggle("wasteful", isWasteful(form));
    this.position.textContent =
      `step ${number(this.place + 1)} of ${number(this.shown.length)}` +
      (this.block.epochs > 1 ? ` · epoch ${this.block.epochOf[i] + 1} of ${this.block.epochs}` : "");
    this.slider.setAttribute("aria-valuetext", `${this.position.textContent}. ${what}`);
    this.drawSource(form);
    this.drawLanes(form, lanes);
    this.drawWarps(i);
    this.drawMemory(colours, form, lanes);
    this.drawSummary();
    const width = this.timeline.parentElement.clientWidth - 16;
    drawTimeline(this.timeline, Math.max(width, 100), colours, this.block, this.shown, this.place);
  }

  drawSource(form) {
    this.current?.classList.remove("current");
    this.current?.removeAttribute("aria-current");
    this.current = this.rows.get(form.line);
    if (!this.current) return;
    this.current.classList.add("current");
    this.current.setAttribute("aria-current", "step");
    const { offsetTop, offsetHeight } = this.current;
    const { scrollTop, clientHeight } = this.source;
    if (offsetTop < scrollTop + 20 || offsetTop + offsetHeight > scrollTop + clientHeight - 20)
      this.source.scrollTop = offsetTop - clientHeight / 2;
  }

  drawLanes(form, lanes) {
    const active = new Set(lanes.map((one) => one.lane));
    [...this.lanes.children].forEach((box, lane) => {
      const on = active.has(lane);
      box.style.background = on ? laneColour(lane) : "";
      box.className = on ? "on" : form.kind === "barrier" ? "waits" : "";
    });
    this.meter.replaceChildren();
    if (form.kind !== "request") return;
    const [one, many] = UNITS[this.launch.arrays[form.array].space];
    for (let k = 0; k < Math.min(form.cost, 64); k++)
      this.meter.append(h("i", { class: k < form.ideal ? "need" : "over" }));
    this.meter.append(h("span", {}, `${plural(form.cost, one, many)}${form.cost > form.ideal ? `, at best ${form.ideal}` : ""}`));
  }

  drawWarps(i) {
    const followed = +this.warpSelect.value;
    const counts = { now: 0, busy: 0, waits: 0, done: 0, idle: 0 };
    [...this.warps.children].forEach((box, w) => {
      const state = this.block.stateOf(w, i);
      counts[state]++;
      box.className = `${state}${w === followed ? " followed" : ""}`;
      box.title = `Warp ${w}: ${STATES[state]}. Click to follow it alone.`;
    });
    const said = Object.entries(counts).filter(([, n]) => n);
    this.warpsCaption.textContent = `warps of block ${this.block.name}: ${said
      .map(([state, n]) => `${n} ${STATES[state]}`)
      .join(", ")}`;
  }

  drawMemory(colours, form, lanes) {
    this.measure();
    this.cards.forEach(({ array, canvas, box, card, layout }, a) => {
      const here = form.kind === "request" && form.array === a;
      const now = here && { cells: cellsOf(array, form, lanes), sectors: sectorsOf(array, form, lanes) };
      drawArray(canvas, array, layout, colours, this.progress.touched[a], now);
      card.classList.toggle("current", here);
      canvas.setAttribute("aria-label", here ? `${array.name}: ${placeText(array, now.cells)}` : array.name);
      if (!here || box.scrollHeight <= box.clientHeight) return;
      const y = TOP + Math.floor(Math.min(...now.cells.keys()) / layout.cols) * layout.tall;
      if (y < box.scrollTop || y > box.scrollTop + box.clientHeight - 20) box.scrollTop = y - box.clientHeight / 2;
    });
    if (this.sharedPart.hidden) return;
    const array = form.kind === "request" && this.launch.arrays[form.array];
    const passes = array && array.space === "shared" ? passesOf(array, form, lanes) : [];
    drawBanks(this.banks, this.bankWidth, colours, passes);
    this.banksText.textContent = passes.length ? plural(passes.length, "pass", "passes") : "not asked in this step";
    this.banks.parentElement.classList.toggle("current", passes.length > 0);
    this.banks.setAttribute("aria-label", `The 32 banks: ${this.banksText.textContent}`);
  }

  drawSummary() {
    const { counts, total } = this.progress;
    const row = (head, ...cells) =>
      h("tr", {}, h("th", { scope: "row" }, head), ...cells.map((cell) => h("td", {}, cell)));
    const of = (a, b) => `${number(a)} of ${number(b)}`;
    const space = (name, title, unit) =>
      total[name].requests
        ? [
            row(
              title,
              of(counts[name].requests, total[name].requests),
              `${of(counts[name].cost, total[name].cost)} ${unit}`,
              number(total[name].ideal),
            ),
          ]
        : [];
    const head = ["so far, of all", "requests", "cost", "at best"].map((text) => h("th", { scope: "col" }, text));
    this.summary.replaceChildren(
      h("thead", {}, h("tr", {}, ...head)),
      h(
        "tbody",
        {},
        ...space("global", "global memory", "sectors"),
        ...space("shared", "shared memory", "passes"),
        ...(total.barriers ? [row("barriers", of(counts.barriers, total.barriers), "", "")] : []),
      ),
    );
  }

  // What is under the pointer, by its name.
  point(a, event) {
    const { array, canvas, layout } = this.cards[a];
    const { left, top } = canvas.getBoundingClientRect();
    const x = Math.floor((event.clientX - left - LEFT) / layout.cell);
    const y = Math.floor((event.clientY - top - TOP) / layout.tall);
    const i = y * layout.cols + x;
    if (x < 0 || x >= layout.cols || y < 0 || i >= array.rows * array.cols) return;
    const word = array.start + i * array.cell;
    const where =
      array.space === "shared"
        ? `bank ${Math.floor(word / 4) % BANKS}`
        : `sector ${Math.floor((i * array.cell) / SECTOR)}`;
    const form = this.block.form(this.shown[this.place]);
    const lanes =
      form.kind === "request" && form.array === a
        ? cellsOf(array, form, lanesOf(this.block, this.shown[this.place])).get(i) || []
        : [];
    const by = lanes.length > 1 ? `, ${lanes.length} lanes` : lanes.length ? `, lane ${lanes[0]}` : "";
    const place = array.rows > 1 ? `row ${Math.floor(i / array.cols)}, column ${i % array.cols}` : `element ${i}`;
    this.pointed.textContent = `${array.name}: ${place}, ${where}${by}`;
  }

  // The room and the theme may change.
  observe() {
    let width = 0;
    this.resized = new ResizeObserver(() => {
      if (this.root.clientWidth === width) return;
      width = this.root.clientWidth;
      this.draw();
    });
    this.resized.observe(this.root);
    this.themed = new MutationObserver(() => this.draw());
    this.themed.observe(document.body, { attributes: true });
    this.scheme = matchMedia("(prefers-color-scheme: dark)");
    this.redraw = () => this.draw();
    this.scheme.addEventListener("change", this.redraw);
  }

  close() {
    this.stop();
    this.resized.disconnect();
    this.themed.disconnect();
    this.scheme.removeEventListener("change", this.redraw);
  }
}

const STATES = {
  now: "takes this step",
  busy: "on the way",
  waits: "at the barrier",
  done: "done",
  idle: "with nothing to do",
};

export default {
  render({ model, el }) {
    const packed = model.get("steps"); // a DataView
    const copy = packed.buffer.slice(packed.byteOffset, packed.byteOffset + packed.byteLength);
    const widget = new Widget(model.get("scene"), new Int32Array(copy));
    el.append(widget.root);
    widget.draw();
    return () => widget.close();
  },
};
