// Which item needs which: a drawing for eyes, and the same as a list for all.

import { el, svg } from "./dom.js";
import { get } from "./data.js";

const [WIDTH, HEIGHT, GAP_X, GAP_Y, MARGIN] = [180, 28, 60, 12, 12];
const MOST_DRAWN = 300;

export async function graph(place, { signal }) {
  const found = await get("graph", signal);
  place.append(el("h1", {}, "Graph"));
  const joined = new Set(found.needs.flatMap((one) => [one.from, one.to]));
  const nodes = found.items.filter((one) => joined.has(one.id));
  if (!nodes.length) {
    place.append(el("p", {}, "No item needs another one."));
    return "Graph";
  }
  if (nodes.length <= MOST_DRAWN) place.append(drawing(nodes, found.needs));
  else place.append(el("p", { class: "quiet" }, `${nodes.length} items are too many to draw; the list has them all.`));
  const row = (one) => el("li", {}, `${one.from} needs ${one.to} (${one.how === "step" ? "a step uses it" : "depends_on"})`);
  place.append(el("h2", {}, "As a list"), el("ul", { class: "rows" }, found.needs.map(row)));
  return "Graph";
}

/** The column of each node: one more than that of the farthest one that it needs. A ring ends where it closes. */
function columns(nodes, needs) {
  const wanted = Map.groupBy?.(needs, (one) => one.from) ?? new Map(nodes.map((node) => [node.id, needs.filter((one) => one.from === node.id)]));
  const found = new Map();
  const column = (id, above) => {
    if (found.has(id)) return found.get(id);
    if (above.has(id)) return 0;
    const below = [...(wanted.get(id) ?? [])].map((one) => column(one.to, new Set([...above, id])) + 1);
    found.set(id, Math.max(0, ...below));
    return found.get(id);
  };
  nodes.forEach((node) => column(node.id, new Set()));
  return found;
}

function drawing(nodes, needs) {
  const column = columns(nodes, needs);
  const counts = [];
  const places = new Map();
  for (const node of nodes) {
    const x = column.get(node.id);
    const y = (counts[x] = (counts[x] ?? 0) + 1) - 1;
    places.set(node.id, [MARGIN + x * (WIDTH + GAP_X), MARGIN + y * (HEIGHT + GAP_Y)]);
  }
  const width = 2 * MARGIN + counts.length * (WIDTH + GAP_X) - GAP_X;
  const height = 2 * MARGIN + Math.max(...counts.map((one) => one ?? 0)) * (HEIGHT + GAP_Y);
  const made = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" });
  for (const one of needs) {
    const [[x1, y1], [x2, y2]] = [places.get(one.from), places.get(one.to)];
    const [startX, startY, endX, endY] = [x1, y1 + HEIGHT / 2, x2 + WIDTH, y2 + HEIGHT / 2];
    made.append(svg("path", { d: `M${startX} ${startY}C${startX - GAP_X / 2} ${startY} ${endX + GAP_X / 2} ${endY} ${endX} ${endY}` }));
  }
  for (const node of nodes) {
    const [x, y] = places.get(node.id);
    const name = node.id.length > 22 ? `${node.id.slice(0, 21)}…` : node.id;
    const text = svg("text", { x: x + 8, y: y + HEIGHT / 2 + 4 }, `${name}${node.state === "missing" ? " (missing)" : ""}`);
    made.append(svg("rect", { x, y, width: WIDTH, height: HEIGHT, rx: 4 }), text);
  }
  return el("div", { class: "graph", tabindex: "0", role: "group", "aria-label": "Drawing of the list below" }, made);
}
