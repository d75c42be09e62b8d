// The split editor: weights that always sum to 100, drawn while they are moved.

const LABEL_PERCENT = 14;
const form = () => document.getElementById("split-form");
const numbers = () => [...form().querySelectorAll("input[type=number]")];
const clamp = (value) => Math.min(100, Math.max(0, Math.round(Number(value) || 0)));

/** Share what is left of 100 among the other groups in the proportion that they had. */
function balance(changed) {
  const others = numbers().filter((number) => number !== changed);
  const rest = 100 - clamp(changed.value);
  const before = others.reduce((sum, number) => sum + clamp(number.value), 0);
  let left = rest;
  others.forEach((number, index) => {
    const share = before === 0 ? 1 / others.length : clamp(number.value) / before;
    const isLast = index === others.length - 1;
    const value = isLast ? left : Math.min(left, Math.round(rest * share));
    number.value = value;
    left -= value;
  });
}

function draw() {
  if (!form()) return;
  let from = 0;
  let sum = 0;
  for (const number of numbers()) {
    const value = Number(number.value) || 0;
    sum += value;
    const range = form().querySelector(`input[type=range][data-for="${CSS.escape(number.name)}"]`);
    if (range) range.value = clamp(value);
    const bar = document.querySelector(`#split-next rect[data-group="${CSS.escape(number.dataset.group)}"]`);
    bar?.setAttribute("x", `${from}%`);
    bar?.setAttribute("width", `${value}%`);
    const label = document.querySelector(`#split-next text[data-label="${CSS.escape(number.dataset.group)}"]`);
    label?.setAttribute("x", `${from + value / 2}%`);
    if (label) label.textContent = value >= LABEL_PERCENT ? `${number.dataset.group} ${value}%` : "";
    from += value;
  }
  const isWhole = Math.abs(sum - 100) < 0.005;
  const isChanged = numbers().some((number) => Number(number.value) !== Number(number.dataset.now));
  const total = document.getElementById("weight-total");
  total.textContent = isWhole ? (isChanged ? "Sums to 100, not applied yet" : "As in force") : `Sums to ${sum}: make it 100`;
  total.className = isWhole ? "soft" : "is-bad";
  for (const button of form().querySelectorAll("button[data-needs-change]")) {
    button.disabled = button.dataset.refused !== undefined || !isWhole || !isChanged;
  }
}

function changed() {
  document.getElementById("preview")?.replaceChildren();
  draw();
}

document.addEventListener("input", ({ target }) => {
  if (!target.closest("#split-form")) return;
  if (target.type === "range") {
    const number = form().elements.namedItem(target.dataset.for);
    number.value = target.value;
    balance(number);
    changed();
  } else if (target.type === "number") {
    balance(target);
    changed();
  }
});

document.addEventListener("click", ({ target }) => {
  const preset = target.closest("[data-preset]");
  if (!preset) return;
  const values = preset.dataset.preset.split(",");
  numbers().forEach((number, index) => { number.value = values[index]; });
  changed();
});

document.addEventListener("htmx:after:swap", draw);
draw();
