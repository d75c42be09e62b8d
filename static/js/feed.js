// The feed can be held still: `p` or the button pauses it, counts what arrives, and catches up.

const region = document.getElementById("feed-rows");
const button = document.getElementById("feed-pause");
const counter = document.getElementById("feed-counter");
const spoken = document.getElementById("feed-spoken");
const href = (icon) => button.querySelector("use").getAttribute("href").replace(/#.*/, `#${icon}`);
const SPEAK_MS = 5000;

// What the page shows already is sent again by a catch-up: it is not new.
const seen = Number(document.body.dataset.cursor);
const waiting = new Set();
const unsaid = new Set();
let spokeAt = 0;
let known = new Set(ids());

function ids() {
  return [...region.querySelectorAll("[data-id]")].map((row) => row.dataset.id);
}

function isPaused() {
  return region.dataset.paused !== undefined;
}

function say() {
  if (unsaid.size === 0 || Date.now() - spokeAt < SPEAK_MS) return;
  spoken.textContent = unsaid.size === 1 ? "1 anomaly is new or changed" : `${unsaid.size} anomalies are new or changed`;
  unsaid.clear();
  spokeAt = Date.now();
}

function draw() {
  const paused = isPaused();
  button.querySelector("use").setAttribute("href", href(paused ? "play" : "pause"));
  button.querySelector("[data-word]").textContent = paused ? "Catch up" : "Pause";
  button.setAttribute("aria-pressed", String(paused));
  counter.textContent = paused ? `${waiting.size} new` : "";
}

function toggle() {
  if (isPaused()) {
    delete region.dataset.paused;
    waiting.clear();
    region.dispatchEvent(new CustomEvent("refresh"));
  } else {
    region.dataset.paused = "";
  }
  draw();
}

button.addEventListener("click", toggle);
document.addEventListener("keydown", (event) => {
  if (event.key !== "p" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, textarea, select") || document.querySelector("dialog[open]")) return;
  event.preventDefault();
  toggle();
});

document.addEventListener("mesh:event", (event) => {
  const { id, ref, topic } = event.detail;
  if (id <= seen || !region.dataset.live.split(/\s+/).includes(topic)) return;
  unsaid.add(ref);
  if (isPaused()) {
    waiting.add(ref);
    draw();
  }
  say();
});

document.addEventListener("htmx:after:swap", () => {
  const now = ids();
  for (const row of region.querySelectorAll("[data-id]")) row.classList.toggle("is-new", !known.has(row.dataset.id));
  known = new Set(now);
});

setInterval(say, 1000);
