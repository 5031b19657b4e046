// What the server knows: documents, and the stream that says when there are new ones.

const KEY = "llamagate-key";
const SILENCE_MS = 40_000; // the server says something every 15 seconds
const HIDDEN_MS = 5_000;
const RETRY_MS = [500, 1_000, 2_000, 5_000, 10_000];

export class KeyNeeded extends Error {}

/** The key, for as long as this tab is open. */
export const key = {
  get: () => sessionStorage.getItem(KEY) ?? "",
  set: (value) => sessionStorage.setItem(KEY, value),
};

/** The document at `path` below /ui/data/. */
export async function get(path, signal) {
  return read(await asked(`data/${path}`, { signal }));
}

/** What an address of the API answers to a document that is sent there. */
export async function post(path, document, signal) {
  const headers = { "Content-Type": "application/json" };
  return read(await asked(path, { method: "POST", body: JSON.stringify(document), headers, signal }));
}

async function asked(path, options) {
  const headers = { ...options.headers, ...(key.get() ? { "X-API-Key": key.get() } : {}) };
  const answer = await fetch(path, { ...options, headers, cache: "no-store", credentials: "omit" });
  if (answer.status === 401) throw new KeyNeeded("this host asks for its key");
  return answer;
}

async function read(answer) {
  const found = await answer.json().catch(() => null);
  if (!answer.ok) throw new Error(found?.error?.message ?? `the server answered ${answer.status}`);
  return found;
}

/**
 * Follow the server for ever. `heard({revision, at})` at each view; `lost(since)` when the connection is lost, and again
 * while it stays so. A stream that says nothing for long is lost too: after sleep the other end may be gone. A page that
 * nobody sees has no stream: a browser has six connections to a server, and each open page would take one.
 */
export async function follow(heard, lost) {
  let failures = 0;
  let since = null;
  for (;;) {
    await seen();
    const ended = new AbortController();
    const unseen = whenUnseen(() => ended.abort());
    let watchdog = setTimeout(() => ended.abort(), SILENCE_MS);
    try {
      const answer = await asked("data/events", { signal: ended.signal });
      if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
      for await (const block of blocks(answer.body)) {
        clearTimeout(watchdog);
        watchdog = setTimeout(() => ended.abort(), SILENCE_MS);
        [failures, since] = [0, null];
        const line = block.split("\n").find((one) => one.startsWith("data: "));
        heard(line ? JSON.parse(line.slice(6)) : null);
      }
    } catch (error) {
      if (error instanceof KeyNeeded) throw error;
    } finally {
      clearTimeout(watchdog);
      unseen.forget();
    }
    if (unseen.happened()) continue;
    since ??= new Date();
    lost(since);
    await pause(RETRY_MS[Math.min(failures++, RETRY_MS.length - 1)]);
  }
}

let isLeft = false; // for another page: this one may be kept, and come back
addEventListener("pagehide", () => (isLeft = true));
addEventListener("pageshow", () => (isLeft = false));

/** Once the page is seen. */
function seen() {
  return new Promise((done) => {
    const look = () => {
      if (isLeft || document.visibilityState !== "visible") return;
      document.removeEventListener("visibilitychange", look);
      removeEventListener("pageshow", look);
      done();
    };
    document.addEventListener("visibilitychange", look);
    addEventListener("pageshow", look);
    look();
  });
}

/** Call `end` once when nobody sees the page any more: at once when it is left, a while after it is hidden. */
function whenUnseen(end) {
  let happened = false;
  let timer = null;
  const leave = () => {
    happened = true;
    end();
  };
  const look = () => {
    clearTimeout(timer);
    if (document.visibilityState !== "visible") timer = setTimeout(leave, HIDDEN_MS);
  };
  document.addEventListener("visibilitychange", look);
  addEventListener("pagehide", leave);
  const forget = () => {
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", look);
    removeEventListener("pagehide", leave);
  };
  return { happened: () => happened, forget };
}

async function* blocks(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  for (let rest = ""; ; ) {
    const { done, value } = await reader.read();
    if (done) return;
    const parts = (rest + value).split("\n\n");
    rest = parts.pop();
    yield* parts;
  }
}

/** Wait, but no longer than until the page is seen, or the machine is on the network, again. */
function pause(milliseconds) {
  return new Promise((done) => {
    const end = () => {
      clearTimeout(timer);
      removeEventListener("online", end);
      document.removeEventListener("visibilitychange", end);
      done();
    };
    const timer = setTimeout(end, milliseconds);
    addEventListener("online", end);
    document.addEventListener("visibilitychange", end);
  });
}
