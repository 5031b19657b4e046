// What an apply would do. Lines are asked for item by item, when they are unfolded.

import { appendAll, counted, el, filtering } from "./dom.js";
import { get } from "./data.js";
import { unfolding } from "./diff.js";

const WORDS = {
  remove: "to remove",
  downgrade: "to downgrade",
  replace: "to replace",
  update: "to update",
  configure: "to configure",
  repair: "to repair",
  install: "to install",
  adopt: "to adopt",
  disable: "to disable",
  enable: "to enable",
};

export async function plan(place, context) {
  const found = await get("plan", context.signal);
  const total = found.parts.reduce((sum, part) => sum + part.count, 0);
  const summary = found.parts.map((part) => `${part.count} ${WORDS[part.what] ?? part.what}`).join(", ");
  place.append(el("h1", {}, "Plan"), el("p", { class: "verdict" }, total ? summary : "Nothing to do."));
  const problems = [
    ...found.refusals.map((one) => el("li", { class: "bad" }, `${one.name}: ${one.message}`)),
    ...found.marked.map((one) => el("li", { class: "mark" }, `${one.ids.join(", ")}: ${one.message}`)),
    ...found.warnings.map((one) => el("li", { class: "warn" }, `${one.name ? `${one.name}: ` : ""}${one.message}`)),
  ];
  if (problems.length) place.append(el("h2", {}, "Look at these first"), el("ul", { class: "rows" }, problems));
  if (total) place.append(el("p", { class: "quiet" }, "Digest ", el("code", {}, found.digest)));
  if (total) changes(place, found.parts.flatMap((part) => part.items), (one) => `plan/${one.kind}/${encodeURIComponent(one.id)}`, context);
  return "Plan";
}

/** Rows that unfold, a filter over them, and a button that folds all. */
export function changes(place, values, pathOf, context) {
  const input = el("input", { type: "search", id: "filter", value: context.options.get("q") ?? "" });
  const list = el("ul", { class: "rows", "aria-label": "Changes" });
  const fold = el("button", { type: "button", id: "fold" }, "Fold all");
  fold.addEventListener("click", () => list.querySelectorAll("details[open]").forEach((one) => one.removeAttribute("open")));
  const rows = [];
  const filtered = filtering(rows, context.signal, () => {});
  const filter = () => {
    const text = input.value.toLowerCase();
    context.setOptions({ q: input.value });
    return filtered((one) => `${one.id} ${one.what} ${one.kind}`.toLowerCase().includes(text));
  };
  input.addEventListener("input", filter);
  place.append(el("div", { class: "controls" }, el("label", {}, "Filter", input), fold), list);
  const make = (one) => {
    const made = el("li", {}, change(one, pathOf(one), context));
    rows.push([one, made]);
    return made;
  };
  appendAll(list, values, make, context.signal).then(filter);
}

function change(one, path, context) {
  const versions = [...new Set([one.from_version, one.to_version].filter(Boolean))].join(" → ");
  const files = one.files.length ? counted(one.files.length, "file") : "";
  const head = el(
    "span",
    {},
    el("strong", {}, one.id),
    ` ${one.what} ${versions} `,
    el("span", { class: "quiet" }, `${one.kind}${files ? `, ${files}` : ""}`),
    one.marks.map((mark) => el("span", { class: "mark" }, ` ${mark.message}`)),
  );
  const made = unfolding(head, path, context);
  made.id = `change-${one.kind}-${one.id}`;
  if (one.reasons.length) made.append(el("p", { class: "quiet" }, one.reasons.join("; ")));
  return made;
}
