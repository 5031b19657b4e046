// What changes inside an item, line by line: asked for when it is unfolded, and shown in slices.

import { appendAll, counted, el } from "./dom.js";
import { get } from "./data.js";

const FIRST_ROWS = 400;

/** A row that unfolds to the diff at `path`. */
export function unfolding(summary, path, context) {
  const inside = el("div", {}, el("p", { class: "quiet" }, "Loading…"));
  const made = el("details", {}, el("summary", {}, summary), inside);
  let asked = false;
  made.addEventListener("toggle", async () => {
    if (!made.open || asked) return;
    asked = true;
    try {
      const diff = await get(path, context.signal);
      inside.replaceChildren();
      await showDiff(inside, diff, context);
    } catch (error) {
      if (context.signal.aborted) return;
      asked = false;
      inside.replaceChildren(el("p", { class: "bad" }, error.message));
    }
  });
  return made;
}

/** All that `diff` says, into `place`. */
export async function showDiff(place, diff, context) {
  const values = Object.entries(diff.manifest ?? {});
  if (values.length) place.append(manifest(diff.manifest));
  for (const file of diff.files ?? []) {
    if (context.signal.aborted) return;
    await showFile(place, file, context);
  }
  if (!place.childElementCount) place.append(el("p", { class: "quiet" }, "Nothing in its files changes."));
}

function manifest(parts) {
  const row = (sign, name, value) => el("li", {}, el("code", {}, `${sign} ${name}: ${value}`));
  const written = (value) => JSON.stringify(value);
  return el(
    "ul",
    { class: "rows", "aria-label": "Values of the manifest" },
    Object.entries(parts.changed ?? {}).map(([name, [from, to]]) => row("~", name, `${written(from)} → ${written(to)}`)),
    Object.entries(parts.added ?? {}).map(([name, value]) => row("+", name, written(value))),
    Object.entries(parts.removed ?? {}).map(([name, value]) => row("-", name, written(value))),
  );
}

async function showFile(place, file, context) {
  const head = el("p", { class: "head" }, el("span", { class: "code" }, name(file)), ` (${said(file)})`);
  const box = el("section", { class: "file", "aria-label": file.path }, head);
  place.append(box);
  const rows = (file.hunks ?? []).flatMap((hunk, index) => (index ? [null, ...hunk.rows] : hunk.rows));
  if (!rows.length) return;
  const lines = el("div", { class: "lines", role: "group", tabindex: "0", "aria-label": `Lines of ${file.path}` });
  box.append(lines);
  await appendAll(lines, rows.slice(0, FIRST_ROWS), line, context.signal);
  if (rows.length <= FIRST_ROWS) return;
  const more = el("button", { type: "button" }, `Show ${counted(rows.length - FIRST_ROWS, "more line")}`);
  more.addEventListener("click", async () => {
    more.remove();
    lines.focus();
    await appendAll(lines, rows.slice(FIRST_ROWS), line, context.signal);
  });
  box.append(more);
}

const name = (file) => (file.renamed_from ? `${file.renamed_from} → ${file.path}` : file.path);

function said(file) {
  const size = (side) => (side ? `${side.size.toLocaleString("en")} bytes` : "nothing");
  const parts = [file.renamed_from ? "renamed" : file.change];
  if (file.added || file.removed) parts.push(`+${file.added ?? 0} -${file.removed ?? 0}`);
  if (file.binary) parts.push(`binary, ${size(file.binary.before)} → ${size(file.binary.after)}`);
  if (file.encoding) parts.push(`encoding ${file.encoding.join(" → ")}`);
  if (file.line_ends) parts.push(`line ends ${file.line_ends.join(" → ")}`);
  if (file.mode) parts.push(`mode ${Array.isArray(file.mode) ? file.mode.join(" → ") : file.mode}`);
  if (file.wrapped) parts.push(`${counted(file.wrapped, "paragraph")} only wrapped otherwise`);
  if (file.unseen) parts.push(`${counted(file.unseen, "character")} that nobody sees`);
  if (file.too_long) parts.push("too long to compare");
  if (file.hidden_changed) parts.push("a hidden value changed");
  return parts.join(", ");
}

const KINDS = { "+": ["added", "ins", "Added: "], "-": ["removed", "del", "Removed: "], " ": ["", "span", ""] };

function line(row) {
  if (row === null) return el("div", { class: "gap" }, el("span", {}, "…"), el("span", {}, ""));
  const [name, element, spoken] = KINDS[row.sign] ?? KINDS[" "];
  const text = el("span", {}, spoken ? el("span", { class: "spoken" }, spoken) : null, pieces(row, element));
  return el("div", { class: name }, el("span", { "aria-hidden": "true" }, row.sign), text);
}

function pieces(row, element) {
  const marks = [...(row.words ?? []).map((span) => [...span, element, {}])];
  const unseen = (row.unseen ?? []).filter(([a, b]) => !marks.some(([from, to]) => from <= a && b <= to));
  marks.push(...unseen.map((span) => [...span, "span", { class: "unseen" }]));
  marks.sort((one, other) => one[0] - other[0]);
  const letters = [...row.text]; // spans count characters, not the units of JavaScript
  const found = [];
  let end = 0;
  for (const [from, to, name, properties] of marks) {
    found.push(letters.slice(end, from).join(""), el(name, properties, letters.slice(from, to).join("")));
    end = to;
  }
  return [...found, letters.slice(end).join("")];
}
