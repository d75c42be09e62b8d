// The page's live link: one WebSocket with a cursor, a poll where that fails, and regions that
// fetch themselves again. A region is `<section data-live="topic ..." hx-get="..."
// hx-trigger="refresh">`; `data-every="5"` also refreshes it every five seconds.

const body = document.body;
const badge = document.getElementById("live");
const words = { live: "live", reconnecting: "reconnecting", degraded: "degraded" };
const GAP_MS = 200;
const POLL_MS = 3000;
const SIGNED_OUT = 4401;

let cursor = Number(body.dataset.cursor || 0);
let attempts = 0;
let socket = null;
let poller = null;
let isFeedDegraded = false;
let isPageDegraded = body.hasAttribute("data-degraded");

function topics() {
  const named = [...document.querySelectorAll("[data-live]")].flatMap((region) => region.dataset.live.split(/\s+/));
  return [...new Set(named.filter(Boolean))];
}

function show(state) {
  const isDegraded = isFeedDegraded || isPageDegraded;
  document.getElementById("degraded").hidden = !isDegraded;
  const shown = state === "live" && isDegraded ? "degraded" : state;
  if (badge.dataset.liveState === shown) return;
  badge.dataset.liveState = shown;
  badge.querySelector("[data-word]").textContent = words[shown];
}

const isOpen = () => socket?.readyState === WebSocket.OPEN;

// Regions with live figures know best whether there are any: they say so when there are none.
// Every page has one at least, the padlock of its frame.
document.addEventListener("htmx:after:swap", () => {
  isPageDegraded = document.querySelector("[data-degraded-now]") !== null;
  if (isOpen()) show("live");
});

/** Refresh a region now, or once the last refresh is GAP_MS old; many events are one fetch. */
function refresh(region) {
  if (region.dataset.paused !== undefined) return;
  const wait = (region.refreshedAt ?? 0) + GAP_MS - Date.now();
  if (wait <= 0) {
    region.refreshedAt = Date.now();
    region.dispatchEvent(new CustomEvent("refresh"));
  } else if (!region.refreshSoon) {
    region.refreshSoon = setTimeout(() => {
      region.refreshSoon = null;
      refresh(region);
    }, wait);
  }
}

// Ids are given out before commit, so one below the cursor may come late, and recent ones come twice.
const known = new Set();
const KNOWN_LIMIT = 2000;

function isKnown(id) {
  if (known.has(id)) return true;
  known.add(id);
  if (known.size > KNOWN_LIMIT) known.delete(known.values().next().value);
  return false;
}

function dispatch(event) {
  const id = Number(event.id ?? 0);
  if (id && isKnown(id)) return;
  cursor = Math.max(cursor, id);
  document.dispatchEvent(new CustomEvent("mesh:event", { detail: event }));
  for (const region of document.querySelectorAll(`[data-live~="${CSS.escape(event.topic ?? "")}"]`)) refresh(region);
}

function refreshAll() {
  for (const region of document.querySelectorAll("[data-live], [data-every]")) refresh(region);
}

function take(message) {
  if (message.topic) dispatch(message);
  message.results?.forEach(dispatch);
  if (message.cursor !== undefined) cursor = Math.max(cursor, Number(message.cursor));
  if (message.degraded !== undefined) {
    isFeedDegraded = Boolean(message.degraded);
    show("live");
  }
  if (message.reset === true || message.type === "reset") refreshAll();
}

async function poll() {
  try {
    const query = new URLSearchParams({ since: String(cursor), topics: topics().join(",") });
    const answer = await fetch(`${body.dataset.events}?${query}`, { headers: { Accept: "application/json" } });
    if (answer.ok) take(await answer.json());
    else if (answer.status === 503) show("degraded");
  } catch {
    show("reconnecting");
  }
}

function startPolling() {
  poller ??= setInterval(() => { if (!document.hidden) poll(); }, POLL_MS);
}

function stopPolling() {
  clearInterval(poller);
  poller = null;
}

/** The session ended: the page itself knows where to sign in. Never twice in a row. */
function signInAgain() {
  const last = Number(sessionStorage.getItem("mesh-signed-out") ?? 0);
  sessionStorage.setItem("mesh-signed-out", String(Date.now()));
  if (Date.now() - last > 10_000) location.reload();
  else show("reconnecting");
}

function connect() {
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  const query = new URLSearchParams({ topics: topics().join(","), since: String(cursor) });
  socket = new WebSocket(`${scheme}//${location.host}${body.dataset.socket}?${query}`);
  socket.addEventListener("open", () => {
    if (attempts > 0) refreshAll();
    attempts = 0;
    stopPolling();
    show("live");
  });
  socket.addEventListener("message", (event) => take(JSON.parse(event.data)));
  socket.addEventListener("close", (event) => {
    if (event.code === SIGNED_OUT) return signInAgain();
    show("reconnecting");
    attempts += 1;
    if (attempts >= 2) startPolling();
    const ceiling = Math.min(15000, 500 * 2 ** attempts);
    setTimeout(connect, ceiling / 2 + Math.random() * (ceiling / 2));
  });
}

setInterval(() => {
  if (document.hidden) return;
  const now = Date.now();
  for (const region of document.querySelectorAll("[data-every]")) {
    const due = (region.tickedAt ??= now) + Number(region.dataset.every) * 1000;
    if (now >= due) {
      region.tickedAt = now;
      refresh(region);
    }
  }
}, 100);

document.addEventListener("visibilitychange", () => { if (!document.hidden) refreshAll(); });

if (badge) connect();
