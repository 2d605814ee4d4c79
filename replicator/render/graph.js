
"use strict";
const one = (id) => document.getElementById(id);
const svg = one("graph"), all = one("all"), detail = one("detail"), box = one("filter");
const nodes = [...document.querySelectorAll(".node")].map((el) => {
  const [x, y] = el.getAttribute("transform").match(/-?[\d.]+/g).map(Number);
  const width = Number(el.querySelector("rect").getAttribute("width"));
  return { el, ...el.dataset, home: { x, y }, x, y, width, needs: [], needed: [], shown: true };
});
const edges = [...document.querySelectorAll("#edges path")].map((el) => {
  const from = nodes[el.dataset.from], to = nodes[el.dataset.to];
  to.needs.push(from);
  from.needed.push(to);
  return { el, from, to };
});
const ROW = 48, HALF = 19, READABLE = 0.62;
let view = { x: 0, y: 0, k: 1 };

function show() { all.setAttribute("transform", `translate(${view.x} ${view.y}) scale(${view.k})`); }

function zoom(factor, x, y) {
  const k = Math.min(4, Math.max(0.02, view.k * factor)), f = k / view.k;
  view = { x: x - (x - view.x) * f, y: y - (y - view.y) * f, k };
  show();
}

function middle(factor) { zoom(factor, svg.clientWidth / 2, svg.clientHeight / 2); }

/* All of it; at first, where that would be too small to read, its left part in a readable size. */
function fit(least = 0) {
  const on = nodes.filter((node) => node.shown);
  if (!on.length) return;
  const x0 = Math.min(...on.map((n) => n.x)), x1 = Math.max(...on.map((n) => n.x + n.width));
  const y0 = Math.min(...on.map((n) => n.y)), y1 = Math.max(...on.map((n) => n.y + 2 * HALF));
  const all = Math.min(1.25, (svg.clientWidth - 40) / (x1 - x0), (svg.clientHeight - 40) / (y1 - y0));
  const k = Math.max(least, all), wide = k * (x1 - x0) > svg.clientWidth - 40;
  view = { k, x: wide ? 20 - k * x0 : (svg.clientWidth - k * (x0 + x1)) / 2, y: (svg.clientHeight - k * (y0 + y1)) / 2 };
  show();
}

function reach(start, way) {
  const found = new Set(start), rest = [...start];
  while (rest.length) for (const next of rest.pop()[way]) if (!found.has(next)) { found.add(next); rest.push(next); }
  return found;
}

/* What matches every word, with all that it needs; columns close up. */
function filter() {
  const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
  const text = (n) => `${n.address} ${n.do} ${n.el.querySelector("text").textContent[0]}`.toLowerCase();
  const hits = nodes.filter((n) => words.every((word) => text(n).includes(word)));
  const kept = reach(hits, "needs"), columns = new Map();
  for (const node of nodes) {
    node.shown = kept.has(node);
    node.el.classList.toggle("off", !node.shown);
    if (node.shown) columns.set(node.home.x, [...(columns.get(node.home.x) || []), node]);
  }
  for (const column of columns.values()) {
    column.sort((a, b) => a.home.y - b.home.y);
    column.forEach((node, row) => { node.x = node.home.x; node.y = (row - (column.length - 1) / 2) * ROW; });
  }
  let left = 0;
  for (const x of [...columns.keys()].sort((a, b) => a - b)) {
    const column = columns.get(x);
    for (const node of column) {
      if (words.length) node.x = left;
      node.el.setAttribute("transform", `translate(${node.x} ${node.y})`);
    }
    left += column[0].width + 46;
  }
  for (const { el, from, to } of edges) {
    el.classList.toggle("off", !from.shown || !to.shown);
    const x0 = from.x + from.width, bend = Math.max(24, (to.x - x0) / 2), y0 = from.y + HALF, y1 = to.y + HALF;
    el.setAttribute("d", `M${x0} ${y0}C${x0 + bend} ${y0} ${to.x - bend} ${y1} ${to.x} ${y1}`);
  }
  const s = nodes.length === 1 ? "" : "s", needed = kept.size - hits.length;
  one("shown").textContent = words.length
    ? `${hits.length} of ${nodes.length} resource${s}` + (needed ? `, and ${needed} that they need` : "")
    : `${nodes.length} resource${s}`;
  history.replaceState(null, "", words.length ? `#${encodeURIComponent(box.value)}` : location.pathname);
  select(null);
  fit(READABLE);
}

function list(title, members) {
  if (!members.length) return [];
  const head = document.createElement("p"), ul = document.createElement("ul");
  head.textContent = title;
  for (const member of members) ul.appendChild(document.createElement("li")).textContent = member.address;
  return [head, ul];
}

function select(node) {
  const chain = node ? new Set([...reach([node], "needs"), ...reach([node], "needed")]) : new Set();
  for (const n of nodes) n.el.classList.toggle("on", chain.has(n));
  for (const e of edges) e.el.classList.toggle("on", chain.has(e.from) && chain.has(e.to));
  detail.hidden = !node;
  if (!node) return;
  const title = document.createElement("h2"), told = document.createElement("p");
  title.textContent = node.address;
  told.textContent = node.do + (node.at ? ` · declared in ${node.at}` : "");
  detail.replaceChildren(title, told, ...list("needs", node.needs), ...list("needed by", node.needed));
}

const touches = new Map();
let moved = 0;
svg.addEventListener("wheel", (event) => {
  event.preventDefault();
  zoom(Math.exp(-event.deltaY / 400), event.offsetX, event.offsetY);
}, { passive: false });
svg.addEventListener("pointerdown", (event) => {
  moved = 0;
  touches.set(event.pointerId, event);
});
svg.addEventListener("pointermove", (event) => {
  const last = touches.get(event.pointerId);
  if (!last) return;
  const dx = event.clientX - last.clientX, dy = event.clientY - last.clientY;
  const other = [...touches.values()].find((touch) => touch.pointerId !== event.pointerId);
  moved += Math.abs(dx) + Math.abs(dy);
  if (moved > 4 && !svg.classList.contains("drag")) {
    svg.classList.add("drag");
    svg.setPointerCapture(event.pointerId);
  }
  if (other) {
    const far = (touch) => Math.hypot(touch.clientX - other.clientX, touch.clientY - other.clientY) || 1;
    zoom(far(event) / far(last), event.offsetX, event.offsetY);
  } else {
    view = { ...view, x: view.x + dx, y: view.y + dy };
    show();
  }
  touches.set(event.pointerId, event);
});
for (const name of ["pointerup", "pointercancel"]) svg.addEventListener(name, (event) => {
  touches.delete(event.pointerId);
  svg.classList.remove("drag");
});
svg.addEventListener("click", (event) => {
  if (moved > 4) return;
  const el = event.target.closest(".node");
  select(el ? nodes[el.dataset.id] : null);
});
svg.addEventListener("keydown", (event) => {
  const el = event.target.closest(".node");
  if (el && (event.key === "Enter" || event.key === " ")) { event.preventDefault(); select(nodes[el.dataset.id]); }
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") { box.value = ""; filter(); }
  if (event.target === box || event.ctrlKey || event.metaKey) return;
  const step = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] }[event.key];
  if (step) { view = { ...view, x: view.x + step[0], y: view.y + step[1] }; show(); }
  if (event.key === "+") middle(1.25);
  if (event.key === "-") middle(0.8);
  if (event.key === "0") fit();
  if (event.key === "/") { event.preventDefault(); box.focus(); }
});
one("in").addEventListener("click", () => middle(1.25));
one("out").addEventListener("click", () => middle(0.8));
one("fit").addEventListener("click", () => fit());
box.addEventListener("input", filter);
addEventListener("resize", () => fit(READABLE));
box.value = decodeURIComponent(location.hash.slice(1));
if (box.value) filter(); else fit(READABLE);
