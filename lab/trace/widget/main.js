// main.js: the widget: what is chosen, going about, the keys.

let widgets = 0; // for ids that differ

class Widget extends Panels {
  constructor(scene, steps) {
    super();
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
    this.root.append(...makeControls(this), this.makePanels(), this.makeFoot());
    this.chooseLaunch(0);
    this.observe();
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
