// words.js: what a step does, in words.

const number = (n) => n.toLocaleString("en");
const plural = (n, one, many = `${one}s`) => `${number(n)} ${n === 1 ? one : many}`;
const span = (from, to) => (from === to ? `${from}` : `${from}–${to}`);

const UNITS = { global: ["sector", "sectors"], shared: ["pass over the banks", "passes over the banks"] };
const VERBS = { load: "reads", store: "writes", atomic: "changes" };

// "row 3, columns 0–31 of in": the cells that a request touches.
function placeText(array, cells) {
  const touched = [...cells.keys()].sort((a, b) => a - b);
  const rows = touched.map((cell) => Math.floor(cell / array.cols));
  const cols = touched.map((cell) => cell % array.cols);
  const [top, bottom] = [rows[0], rows[rows.length - 1]];
  const [left, right] = [Math.min(...cols), Math.max(...cols)];
  const full = (bottom - top + 1) * (right - left + 1) === touched.length;
  if (array.rows === 1) {
    const dense = right - left + 1 === touched.length;
    if (touched.length === 1) return `element ${left} of ${array.name}`;
    if (dense) return `elements ${span(left, right)} of ${array.name}`;
    return `${touched.length} elements of ${array.name}, between ${left} and ${right}`;
  }
  if (touched.length === 1) return `row ${top}, column ${left} of ${array.name}`;
  if (full && top === bottom) return `row ${top}, columns ${span(left, right)} of ${array.name}`;
  if (full && left === right) return `column ${left}, rows ${span(top, bottom)} of ${array.name}`;
  if (full) return `rows ${span(top, bottom)}, columns ${span(left, right)} of ${array.name}`;
  return `${touched.length} elements of ${array.name}, in rows ${span(top, bottom)}`;
}

// One sentence on what is done, and one on what it costs and why.
function describe(block, i) {
  const form = block.form(i);
  const { launch } = block;
  if (form.kind === "barrier") {
    return {
      what: `Barrier: all ${number(form.threads)} threads of the block wait here until the last has come.`,
      cost:
        form.threads < launch.threads
          ? `${number(launch.threads - form.threads)} threads of the block have returned before.`
          : "Then all go on, and what any of them has written to shared memory can be read by all.",
    };
  }
  const lanes = lanesOf(block, i);
  const who = `Warp ${block.warp(i)}`;
  const part =
    lanes.length === WARP ? "All 32 lanes take part" : `${lanes.length} of 32 lanes take part`;
  if (form.kind === "meeting") {
    return {
      what: `${who}: lanes meet in ${form.what}.`,
      cost: `${part}. They hand values to one another from register to register: no memory is asked.`,
    };
  }
  const array = launch.arrays[form.array];
  const cells = cellsOf(array, form, lanes);
  const [one, many] = UNITS[array.space];
  const best = form.cost === form.ideal;
  const shares = cells.size === 1 && lanes.length > 1 && form.size <= array.cell;
  const cost = `${plural(form.cost, one, many)}, ${
    best ? "as few as can be" : `where ${form.ideal} would do`
  }`;
  return {
    what: `${who} ${VERBS[form.op]} ${placeText(array, cells)}.`,
    cost:
      `${part}, ${plural(form.size, "byte")} each${shares ? ", all the same ones" : ""}: ${cost}` +
      `${form.why ? ` (${form.why})` : ""}.`,
  };
}
