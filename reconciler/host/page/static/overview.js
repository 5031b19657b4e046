// How the home is, on one page: what differs, who is at work, what the gateway serves.

import { counted, el, facts, moment, rowsBelow } from "./dom.js";

export function overview(place, { home }) {
  place.append(el("h1", {}, "Overview"));
  if (home.error) {
    place.append(el("p", { class: "verdict bad", role: "alert" }, home.error));
    return "Overview";
  }
  place.append(el("p", { class: `verdict ${home.in_sync ? "good" : "warn"}` }, verdict(home)), ...todo(home));
  place.append(
    facts([
      ["Home", el("code", {}, home.home)],
      ["File", home.has_file ? el("code", {}, home.file) : `none at ${home.file}`],
      ["Generation", el("a", { href: "#/history" }, String(home.generation))],
      ["Items", el("a", { href: "#/items" }, counted(home.items.length, "item"))],
      ["Gateway", gateway(home.gateway)],
    ]),
  );
  for (const part of [pauses(home), drift(home), lock(home), watcher(home)]) place.append(...part);
  return "Overview";
}

function verdict(home) {
  if (home.transaction === "running") return "A change is running.";
  if (home.transaction === "interrupted") return "A change was interrupted: run “llamagate recover”.";
  if (!home.has_file) return "No llamagate.yaml to compare with.";
  return home.in_sync ? "In sync: everything is as the file says." : "Not in sync.";
}

function todo(home) {
  const found = [];
  if (home.pending) found.push(el("a", { href: "#/plan" }, `${counted(home.pending, "change")} pending`));
  if (home.refused) found.push(el("a", { href: "#/plan" }, `${counted(home.refused, "change")} refused`));
  if (home.unreachable) found.push(`What is pending is not known: ${home.unreachable}`);
  found.push(...home.expired);
  if (home.lock.stale.length) found.push(`The lock is out of date: ${counted(home.lock.stale.length, "line")} below`);
  return found.length ? [el("ul", { class: "rows" }, found.map((one) => el("li", {}, one)))] : [];
}

function gateway(found) {
  if (!found.url) return "none is known for this home";
  const words = {
    Served: "serves what is installed",
    NotServed: "does not serve what is installed",
    RestartNeeded: "must be restarted",
    GatewayUnreachable: "does not answer",
    NoExtensionSupport: "has no extensions",
  };
  return [el("a", { href: "#/served" }, found.url), ` ${words[found.state] ?? found.state}`];
}

function pauses(home) {
  const rows = home.suspensions.map((one) => [`The watcher is paused for ${one.id || "everything"}: ${one.reason}`, one.since]);
  if (home.hold) rows.unshift([`The watcher is paused since generation ${home.hold.generation}: ${home.hold.reason}`]);
  if (!rows.length) return [];
  const row = ([text, since]) => el("li", { class: "row" }, el("span", {}, text), since ? moment(since) : null);
  return [el("h2", {}, "Pauses"), el("ul", { class: "rows" }, rows.map(row))];
}

const CHANGES = {
  edited: "was changed by hand",
  missing: "is missing",
  replaced: "was replaced by a link or another kind of file",
  "other-version": "has another version, which another tool installed",
};

export function driftText(row) {
  return `${row.path === "." ? "its folder" : row.path} ${CHANGES[row.change] ?? row.change}`;
}

function drift(home) {
  const row = (one) =>
    el("li", {}, el("a", { href: `#/item/${one.kind}/${encodeURIComponent(one.id)}` }, one.name), `: ${driftText(one)}`);
  return rowsBelow("Not as it was installed", home.drift, row, "“llamagate status”");
}

function lock(home) {
  return rowsBelow("The lock is out of date", home.lock.stale, (text) => el("li", {}, text), "“llamagate status”");
}

function watcher({ watcher: found }) {
  if (!found) return [el("h2", {}, "Watcher"), el("p", { class: "quiet" }, "None has kept this home yet.")];
  const last = found.attempted;
  const row = (one) =>
    el(
      "li",
      { class: "row" },
      el("span", {}, `${one.type} is ${one.status.toLowerCase()} (${one.reason})${one.message ? `: ${one.message}` : ""}`),
      el("span", { class: "quiet" }, "since ", moment(one.since)),
    );
  return [
    el("h2", {}, "Watcher"),
    facts([
      ["State", found.running ? `at work (${found.triggers})` : "not running now"],
      ["Follows", el("code", {}, found.repository || found.file)],
      ["Last attempt", last ? [moment(last.at), ` ${last.result}: ${last.message}`] : "none yet"],
    ]),
    el("ul", { class: "rows", "aria-label": "Conditions" }, found.conditions.map(row)),
  ];
}
