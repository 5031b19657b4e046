// Elements from values. Text is only ever text: nothing here reads HTML.

/** An element. `properties` are attributes, but for `on`, which has the listeners; what is null or false is left out. */
export function el(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key === "on") {
      for (const [event, listener] of Object.entries(value)) made.addEventListener(event, listener);
    } else if (value !== null && value !== undefined && value !== false) {
      made.setAttribute(key, value === true ? "" : String(value));
    }
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== ""));
  return made;
}

/** An element of a drawing. */
export function svg(name, properties = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(properties)) made.setAttribute(key, String(value));
  made.append(...children);
  return made;
}

/** Names and values; a value that is empty is left out. */
export function facts(pairs) {
  const shown = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return el("dl", {}, shown.map(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
}

const PAUSE_AFTER = 20; // milliseconds of work, after which others have their turn

/** Append what `make` gives for each value, in slices, so that the page answers meanwhile. `signal` ends it early. */
export async function appendAll(parent, values, make, signal) {
  let slice = document.createDocumentFragment();
  const append = () => {
    parent.append(slice);
    slice = document.createDocumentFragment();
  };
  await inSlices(values, (value) => slice.append(make(value)), signal, append);
  if (!signal.aborted) append();
}

/** `act` on each value, with pauses in which others have their turn; `before` each of them something may be done. */
export async function inSlices(values, act, signal, before = () => {}) {
  let since = performance.now();
  for (const value of values) {
    act(value);
    if (performance.now() - since > PAUSE_AFTER) {
      before();
      await new Promise((done) => setTimeout(done));
      if (signal.aborted) return;
      since = performance.now();
    }
  }
}

/** A filter over `rows`, pairs of a value and its element: shows those that `matches`, and calls `then` with how many. */
export function filtering(rows, signal, then) {
  let running = new AbortController();
  return async (matches) => {
    running.abort(); // what was typed before
    running = new AbortController();
    const both = AbortSignal.any([signal, running.signal]);
    let shown = 0;
    const judge = ([one, made]) => {
      const hides = !matches(one);
      if (made.hidden !== hides) made.hidden = hides;
      shown += !hides;
    };
    await inSlices([...rows], judge, both);
    if (!both.aborted) then(shown);
  };
}

const MOST_ROWS = 50;

/** A list under a heading, with the first rows, and how many more there are; nothing where there is none. */
export function rowsBelow(title, values, make, rest) {
  if (!values.length) return [];
  const more = values.length - MOST_ROWS;
  const rows = values.slice(0, MOST_ROWS).map(make);
  if (more > 0) rows.push(el("li", { class: "quiet" }, `and ${counted(more, "more row")}; ${rest} shows all`));
  return [el("h2", {}, title), el("ul", { class: "rows", "aria-label": title }, rows)];
}

/** "1 item", "2 items". */
export function counted(number, what) {
  return `${number.toLocaleString("en")} ${what}${number === 1 ? "" : "s"}`;
}

/** A moment as the local clock shows it; the exact one is in its title. */
export function moment(text) {
  const date = new Date(text);
  return Number.isNaN(date.valueOf()) ? text : el("time", { datetime: text, title: text }, date.toLocaleString());
}
