// draw.js: arrays as grids of their cells, and the banks of shared memory, on canvases.

const laneColour = (lane) => `hsl(${208 + 3.6 * lane} 62% ${50 + 0.1 * lane}%)`;
const SHARED_BY_LANES = "#7a3fb8";

// A canvas of so many CSS pixels, sharp on any screen.
function context(canvas, width, height) {
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const ctx = canvas.getContext("2d");
  ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
  ctx.clearRect(0, 0, width, height);
  return ctx;
}

// The colours of the theme, as they are now.
function palette(element) {
  const style = getComputedStyle(element);
  const names = ["ink", "soft", "edge", "empty", "need", "waste", "over", "read", "written", "sector"];
  return Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--tr-${name}`).trim()]));
}

const LEFT = 26; // pixels: room for row numbers
const TOP = 14; // and for column numbers

// How an array is laid out in so many pixels: its cells, in lines of `cols`. Rows that are too long
// go on in the next line.
function layoutOf(array, width) {
  const longest = Math.max(16, Math.min(128, Math.floor((width - LEFT - 8) / 3)));
  const cols = Math.min(array.cols, longest);
  const wraps = cols < array.cols;
  const lines = Math.ceil((array.rows * array.cols) / cols);
  const most = lines > 24 ? (width < 620 ? 4 : 5) : lines > 8 ? 7 : cols > 48 ? 12 : 10;
  const cell = Math.max(3, Math.min(most, Math.floor((width - LEFT - 8) / cols)));
  const tall = lines <= 2 ? 16 : lines <= 8 ? 12 : cell;
  return { cols, wraps, lines, cell, tall, width: LEFT + cols * cell + 8, height: TOP + lines * tall + 4 };
}

// touched: a byte for each cell (READ, WRITTEN), before this step. now: {cells, sectors}, if the
// step is a request to this array.
function drawArray(canvas, array, layout, colours, touched, now) {
  const { cols, lines, cell, tall } = layout;
  const ctx = context(canvas, layout.width, layout.height);
  const total = Math.min(array.rows * array.cols, lines * cols);
  const at = (i) => [LEFT + (i % cols) * cell, TOP + Math.floor(i / cols) * tall];
  const gap = cell > 4 ? 1 : 0;
  const fill = (i, colour) => {
    const [x, y] = at(i);
    ctx.fillStyle = colour;
    ctx.fillRect(x, y, cell - gap, tall - gap);
  };
  for (let i = 0; i < total; i++) {
    const kind = touched[i];
    fill(i, kind & WRITTEN ? colours.written : kind & READ ? colours.read : colours.empty);
  }
  const perSector = SECTOR / array.cell;
  const skew = (array.start % SECTOR) / array.cell; // cells of the first sector before the array
  if (now && array.space === "global")
    for (const sector of now.sectors)
      for (let k = 0; k < perSector; k++) {
        const i = sector * perSector + k - array.start / array.cell;
        if (i >= 0 && i < total) fill(i, colours.waste);
      }
  if (array.space === "global" && cell >= 3) {
    ctx.fillStyle = colours.sector;
    for (let i = (perSector - skew) % perSector; i < total; i += perSector) {
      const [x, y] = at(i);
      if (i % cols) ctx.fillRect(x - 1, y, 1, tall - gap);
    }
  }
  if (!now) return;
  for (const [i, lanes] of now.cells)
    if (i < total) fill(i, lanes.length > 1 ? SHARED_BY_LANES : laneColour(lanes[0]));
  outline(ctx, layout, colours, [...now.cells.keys()].filter((i) => i < total), at);
}

// A frame around what is touched now, and the numbers of its rows and columns.
function outline(ctx, layout, colours, cells, at) {
  if (!cells.length) return;
  const { cols, cell, tall, wraps } = layout;
  const xs = cells.map((i) => i % cols);
  const ys = cells.map((i) => Math.floor(i / cols));
  const [left, right] = [Math.min(...xs), Math.max(...xs)];
  const [top, bottom] = [Math.min(...ys), Math.max(...ys)];
  const [x, y] = at(top * cols + left);
  ctx.strokeStyle = colours.ink;
  ctx.lineWidth = 1.5;
  ctx.strokeRect(x - 1.5, y - 1.5, (right - left + 1) * cell + 2, (bottom - top + 1) * tall + 2);
  ctx.fillStyle = colours.ink;
  ctx.font = "10px system-ui, sans-serif";
  ctx.textAlign = "right";
  ctx.textBaseline = "middle";
  const row = (line) => (wraps ? line * cols : line);
  ctx.fillText(row(top), LEFT - 5, y + tall / 2);
  if ((bottom - top) * tall > 12) ctx.fillText(row(bottom), LEFT - 5, y + (bottom - top + 0.5) * tall);
  if (wraps) return;
  ctx.textAlign = "center";
  ctx.textBaseline = "alphabetic";
  ctx.fillText(left, x + cell / 2, TOP - 4);
  if ((right - left) * cell > 16) ctx.fillText(right, x + (right - left + 0.5) * cell, TOP - 4);
}

const BANK_HEIGHT = 112;

// The banks as columns, and the passes over them as rows.
function drawBanks(canvas, width, colours, passes) {
  const wide = Math.min(20, Math.floor((width - LEFT - 8) / BANKS));
  const ctx = context(canvas, LEFT + BANKS * wide + 8, TOP + BANK_HEIGHT + 2);
  const tall = Math.max(3, Math.min(16, Math.floor(BANK_HEIGHT / Math.max(passes.length, 1))));
  const rows = Math.max(passes.length, Math.floor(BANK_HEIGHT / tall));
  ctx.font = `${wide > 14 ? 10 : 8}px system-ui, sans-serif`;
  ctx.textAlign = "center";
  for (let bank = 0; bank < BANKS; bank++) {
    const x = LEFT + bank * wide;
    ctx.fillStyle = colours.soft;
    ctx.textBaseline = "alphabetic";
    if (wide > 12 || bank % 4 === 0) ctx.fillText(bank, x + wide / 2, TOP - 4);
    for (let row = 0; row < Math.min(rows, 64); row++) {
      const one = passes[row]?.served.get(bank);
      ctx.fillStyle = !one
        ? colours.empty
        : passes[row].extra
          ? colours.over
          : one.lanes.length > 1
            ? SHARED_BY_LANES
            : colours.need;
      ctx.fillRect(x, TOP + row * tall, wide - 1, tall - 1);
      if (!one || tall < 11 || wide < 10) continue;
      ctx.fillStyle = "#fff";
      ctx.textBaseline = "middle";
      const several = one.lanes.length > 1;
      if (several && wide < 15) continue;
      const text = several ? `×${one.lanes.length}` : one.lanes[0];
      ctx.fillText(text, x + wide / 2 - 0.5, TOP + row * tall + tall / 2);
    }
  }
  ctx.fillStyle = colours.ink;
  ctx.textAlign = "right";
  ctx.textBaseline = "middle";
  ctx.font = "10px system-ui, sans-serif";
  const marked = passes.length > 6 ? [0, passes.length - 1] : passes.keys();
  for (const row of marked) ctx.fillText(row + 1, LEFT - 5, TOP + row * tall + tall / 2);
}

// All shown steps from left to right: barriers as lines, wasteful requests in orange, epochs in turn
// light and dark, what has passed in blue.
function drawTimeline(canvas, width, colours, block, shown, place) {
  const height = 14;
  const ctx = context(canvas, width, height);
  const x = (k) => (shown.length < 2 ? 0 : (k / (shown.length - 1)) * width);
  const each = Math.max(1, width / Math.max(shown.length - 1, 1));
  shown.forEach((i, k) => {
    ctx.fillStyle = block.epochOf[i] % 2 ? colours.empty : colours.edge;
    ctx.fillRect(x(k) - each / 2, 4, each + 1, 6);
  });
  ctx.fillStyle = colours.need;
  ctx.fillRect(0, 4, x(place), 6);
  ctx.fillStyle = colours.over;
  shown.forEach((i, k) => isWasteful(block.form(i)) && ctx.fillRect(x(k) - each / 2, 10, Math.max(each, 1), 4));
  ctx.fillStyle = colours.ink;
  shown.forEach((i, k) => block.form(i).kind === "barrier" && ctx.fillRect(Math.min(x(k), width - 2) - 0.5, 0, 2, height));
}
