// data.js: a scene (scene.py) as steps to walk through, and what adds up on the way.
//
// The files of this folder are put together, in the order that show.py gives, into one module.
"use strict";

const WARP = 32; // lanes
const SECTOR = 32; // bytes
const BANKS = 32; // of 4 bytes each
const READ = 1;
const WRITTEN = 2;

// One block of a launch: its steps in order, and its epochs, which barriers end.
class Block {
  constructor(launch, steps, [number, from, to]) {
    this.launch = launch;
    this.number = number;
    this.steps = steps.subarray(3 * from, 3 * to);
    this.count = to - from;
    this.epochOf = new Int32Array(this.count);
    this.lastOf = []; // by epoch and warp: its last step there, or -1
    let epoch = -1;
    for (let i = 0; i < this.count; i++) {
      if (i === 0 || this.form(i - 1).kind === "barrier") {
        epoch++;
        this.lastOf.push(new Int32Array(launch.warps).fill(-1));
      }
      this.epochOf[i] = epoch;
      if (this.warp(i) >= 0) this.lastOf[epoch][this.warp(i)] = i;
    }
    this.epochs = epoch + 1;
    this.endsAtBarrier = this.count > 0 && this.form(this.count - 1).kind === "barrier";
  }

  form(i) {
    return this.launch.forms[this.steps[3 * i]];
  }

  warp(i) {
    return this.steps[3 * i + 1];
  }

  offset(i) {
    return this.steps[3 * i + 2];
  }

  // What the warp does as step i is taken: "now", "busy", "waits", "done" or "idle" (all along).
  stateOf(warp, i) {
    if (this.lastOf.every((last) => last[warp] < 0)) return "idle";
    if (this.warp(i) === warp) return "now";
    if (this.form(i).kind === "barrier") return "waits";
    const epoch = this.epochOf[i];
    if (this.lastOf[epoch][warp] > i) return "busy";
    if (epoch + 1 < this.epochs || this.endsAtBarrier) return "waits";
    return "done";
  }

  get name() {
    const [x, y, z] = this.launch.grid;
    const at = [this.number % x, Math.floor(this.number / x) % y, Math.floor(this.number / x / y)];
    return `(${at.slice(0, z > 1 ? 3 : 2).join(", ")})`;
  }
}

// Whether a step costs more than the same lanes would at best.
const isWasteful = (form) => form.kind === "request" && form.cost > form.ideal;

// The steps that are shown: of one warp (or of all: -1), and perhaps only the wasteful ones.
function chosenSteps(block, warp, wasteful) {
  const found = [];
  for (let i = 0; i < block.count; i++) {
    if (warp >= 0 && block.warp(i) >= 0 && block.warp(i) !== warp) continue;
    if (wasteful && !isWasteful(block.form(i))) continue;
    found.push(i);
  }
  return found;
}

// The way of each lane that takes part in a request: its first byte in the array.
function lanesOf(block, i) {
  const form = block.form(i);
  const found = [];
  block.launch.patterns[form.lanes].forEach((at, lane) => {
    if (at >= 0) found.push({ lane, byte: block.offset(i) + at });
  });
  return found;
}

// The cells of the array that those lanes touch, and by which lanes.
function cellsOf(array, form, lanes) {
  const cells = new Map();
  for (const { lane, byte } of lanes) {
    const last = Math.floor((byte + form.size - 1) / array.cell);
    for (let cell = Math.floor(byte / array.cell); cell <= last; cell++) {
      if (!cells.has(cell)) cells.set(cell, []);
      cells.get(cell).push(lane);
    }
  }
  return cells;
}

// The sectors that they touch, numbered from the 128-byte line that the array starts in.
function sectorsOf(array, form, lanes) {
  const found = new Set();
  for (const { byte } of lanes) {
    const first = array.start + byte;
    for (let s = Math.floor(first / SECTOR); s * SECTOR < first + form.size; s++) found.add(s);
  }
  return [...found].sort((a, b) => a - b);
}

// How the banks serve a request to shared memory: passes, each a map from bank to {word, lanes}.
// A bank gives one word of 4 bytes a pass, to any number of lanes; lanes that want 8 bytes are
// served by halves, 16 bytes by quarters (as simt/runtime/traffic.cpp counts).
function passesOf(array, form, lanes) {
  const atOnce = form.size <= 4 ? 32 : form.size === 8 ? 16 : 8;
  const passes = [];
  for (let from = 0; from < lanes.length; from += atOnce) {
    const banks = new Map();
    for (const { lane, byte } of lanes.slice(from, from + atOnce)) {
      for (let at = 0; at < form.size; at += 4) {
        const word = Math.floor((array.start + byte + at) / 4);
        const bank = word % BANKS;
        if (!banks.has(bank)) banks.set(bank, new Map());
        const words = banks.get(bank);
        if (!words.has(word)) words.set(word, []);
        words.get(word).push(lane);
      }
    }
    const most = Math.max(...[...banks.values()].map((words) => words.size));
    for (let extra = 0; extra < most; extra++) {
      const served = new Map();
      for (const [bank, words] of banks) {
        const one = [...words][extra];
        if (one) served.set(bank, { word: one[0], lanes: one[1] });
      }
      passes.push({ extra, served });
    }
  }
  return passes;
}

const noCounts = () => ({
  global: { requests: 0, cost: 0, ideal: 0 },
  shared: { requests: 0, cost: 0, ideal: 0 },
  barriers: 0,
});

function count(counts, block, i) {
  const form = block.form(i);
  if (form.kind === "barrier") counts.barriers++;
  if (form.kind !== "request") return;
  const sum = counts[block.launch.arrays[form.array].space];
  sum.requests++;
  sum.cost += form.cost;
  sum.ideal += form.ideal;
}

// What has added up before a place in the list of shown steps: counts, and cells touched. What was
// touched in shared memory is forgotten at a barrier, so that each epoch shows its own.
class Progress {
  constructor(block, shown) {
    this.block = block;
    this.shown = shown;
    this.total = noCounts();
    for (const i of shown) count(this.total, block, i);
    this.reset();
  }

  reset() {
    this.at = -1;
    this.counts = noCounts();
    this.touched = this.block.launch.arrays.map(
      (array) => new Uint8Array(array.rows * array.cols),
    );
  }

  // Up to and with the step at this place; it marks the cells of those before it only.
  goTo(place) {
    if (place < this.at) this.reset();
    while (this.at < place) {
      if (this.at >= 0) this.mark(this.shown[this.at]);
      this.at++;
      count(this.counts, this.block, this.shown[this.at]);
    }
  }

  mark(i) {
    const { launch } = this.block;
    const form = this.block.form(i);
    if (form.kind === "barrier")
      launch.arrays.forEach((array, a) => array.space === "shared" && this.touched[a].fill(0));
    if (form.kind !== "request") return;
    const mask = form.op === "load" ? READ : form.op === "store" ? WRITTEN : READ | WRITTEN;
    const cells = this.touched[form.array];
    for (const cell of cellsOf(launch.arrays[form.array], form, lanesOf(this.block, i)).keys())
      cells[cell] |= mask;
  }
}
