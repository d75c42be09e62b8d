// What every page needs: the CSRF header, menus, confirmation dialogs, and times that age.

const csrf = () => document.querySelector('meta[name="csrf-token"]')?.content ?? "";

// htmx 4 inherits nothing by itself, so the header is put on here, for our own origin only.
document.addEventListener("htmx:config:request", (event) => {
  const { request } = event.detail.ctx;
  if (request.method !== "GET") request.headers["X-CSRFToken"] = csrf();
});

// A session that ended answers a fragment request with the sign-in page: go there instead.
document.addEventListener("htmx:before:response", (event) => {
  const { raw } = event.detail.ctx.response;
  if (raw.redirected && new URL(raw.url).pathname === document.body.dataset.login) {
    event.preventDefault();
    location.reload();
  }
});

function toggleMenu(button) {
  const panel = document.getElementById(button.getAttribute("aria-controls"));
  const open = button.getAttribute("aria-expanded") !== "true";
  button.setAttribute("aria-expanded", String(open));
  panel.classList.toggle("is-open", open);
  if (panel.dataset.panel === "hide") panel.hidden = !open;
}

function closeMenus(except) {
  for (const button of document.querySelectorAll('[data-menu][aria-expanded="true"]')) {
    if (button !== except) toggleMenu(button);
  }
}

document.addEventListener("click", (event) => {
  const menu = event.target.closest("[data-menu]");
  if (!event.target.closest("[data-panel]")) closeMenus(menu);
  if (menu) toggleMenu(menu);
  const opener = event.target.closest("[data-opens]");
  if (opener && opener.getAttribute("aria-disabled") !== "true") {
    document.getElementById(opener.dataset.opens)?.showModal();
  }
  if (event.target.closest("[data-closes]")) event.target.closest("dialog")?.close();
  if (event.target instanceof HTMLDialogElement) event.target.close();
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") closeMenus(null);
});

// A select or a search box marked so sends its form by itself.
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-submits]")) event.target.form.requestSubmit();
});

const steps = [[60, "s", 1], [3600, "min", 60], [86400, "h", 3600], [Infinity, "d", 86400]];

export function ago(then, now = Date.now()) {
  const seconds = Math.max(0, Math.round((now - then) / 1000));
  if (seconds < 2) return "just now";
  const [, unit, size] = steps.find(([below]) => seconds < below);
  return `${Math.floor(seconds / size)} ${unit} ago`;
}

setInterval(() => {
  if (document.hidden) return;
  for (const time of document.querySelectorAll("time[data-ago]")) {
    const text = ago(Date.parse(time.dateTime));
    if (time.textContent !== text) time.textContent = text;
  }
}, 2000);

const sizes = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];

/** Seconds in their two largest units, as the server says them. */
function lasts(seconds) {
  let rest = Math.max(0, Math.round(seconds));
  const parts = [];
  for (const [size, unit] of sizes) {
    if (rest >= size) parts.push(`${Math.floor(rest / size)} ${unit}`);
    rest %= size;
  }
  return parts.slice(0, 2).join(" ") || "0 s";
}

setInterval(() => {
  if (document.hidden) return;
  for (const time of document.querySelectorAll("time[data-until]")) {
    const text = lasts((Date.parse(time.dateTime) - Date.now()) / 1000);
    if (time.textContent !== text) time.textContent = text;
  }
}, 1000);

// A copy button takes the text of the element that it names, and says so for a moment.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copies]");
  if (!button) return;
  const source = document.getElementById(button.dataset.copies);
  const word = button.querySelector("[data-word]");
  try {
    await navigator.clipboard.writeText(source.textContent.trim());
    word.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(source);
    word.textContent = "Selected";
  }
  setTimeout(() => { word.textContent = "Copy"; }, 2000);
});
