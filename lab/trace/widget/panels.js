// panels.js: source, lanes, warps, memory and sums: how they are made, and how a step changes them.

const STATES = {
  now: "takes this step",
  busy: "on the way",
  waits: "at the barrier",
  done: "done",
  idle: "with nothing to do",
};

// What it shows is set by Widget (main.js): launch, block, shown (the steps), place (in them),
// progress, scene.
class Panels {
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
}
