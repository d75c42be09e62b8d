// The feed can be held still: `p` or the button pauses it, counts what arrives, and catches up.

const region = document.getElementById("feed-rows");
const button = document.getElementById("feed-pause");
const counter = document.getElementById("feed-counter");
const spoken = document.getElementById("feed-spoken");
const href = (icon) => button.querySelector("use").getAttribute("href").replace(/#.*/, `#${icon}`);
const SPEAK_MS = 5000;

let waiting = 0;
let unsaid = 0;
let spokeAt = 0;
let known = new Set(ids());

function ids() {
  return [...region.querySelectorAll("[data-id]")].map((row) => row.dataset.id);
}

function isPaused() {
  return region.dataset.paused !== undefined;
}

function say() {
  if (unsaid === 0 || Date.now() - spokeAt < SPEAK_MS) return;
  spoken.textContent = unsaid === 1 ? "1 new anomaly" : `${unsaid} new anomalies`;
  unsaid = 0;
  spokeAt = Date.now();
}

function draw() {
  const paused = isPaused();
  button.querySelector("use").setAttribute("href", href(paused ? "play" : "pause"));
  button.querySelector("[data-word]").textContent = paused ? "Catch up" : "Pause";
  button.setAttribute("aria-pressed", String(paused));
  counter.textContent = paused ? `${waiting} new` : "";
}

function toggle() {
  if (isPaused()) {
    delete region.dataset.paused;
    waiting = 0;
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
  if (!region.dataset.live.split(/\s+/).includes(event.detail.topic)) return;
  unsaid += 1;
  if (isPaused()) {
    waiting += 1;
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
