// The frame: which view is shown, the connection, and the key. What is shown is in the address.

import { KeyNeeded, follow, get, key } from "./data.js";
import { el } from "./dom.js";
import { overview } from "./overview.js";
import { item, items } from "./items.js";
import { plan } from "./plan.js";
import { compare, history } from "./history.js";
import { graph } from "./graph.js";
import { served } from "./served.js";
import { tried } from "./tried.js";

const VIEWS = [
  { name: "", title: "Overview", show: overview },
  { name: "items", title: "Items", show: items },
  { name: "plan", title: "Plan", show: plan },
  { name: "history", title: "History", show: history },
  { name: "graph", title: "Graph", show: graph },
  { name: "served", title: "Served", show: served },
  { name: "try", title: "Try", show: tried, needs: (found) => found.serves, stays: true },
  { name: "item", title: "Item", show: item, within: "items" },
  { name: "compare", title: "Compare", show: compare, within: "history" },
];
const place = document.getElementById("view");
const connection = document.getElementById("connection");
const links = document.getElementById("views");

let home = null; // the overview that is shown
let shown = null; // { address, controller } of the view that is shown
let seen = null; // when the server said something last, by this machine's clock
let lostSince = null;

/** The address as a view, its further words and its options: #/item/extension/greeter?q=x. */
function address() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [name, ...words] = path.split("/").map(decoded);
  return { name, words, options: new URLSearchParams(query) };
}

/** What an address holds as text; what is no such text, as somebody typed it. */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Change the options of the address without a step in the browser's history. */
function setOptions(changes) {
  const { name, words, options } = address();
  for (const [option, value] of Object.entries(changes)) value ? options.set(option, value) : options.delete(option);
  const query = options.size ? `?${options}` : "";
  window.history.replaceState(null, "", `#/${[name, ...words].map(encodeURIComponent).join("/")}${query}`);
}

async function show({ keepsPlace = false } = {}) {
  const found = address();
  const view = VIEWS.find((one) => one.name === found.name) ?? VIEWS[0];
  if (keepsPlace && view.stays) return; // what is being written stays
  shown?.controller.abort();
  const controller = new AbortController();
  shown = { controller };
  const context = { ...found, home, signal: controller.signal, setOptions };
  try {
    home = context.home = await get("overview", controller.signal);
    drawLinks(view);
    const made = el("div");
    const title = await view.show(made, context);
    if (controller.signal.aborted) return;
    keep(made, keepsPlace);
    document.title = `${title} · llamagate`;
    said();
  } catch (error) {
    if (controller.signal.aborted) return;
    if (error instanceof KeyNeeded) askForKey();
    else place.replaceChildren(el("h1", {}, "This could not be shown"), el("p", { class: "bad", role: "alert" }, error.message));
  }
}

/** Put the new view in the place of the old one. After news, what was unfolded, focused and scrolled to stays so. */
function keep(made, keepsPlace) {
  const scroll = scrollY;
  const open = keepsPlace ? [...place.querySelectorAll("details[open][id]")].map((one) => one.id) : [];
  const focused = keepsPlace ? document.activeElement?.id : null;
  place.replaceChildren(made);
  for (const id of open) document.getElementById(id)?.setAttribute("open", "");
  if (keepsPlace) {
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
    scrollTo(0, scroll);
  } else {
    scrollTo(0, 0);
  }
}

/** The links stay the same elements while they lead to the same views: one of them may have the focus. */
function drawLinks(current) {
  const linked = VIEWS.filter((view) => !view.within && (!view.needs || view.needs(home)));
  if (links.childElementCount !== linked.length) {
    links.replaceChildren(...linked.map((view) => el("li", {}, el("a", { href: `#/${view.name}` }, view.title))));
  }
  for (const link of links.querySelectorAll("a")) {
    if (link.hash === `#/${current.within ?? current.name}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

function askForKey() {
  const input = el("input", { type: "password", id: "key", autocomplete: "off", required: true });
  const submit = (event) => {
    event.preventDefault();
    key.set(input.value);
    start();
  };
  const form = el("form", { class: "controls", on: { submit } }, el("label", {}, "Key", input), el("button", {}, "Show"));
  const note = "It is kept in this tab only, and forgotten when the tab is closed.";
  place.replaceChildren(el("h1", {}, "This host asks for its key"), el("p", { class: "quiet" }, note), form);
  connection.textContent = "";
  input.focus();
}

/** Say how old what is shown is. */
function said() {
  connection.className = lostSince ? "connection lost" : "connection";
  if (lostSince) {
    connection.textContent = `Connection lost at ${lostSince.toLocaleTimeString()}; this is from ${seen?.toLocaleTimeString() ?? "before"}`;
  } else if (seen) {
    connection.textContent = "Up to date";
    connection.title = `The server said so at ${seen.toLocaleTimeString()}`;
  }
}

async function start() {
  show();
  let revision = null;
  try {
    await follow(
      (view) => {
        const returned = lostSince !== null;
        [seen, lostSince] = [new Date(), null];
        if (view && (returned || (revision !== null && view.revision !== revision))) show({ keepsPlace: true });
        if (view) revision = view.revision;
        said();
      },
      (since) => {
        lostSince = since;
        said();
      },
    );
  } catch (error) {
    if (!(error instanceof KeyNeeded)) throw error;
    askForKey();
  }
}

addEventListener("hashchange", () => {
  show().then(() => place.focus({ preventScroll: true }));
});
start();
