// Keyboard: j/k move, o or Enter opens, / searches, g + letter goes, ? explains, Esc closes.

const goes = new Map();
for (const link of document.querySelectorAll("[data-go]")) goes.set(link.dataset.go, link.href);

let waitingForPlace = false;

const rows = () => [...document.querySelectorAll("[data-rows] > *, tbody[data-rows] > tr")].filter((row) => row.offsetParent);
const isTyping = (target) => target.closest("input, textarea, select, [contenteditable]") !== null;

function move(step) {
  const all = rows();
  if (all.length === 0) return;
  const at = all.findIndex((row) => row.classList.contains("is-cursor"));
  const next = all[Math.min(all.length - 1, Math.max(0, at + step))] ?? all[0];
  for (const row of all) row.classList.toggle("is-cursor", row === next);
  cursorId = next.id;
  (next.matches("a") ? next : next.querySelector("a"))?.focus({ preventScroll: true });
  next.scrollIntoView({ block: "nearest" });
}

// A region that refreshed itself has lost the cursor: put it back on the row of the same id.
let cursorId = "";
document.addEventListener("htmx:after:swap", () => {
  if (cursorId) document.getElementById(cursorId)?.classList.add("is-cursor");
});

const actions = {
  j: () => move(1),
  k: () => move(-1),
  o: () => document.querySelector(".is-cursor a, a.is-cursor")?.click(),
  "/": () => document.querySelector("main input[type=search]")?.focus(),
  "?": () => document.getElementById("help")?.showModal(),
  g: () => {
    waitingForPlace = true;
    setTimeout(() => { waitingForPlace = false; }, 1200);
  },
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  if (document.querySelector("dialog[open]")) return;
  if (waitingForPlace) {
    waitingForPlace = false;
    const place = goes.get(event.key);
    if (place) location.href = place;
    return;
  }
  const action = actions[event.key];
  if (action) {
    event.preventDefault();
    action();
  }
});
